/**
 * What a thread counts beside the clocks: events get a line of the region, their source is opened in the addon, and
 * the core is told of the line. What the machine refuses is written into the table of events, for the tool to show.
 */
import { constants } from 'node:os';
import {
  EVENT_ESTIMATED,
  EVENT_HIDDEN,
  EVENT_USER_ONLY,
  EVENT_USER_READ,
  V_ERRNO,
  V_FLAGS,
  V_MISSED,
  addLine,
  assert,
  eventRowWord,
  lineOf,
} from '../core/index.ts';
import type { Cpu, Region } from '../core/index.ts';
import { SINGLE_SOURCES } from './addon.ts';
import type { Addon } from './addon.ts';
import type { EventGroup, ResolvedEvent, RusageField, V8Count } from './events/event.ts';
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
  #groups: KernelGroups;

  constructor(host: { addon: Addon; region: Region; pmu: NativePmu; cpu: Cpu }) {
    this.#addon = host.addon;
    this.#region = host.region;
    this.#pmu = host.pmu;
    this.#cpu = host.cpu;
    this.#groups = this.#newGroups();
  }

  /** Counts these from now on; those that are counted already stay as they are. */
  open(groups: readonly EventGroup[]): void {
    const all = groups.flat();
    // Before any line is taken for something else: the tool has numbered the events in this order, too.
    for (const event of this.#unknown(all)) this.#line(event);
    for (const group of groups) if (group.length > 1) this.#openPerf(this.#unknown(group), true);
    this.#openPerf(this.#unknown(all), false);
    for (const event of this.#unknown(all)) {
      if (event.source.kind === 'rusage') this.#openSingle(event, event.source.field);
      if (event.source.kind === 'v8') this.#openSingle(event, event.source.count);
    }
  }

  /** Undefined for what was never asked for. */
  find(event: ResolvedEvent): Counted | undefined {
    if (event.source.kind === 'fixed') return { line: event.source.line, errno: 0 };
    return this.#counted.get(event.name);
  }

  /** The lines of ns in which groups were not on the PMU, where they take turns. */
  missedLines(): number[] {
    const { hardwareGroups, isWaiting } = this.#groups;
    if (hardwareGroups < 2 && !isWaiting) return [];
    const lines = [...this.#counted.values()].map(({ line }) => this.#missedOf(line));
    return [...new Set(lines)].filter((line) => line > 0);
  }

  /** Where the ns are that the event's group was not on the PMU; 0: it always is. */
  missedLineOf(line: number): number {
    const missed = this.#missedOf(line);
    return this.missedLines().includes(missed) ? missed : 0;
  }

  /** Counts only the clocks again. */
  close(): void {
    this.#addon.removeSources();
    this.#pmu.forgetSources();
    this.#counted = new Map();
    this.#groups = this.#newGroups();
  }

  #missedOf(line: number): number {
    return this.#region.i32[eventRowWord(line) + V_MISSED]! - 1;
  }

  #unknown(events: readonly ResolvedEvent[]): ResolvedEvent[] {
    return events.filter((event) => event.source.kind !== 'fixed' && !this.#counted.has(event.name));
  }

  #openPerf(events: readonly ResolvedEvent[], isExplicit: boolean): void {
    const wanted = new Map<Candidate, ResolvedEvent>();
    for (const event of events) {
      if (event.source.kind !== 'perf') continue;
      const line = this.#line(event);
      if (line > 0) wanted.set(candidateOf(event.source, line), event);
    }
    const candidates = [...wanted.keys()];
    if (candidates.length === 0) return;
    if (isExplicit) this.#groups.openGroup(candidates);
    else this.#groups.openLoose(candidates);
    for (const [candidate, event] of wanted) this.#settle(candidate, event);
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
    if (outcome.errno !== 0 || candidate.isSoftware || coreType !== null) return;
    const missed = this.#missedLine(outcome.group);
    if (missed > 0) this.#region.i32[eventRowWord(candidate.line) + V_MISSED] = missed + 1;
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
    if (line < 0) this.#counted.set(event.name, { line, errno: ENOSPC });
    return line;
  }

  #note(event: ResolvedEvent, counted: Counted, flags: number): void {
    this.#counted.set(event.name, counted);
    const row = eventRowWord(counted.line);
    this.#region.i32[row + V_ERRNO] = counted.errno;
    if (counted.errno !== 0) return;
    Atomics.or(this.#region.i32, row + V_FLAGS, flags);
    this.#pmu.events.push(counted.line);
    addLine(this.#cpu, counted.line);
  }

  #newGroups(): KernelGroups {
    return new KernelGroups(this.#addon, (group) => this.#missedLine(group));
  }

  #missedLine(group: number): number {
    const line = lineOf(this.#region, `(missed ${group})`);
    if (line < 0) return 0;
    Atomics.or(this.#region.i32, eventRowWord(line) + V_FLAGS, EVENT_HIDDEN);
    if (!this.#pmu.events.includes(line)) {
      this.#pmu.events.push(line);
      addLine(this.#cpu, line);
    }
    return line;
  }
}

function flagsOf({ isUserOnly, isUserRead }: Outcome): number {
  return (isUserOnly ? EVENT_USER_ONLY : 0) | (isUserRead ? EVENT_USER_READ : 0);
}
