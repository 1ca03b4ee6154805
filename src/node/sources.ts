/**
 * What a thread counts beside the clocks: events get a line of the region, their source is opened in the addon, and
 * the core is told of the line. What the machine refuses is written into the table of events, for the tool to show.
 */
import { constants } from 'node:os';
import {
  EVENT_ESTIMATED,
  EVENT_FAILED,
  EVENT_HIDDEN,
  EVENT_USER_ONLY,
  EVENT_USER_READ,
  H_SESSION,
  THREAD_LIVE,
  T_STATE,
  TaskperfError,
  V_ERRNO,
  V_FLAGS,
  V_MISSED,
  addLine,
  assert,
  eventRowWord,
  forgetLines,
  lineOf,
  threadWord,
} from '../core/index.ts';
import type { Cpu, Region } from '../core/index.ts';
import { SINGLE_SOURCES } from './addon.ts';
import type { Addon } from './addon.ts';
import type { EventGroup, EventSource, ResolvedEvent, RusageField, V8Count } from './events/event.ts';
import { KernelGroups, candidateOf } from './kernel-groups.ts';
import type { Candidate, Outcome } from './kernel-groups.ts';
import type { NativePmu } from './native-pmu.ts';

const { ENOSPC } = constants.errno;
/** Known by difference of the used heap, not allocation by allocation. */
const ESTIMATED: ReadonlySet<RusageField | V8Count> = new Set(['alloc-bytes', 'external-bytes']);

/** What an event is counted on: its line, or the errno that says why it is not. */
export interface Counted {
  readonly line: number;
  readonly errno: number;
}

export class Sources {
  readonly #addon: Addon;
  readonly #region: Region;
  readonly #pmu: NativePmu;
  readonly #cpu: Cpu;
  /** By name, what is counted or was refused. */
  #counted: Map<string, Counted> = new Map();
  /** What each name stands for: names of PMU events are the user's own. */
  readonly #meanings: Map<string, EventSource> = new Map();
  /** By line of an event. */
  readonly #missed: Map<number, number> = new Map();
  #groups: KernelGroups;

  constructor(host: { addon: Addon; region: Region; pmu: NativePmu; cpu: Cpu }) {
    this.#addon = host.addon;
    this.#region = host.region;
    this.#pmu = host.pmu;
    this.#cpu = host.cpu;
    this.#groups = this.#newGroups();
  }

  /**
   * Counts these from now on; those that are counted already stay as they are, those that were refused are tried again.
   * The event that made a group of several fail, if one did.
   */
  open(groups: readonly EventGroup[]): ResolvedEvent | null {
    const all = groups.flat();
    for (const { name } of all) if (this.#counted.get(name)?.errno !== 0) this.#counted.delete(name);
    let culprit: ResolvedEvent | null = null;
    // Before any line is taken for something else: the tool has numbered the events in this order, too.
    for (const event of this.#unknown(all)) this.#line(event);
    for (const group of groups) if (group.length > 1) culprit ??= this.#openPerf(this.#unknown(group), true);
    this.#openPerf(this.#unknown(all), false);
    for (const event of this.#unknown(all)) {
      if (event.source.kind === 'rusage') this.#openSingle(event, event.source.field);
      if (event.source.kind === 'v8') this.#openSingle(event, event.source.count);
    }
    return culprit;
  }

  /** Undefined for what was never asked for. */
  find(event: ResolvedEvent): Counted | undefined {
    if (event.source.kind === 'fixed') return { line: event.source.line, errno: 0 };
    return this.#counted.get(event.name);
  }

  /** A line for an event that another thread is to count, if this one could. */
  offer(event: ResolvedEvent): Counted {
    const line = lineOf(this.#region, event.name);
    if (line < 0) return { line, errno: ENOSPC };
    if (event.source.kind !== 'perf' || event.source.instead !== null) return { line, errno: 0 };
    const trial = KernelGroups.onTrial(this.#addon);
    const candidate = candidateOf(event.source, line);
    trial.openLoose([candidate]);
    return { line, errno: trial.outcomes.get(candidate)!.errno };
  }

  /** The lines of the ns in which the kernel's groups of this thread were not on the PMU. */
  missedLines(): number[] {
    return [...new Set(this.#missed.values())];
  }

  /** Where the ns are that the event's group was not on the PMU; 0: it always is. */
  missedLineOf(line: number): number {
    return this.#missed.get(line) ?? 0;
  }

  /** Counts only the clocks again. */
  close(): void {
    this.#addon.removeSources();
    this.#pmu.forgetSources();
    this.#counted = new Map();
    this.#missed.clear();
    this.#groups = this.#newGroups();
    // Nobody else looks at a region that the program opened itself.
    if (this.#region.i32[H_SESSION] === 0 && isAlone(this.#region)) forgetLines(this.#region);
  }

  #unknown(events: readonly ResolvedEvent[]): ResolvedEvent[] {
    return events.filter((event) => {
      if (event.source.kind === 'fixed') return false;
      if (!this.#counted.has(event.name)) return true;
      if (isSameSource(this.#meanings.get(event.name)!, event.source)) return false;
      const message = `event "${event.name}" is being counted with another meaning: give this one another name`;
      throw new TaskperfError('EINVAL', message, event.name);
    });
  }

  #openPerf(events: readonly ResolvedEvent[], isExplicit: boolean): ResolvedEvent | null {
    const wanted = new Map<Candidate, ResolvedEvent>();
    for (const event of events) {
      if (event.source.kind !== 'perf') continue;
      const line = this.#line(event);
      if (line > 0) wanted.set(candidateOf(event.source, line), event);
    }
    const candidates = [...wanted.keys()];
    if (candidates.length === 0) return null;
    let refused: Candidate | null = null;
    if (isExplicit) refused = this.#groups.openGroup(candidates);
    else this.#groups.openLoose(candidates);
    for (const [candidate, event] of wanted) this.#settle(candidate, event);
    const culprit = refused === null ? undefined : wanted.get(refused);
    return culprit === undefined || this.#counted.get(culprit.name)?.errno === 0 ? null : culprit;
  }

  #settle(candidate: Candidate, event: ResolvedEvent): void {
    const outcome = this.#groups.outcomes.get(candidate)!;
    assert(event.source.kind === 'perf', 'only events of the kernel are in its groups');
    const { instead, coreType } = event.source;
    if (instead !== null && outcome.errno !== 0) {
      this.#openSingle(event, instead);
      return;
    }
    this.#note(event, { line: candidate.line, errno: outcome.errno }, flagsOf(outcome));
    // Time on cores of another kind is not time that it missed.
    if (outcome.missedLine === 0 || coreType !== null) return;
    this.#missed.set(candidate.line, outcome.missedLine);
    this.#watch(outcome.missedLine);
    const row = eventRowWord(candidate.line);
    const known = Atomics.compareExchange(this.#region.i32, row + V_MISSED, 0, outcome.missedLine + 1);
    // Another thread's groups are not ours: what takes turns with what cannot be told any more.
    if (known !== 0 && known !== outcome.missedLine + 1)
      Atomics.or(this.#region.i32, row + V_FLAGS, EVENT_ESTIMATED);
  }

  #openSingle(event: ResolvedEvent, source: RusageField | V8Count): void {
    const line = this.#line(event);
    if (line < 0) return;
    const errno = this.#addon.addSource(SINGLE_SOURCES.indexOf(source), line);
    this.#note(event, { line, errno }, ESTIMATED.has(source) ? EVENT_ESTIMATED : 0);
  }

  /** The event's line; −1, and noted, when all are in use. */
  #line(event: ResolvedEvent): number {
    const line = lineOf(this.#region, event.name);
    if (line < 0) {
      this.#counted.set(event.name, { line, errno: ENOSPC });
      this.#meanings.set(event.name, event.source);
    }
    return line;
  }

  #note(event: ResolvedEvent, counted: Counted, flags: number): void {
    this.#counted.set(event.name, counted);
    this.#meanings.set(event.name, event.source);
    const row = eventRowWord(counted.line);
    this.#region.i32[row + V_ERRNO] = counted.errno;
    if (counted.errno !== 0) return;
    Atomics.and(this.#region.i32, row + V_FLAGS, ~EVENT_FAILED);
    Atomics.or(this.#region.i32, row + V_FLAGS, flags);
    this.#watch(counted.line);
  }

  /** The core books the line from now on. */
  #watch(line: number): void {
    if (this.#pmu.events.includes(line)) return;
    this.#pmu.events.push(line);
    addLine(this.#cpu, line);
  }

  #newGroups(): KernelGroups {
    return new KernelGroups(this.#addon, (group) => this.#missedLine(group));
  }

  #missedLine(group: number): number {
    const line = lineOf(this.#region, `(missed ${group})`);
    if (line < 0) return 0;
    Atomics.or(this.#region.i32, eventRowWord(line) + V_FLAGS, EVENT_HIDDEN);
    return line;
  }
}

/** Does no other thread count in this region? */
function isAlone({ i32, layout }: Region): boolean {
  let live = 0;
  for (let thread = 0; thread < layout.threads; thread++)
    if (i32[threadWord(layout, thread) + T_STATE] === THREAD_LIVE) live++;
  return live === 1;
}

function isSameSource(a: EventSource, b: EventSource): boolean {
  if (a.kind !== 'perf' || b.kind !== 'perf') return a.kind === b.kind;
  const words = ['type', 'config', 'config1', 'config2', 'excludeUser', 'excludeKernel'] as const;
  return words.every((word) => a.spec[word] === b.spec[word]);
}

function flagsOf({ isUserOnly, isUserRead }: Outcome): number {
  return (isUserOnly ? EVENT_USER_ONLY : 0) | (isUserRead ? EVENT_USER_READ : 0);
}
