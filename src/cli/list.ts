/** `taskperf list`: the events that can be asked for here, what they mean, and how exact they are. */
import { catalogue } from '../node/events/catalogue.ts';
import type { CatalogueEntry, CatalogueGroup } from '../node/events/catalogue.ts';
import type { ResolvedEvent } from '../node/events/event.ts';
import { UsageError } from './options.ts';
import { thisMachine } from './doctor/machine.ts';
import { EventSupport } from './event-support.ts';
import type { Support } from './event-support.ts';
import { LIST_HELP } from './help.ts';
import { count } from './units.ts';

/** Schema `taskperf.list/1`; fields are only ever added. */
export interface ListJson {
  readonly schema: 'taskperf.list/1';
  readonly groups: readonly GroupJson[];
}

export interface GroupJson {
  readonly name: string;
  readonly meaning: string;
  readonly events: readonly EventJson[];
}

export interface EventJson extends Support {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly unit: string;
  readonly meaning: string;
}

/** What perf calls the groups. */
const GROUP_ALIASES: Readonly<Record<string, string>> = { hw: 'hardware', sw: 'software', gc: 'v8' };

/** Prints to stdout and returns the exit status. Throws UsageError. */
export function list(args: readonly string[]): number {
  const end = args.indexOf('--');
  const [options, names] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end + 1)];
  const unknown = options.find((arg) => arg.startsWith('-') && !['-h', '--help', '--json'].includes(arg));
  if (unknown !== undefined)
    throw new UsageError(
      `unknown option '${unknown}'; list takes --json and names, as in \`taskperf list cache\``,
    );
  if (options.includes('-h') || options.includes('--help')) {
    process.stdout.write(LIST_HELP);
    return 0;
  }
  const groups = chosen(catalogue(), [...options.filter((arg) => arg !== '--json'), ...names]);
  const support = EventSupport.here(thisMachine());
  const document = listOf(groups, support);
  process.stdout.write(
    options.includes('--json') ? `${JSON.stringify(document, null, 2)}\n` : listText(document),
  );
  return 0;
}

/** What matches one of the patterns: a group by its name, else what has it in its name, with `*` and `?` as in a shell. */
export function chosen(groups: readonly CatalogueGroup[], patterns: readonly string[]): CatalogueGroup[] {
  if (patterns.length === 0) return [...groups];
  const found = new Map<CatalogueGroup, Set<CatalogueEntry>>(groups.map((group) => [group, new Set()]));
  for (const pattern of patterns) {
    const named = groups.filter((group) => isNamed(group, pattern));
    const matches =
      named.length > 0
        ? named.flatMap((group) => group.entries.map((entry) => ({ group, entry })))
        : groups.flatMap((group) => matching(group, pattern).map((entry) => ({ group, entry })));
    if (matches.length === 0)
      throw new UsageError(`no event of this machine matches '${pattern}'; \`taskperf list\` shows all`);
    for (const { group, entry } of matches) found.get(group)!.add(entry);
  }
  return groups
    .map((group) => ({ ...group, entries: group.entries.filter((entry) => found.get(group)!.has(entry)) }))
    .filter(({ entries }) => entries.length > 0);
}

function isNamed({ title }: CatalogueGroup, pattern: string): boolean {
  const wanted = pattern.toLowerCase();
  return title.toLowerCase() === (GROUP_ALIASES[wanted] ?? wanted);
}

function matching({ entries }: CatalogueGroup, pattern: string): readonly CatalogueEntry[] {
  const escaped = pattern
    .toLowerCase()
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const glob = new RegExp(escaped);
  return entries.filter(({ name, aliases }) =>
    [name, ...aliases].some((one) => glob.test(one.toLowerCase())),
  );
}

export function listOf(groups: readonly CatalogueGroup[], support: Pick<EventSupport, 'of'>): ListJson {
  return {
    schema: 'taskperf.list/1',
    groups: groups.map(({ title, meaning, entries }) => {
      return { name: title, meaning, events: entries.map((entry) => eventJson(entry, support)) };
    }),
  };
}

/** On a machine with several kinds of core a name stands for several events: the worst of them speaks for it. */
function eventJson({ name, aliases, events }: CatalogueEntry, support: Pick<EventSupport, 'of'>): EventJson {
  const judged = events.map((event) => support.of(event));
  const worst =
    judged.find(({ kind }) => kind === null) ?? judged.find(({ kind }) => kind !== 'exact') ?? judged[0]!;
  const { unit, meaning }: ResolvedEvent = events[0]!;
  return { name, aliases, unit, meaning, ...worst };
}

/** For people. Reasons are said once, below: they are the same for most events. */
export function listText({ groups }: ListJson): string {
  const events = groups.flatMap((group) => group.events);
  const nameWidth = Math.max(...events.map((event) => labelOf(event).length));
  const line = (event: EventJson): string =>
    `  ${labelOf(event).padEnd(nameWidth)}  ${event.unit.padEnd(5)}  ${stateOf(event).padEnd(STATE_WIDTH)}  ${event.meaning}`;
  const sections = groups.map(
    (group) => `${group.name}: ${group.meaning}\n\n${group.events.map(line).join('\n')}\n`,
  );
  return `${[...sections, ...reasonLines(events), SYNTAX].join('\n')}\n`;
}

function labelOf({ name, aliases }: EventJson): string {
  return [name, ...aliases].join(', ');
}

const NOT_SUPPORTED = '<not supported>';
const STATE_WIDTH = NOT_SUPPORTED.length;

function stateOf({ kind, userOnly }: EventJson): string {
  return kind === null ? NOT_SUPPORTED : userOnly ? 'user space only' : kind;
}

function reasonLines(events: readonly EventJson[]): string[] {
  const byReason = new Map<string, EventJson[]>();
  for (const event of events) {
    if (event.reason === null) continue;
    const text = `${stateOf(event)}: NAMES; ${event.reason}`;
    byReason.set(text, [...(byReason.get(text) ?? []), event]);
  }
  const lines = [...byReason].map(([text, all]) => text.replace('NAMES', namesOf(all)));
  return lines.length === 0 ? [] : [`${lines.join('\n')}\n`];
}

/** The first few, and how many more. */
function namesOf(events: readonly EventJson[]): string {
  const [shown, rest] = [events.slice(0, 4), events.length - 4];
  return shown.map(({ name }) => name).join(', ') + (rest > 0 ? ` and ${count(rest)} more` : '');
}

const SYNTAX = `Also, behind -e:

  cycles:u, cycles:k           in user space or in the kernel only
  {cycles,instructions}        on the processor's counters together, or not at all
  r1a8                         a raw event of the processor, in hexadecimal
  cpu/event=0x3c,umask=0x1/    an event of a PMU, by the terms of its format (/sys/bus/event_source/devices)`;
