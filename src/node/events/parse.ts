/**
 * From the text of `-e` to events that can be counted. Every mistake is a TaskperfError with one sentence: EINVAL for what
 * cannot be meant, ENOENT for a name that this machine does not know.
 *
 * A machine with several kinds of core has a PMU for each. There an event of the processor becomes one event per PMU, and a
 * group one group per PMU, as in perf.
 */
import { TaskperfError } from '../../core/index.ts';
import { CACHE_EVENTS, cacheEvent } from './cache.ts';
import { EVENT_NAME_BYTES_MAX, perfSpec } from './event.ts';
import type { EventGroup, EventSource, PerfSource, PerfSpec, ResolvedEvent } from './event.ts';
import { KNOWN_EVENTS, PERF_TYPE_RAW, knownEvent } from './known.ts';
import type { KnownEvent } from './known.ts';
import { nearestFew } from './nearest.ts';
import { RAW_EVENT, forCorePmu, parsePmuEvent } from './pmu-event.ts';
import { readPmus } from './pmus.ts';
import type { Pmu } from './pmus.ts';
import { parseSyntax } from './syntax.ts';
import type { WrittenEvent, WrittenGroup } from './syntax.ts';

/** What `:u` and `:k` say; both false without a modifier. */
interface Modifiers {
  /** In the order of the letters u, k: '', 'u', 'k' or 'uk'. */
  readonly letters: string;
  readonly excludeUser: boolean;
  readonly excludeKernel: boolean;
}

/** The PMUs are asked for when a name needs them. */
export type Pmus = () => readonly Pmu[];

let found: readonly Pmu[] | undefined;
/** Of this machine; read once. */
export function systemPmus(): readonly Pmu[] {
  return (found ??= readPmus());
}

/**
 * Groups in the order given. An event that is asked for twice is in the list once, in its group if it has one. Events that
 * the kernel's PMUs do not count may stand in a group, too; they are counted as they are outside of it.
 */
export function parseEvents(list: string, pmus: Pmus = systemPmus): EventGroup[] {
  const groups = parseSyntax(list).flatMap((group) => resolveGroup(group, pmus));
  return withoutRepeats(groups);
}

/** One group per kind of core; what counts on all of them goes with the first. */
function resolveGroup(group: WrittenGroup, pmus: Pmus): EventGroup[] {
  const events = group.flatMap((written) => resolve(written, pmus));
  const types = [...new Set(events.map(coreType))].filter((type) => type !== null);
  if (types.length < 2) return [events];
  return types.map((type, i) =>
    events.filter((event) => coreType(event) === type || (i === 0 && coreType(event) === null)),
  );
}

function coreType({ source }: ResolvedEvent): string | null {
  return source.kind === 'perf' ? source.coreType : null;
}

/** One event, or one per core PMU. */
function resolve(written: WrittenEvent, pmus: Pmus): ResolvedEvent[] {
  const events = written.terms === null ? resolveName(written, pmus) : [resolvePmuEvent(written, pmus())];
  const modifiers = parseModifiers(written);
  return modifiers.letters === '' ? events : events.map((event) => modified(event, modifiers));
}

function resolveName(written: WrittenEvent, pmus: Pmus): ResolvedEvent[] {
  const { name } = written;
  const known = knownEvent(name) ?? cacheEvent(name);
  if (known !== undefined) return resolveKnown(known, pmus);
  const raw = RAW_EVENT.exec(name);
  if (raw !== null) return resolveRaw(name, BigInt(`0x${raw[1]}`), pmus);
  const cores = corePmus(pmus());
  const named = cores.filter((pmu) => pmu.events.has(name));
  if (named.length === 0) throw unknownEvent(written, pmus());
  const event = { name, ...COUNT, meaning: `event ${name} of the processor` };
  return named.map((pmu) => {
    const source = perfSource(parsePmuEvent(pmu, name).spec);
    return cores.length < 2 ? { ...event, source } : onCore(pmu, { ...event, source }, source.spec);
  });
}

function resolveKnown(known: KnownEvent, pmus: Pmus): ResolvedEvent[] {
  const { name, unit, meaning, additive, source } = known;
  const event = { name, unit, meaning, additive, source };
  if (source.kind !== 'perf' || known.kind === 'software') return [event];
  const cores = corePmus(pmus());
  if (cores.length < 2) return [event];
  return cores.map((pmu) => onCore(pmu, event, forCorePmu(source.spec, pmu)));
}

function resolveRaw(name: string, config: bigint, pmus: Pmus): ResolvedEvent[] {
  const meaning = `raw event ${name} of the processor; its manual tells what it counts`;
  const source = perfSource(perfSpec(PERF_TYPE_RAW, config));
  const event = { name, ...COUNT, meaning, source };
  const cores = corePmus(pmus());
  if (cores.length < 2) return [event];
  return cores.map((pmu) => onCore(pmu, event, perfSpec(pmu.type, config)));
}

function resolvePmuEvent(written: WrittenEvent, pmus: readonly Pmu[]): ResolvedEvent {
  const pmu = pmus.find(({ name }) => name === written.name);
  if (pmu === undefined) throw unknownPmu(written, pmus);
  const terms = written.terms!;
  const { spec, name } = parsePmuEvent(pmu, terms);
  const source = perfSource(spec, pmu.isCore && corePmus(pmus).length > 1 ? pmu.name : null);
  const text = `${pmu.name}/${terms.replace(/\s+/g, '')}/`;
  return { name: name ?? text, ...COUNT, meaning: `${terms} of the PMU ${pmu.name}`, source };
}

const COUNT = { unit: 'count', additive: true } as const;

function perfSource(spec: PerfSpec, onlyCoreType: string | null = null): PerfSource {
  return { kind: 'perf', spec, instead: null, kernelOnly: false, coreType: onlyCoreType };
}

/** The event for one of several kinds of core. */
function onCore(pmu: Pmu, event: ResolvedEvent, spec: PerfSpec): ResolvedEvent {
  const meaning = `${event.meaning}, on the cores of ${pmu.name}`;
  return { ...event, name: `${pmu.name}/${event.name}/`, meaning, source: perfSource(spec, pmu.name) };
}

export function corePmus(pmus: readonly Pmu[]): Pmu[] {
  return pmus.filter(({ isCore }) => isCore);
}

function parseModifiers({ text, modifiers }: WrittenEvent): Modifiers {
  const wrong = /[^uk]/.exec(modifiers)?.[0];
  if (wrong !== undefined) {
    throw new TaskperfError(
      'EINVAL',
      `modifier '${wrong}' of '${text}' is not supported; ':u' counts in user space only, ':k' in the kernel only`,
      wrong,
    );
  }
  const letters = ['u', 'k'].filter((letter) => modifiers.includes(letter)).join('');
  return { letters, excludeUser: letters === 'k', excludeKernel: letters === 'u' };
}

function modified(event: ResolvedEvent, { letters, excludeUser, excludeKernel }: Modifiers): ResolvedEvent {
  const { name, source } = event;
  if (source.kind !== 'perf') {
    throw new TaskperfError(
      'EINVAL',
      `'${name}' cannot be split into user space and kernel; write it without ':${letters}'`,
      letters,
    );
  }
  if (source.kernelOnly && excludeKernel) {
    throw new TaskperfError(
      'EINVAL',
      `'${name}' happens in the kernel only, with ':u' it would always be 0; write it without`,
      letters,
    );
  }
  // getrusage knows the sum alone.
  const instead = excludeUser || excludeKernel ? null : source.instead;
  const spec = { ...source.spec, excludeUser, excludeKernel };
  const shown = name.endsWith('/') ? `${name}${letters}` : `${name}:${letters}`;
  return { ...event, name: shown, source: { ...source, spec, instead } };
}

/** An event by itself gives way to the same one in a group; two groups cannot share one, it would be counted twice. */
function withoutRepeats(groups: readonly EventGroup[]): EventGroup[] {
  checkNames(groups.flat());
  const unique = groups.map((group) =>
    group.filter(({ name }, i) => group.findIndex((event) => event.name === name) === i),
  );
  const inGroups = new Set<string>();
  for (const { name } of unique.filter(({ length }) => length > 1).flat()) {
    if (inGroups.has(name)) {
      throw new TaskperfError('EINVAL', `'${name}' is in two groups; leave it out of one of them`, name);
    }
    inGroups.add(name);
  }
  const alone = new Set<string>();
  return unique.filter((group) => {
    if (group.length > 1) return true;
    const { name } = group[0]!;
    if (inGroups.has(name) || alone.has(name)) return false;
    alone.add(name);
    return true;
  });
}

/** The region's room is limited, and a name stands for one event. */
function checkNames(events: readonly ResolvedEvent[]): void {
  const meant = new Map<string, string>();
  for (const { name, source } of events) {
    if (Buffer.byteLength(name) > EVENT_NAME_BYTES_MAX) {
      throw new TaskperfError(
        'EINVAL',
        `the event name '${name}' is longer than ${EVENT_NAME_BYTES_MAX} bytes; give it a short one with name=`,
        name,
      );
    }
    const meaning = sourceText(source);
    if ((meant.get(name) ?? meaning) !== meaning) {
      throw new TaskperfError('EINVAL', `two different events are named '${name}'; change one name=`, name);
    }
    meant.set(name, meaning);
  }
}

function sourceText(source: EventSource): string {
  return JSON.stringify(source, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
}

function unknownEvent({ text, name, modifiers }: WrittenEvent, pmus: readonly Pmu[]): TaskperfError {
  const candidates = [
    ...KNOWN_EVENTS.flatMap((event) => [event.name, ...event.aliases]),
    ...CACHE_EVENTS.map((event) => event.name),
    ...corePmus(pmus).flatMap((pmu) => [...pmu.events.keys()]),
  ];
  const isTracepoint = /[^ukhpPGHSDWeIRb]/.test(modifiers);
  const hint = isTracepoint ? 'tracepoints are not counted; ' : didYouMean(name, candidates);
  return new TaskperfError(
    'ENOENT',
    `unknown event '${text}'; ${hint}\`taskperf list\` shows what this machine can count`,
    text,
  );
}

function unknownPmu({ name }: WrittenEvent, pmus: readonly Pmu[]): TaskperfError {
  const names = pmus.filter(({ formats }) => formats.size > 0).map((pmu) => pmu.name);
  const known = names.length === 0 ? 'this machine shows none' : `there are ${names.join(', ')}`;
  return new TaskperfError('ENOENT', `unknown PMU '${name}'; ${didYouMean(name, names)}${known}`, name);
}

function didYouMean(text: string, candidates: readonly string[]): string {
  const near = nearestFew(text, candidates, 3).map((name) => `'${name}'`);
  return near.length === 0 ? '' : `did you mean ${near.join(' or ')}? `;
}
