/**
 * Kernel events of threads that are in no region. Each thread has its own counters; the command as a whole has one more
 * of each, inherited by all that it starts, so that what is too short to be seen is in the sum.
 *
 * A JavaScript thread counts its own events. What it counts with registers must not be counted by us as well, or the two
 * would take turns on the PMU: on what is, or may become, such a thread we open none. Events of the kernel's own code are
 * free of that: there the difference is what Node.js did before taskperf counted.
 */
import { constants } from 'node:os';
import { EVENT_LINES } from '../core/layout.ts';
import type { EventSource, PerfSpec, RusageField } from '../node/events/event.ts';
import type { Counter, Kernel, KernelCounter, OpenOptions } from './os-counter.ts';
import { ProcCounter } from './os-usage.ts';

export interface OsEvent {
  readonly line: number;
  /** What perf_event_open counts; null: only `field` is. */
  readonly spec: PerfSpec | null;
  /** Counted by registers. */
  readonly isHardware: boolean;
  /** Without the kernel's part it would be something else, or nothing. */
  readonly needsKernel: boolean;
  /** What serves where perf_event_open is refused. */
  readonly field: RusageField | null;
}

const TYPE_SOFTWARE = 1;
const { EACCES, EPERM, ESRCH } = constants.errno;

/** Those of the events that the kernel counts on any thread. */
export function osEvents(sources: ReadonlyMap<{ readonly id: number }, EventSource>): OsEvent[] {
  return [...sources].flatMap(([{ id: line }, source]): OsEvent[] => {
    if (source.kind === 'rusage') {
      const { field } = source;
      return [{ line, spec: null, isHardware: false, needsKernel: true, field }];
    }
    if (source.kind !== 'perf') return [];
    const { spec, instead: field, kernelOnly } = source;
    const isHardware = spec.type !== TYPE_SOFTWARE;
    return [{ line, spec, isHardware, needsKernel: kernelOnly || field !== null, field }];
  });
}

export interface Target {
  readonly pid: number;
  readonly tid: number;
}

/** Opens an event with the kernel's part, if that is permitted. What the first thread is refused all are. */
export class EventOpener {
  /** Why an event is not counted, by line. */
  readonly refused: Map<number, number> = new Map();
  /** Events that are read from /proc instead, by line. */
  readonly fields: Map<number, RusageField> = new Map();
  isUserOnly = false;
  readonly #kernel: Kernel;
  /** Lines that were opened once: a later refusal is that of one thread, not of the event. */
  readonly #opened: Set<number> = new Set();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  open(target: Target, event: OsEvent, options: OpenOptions): Counter | undefined {
    const { line, field } = event;
    if (this.refused.has(line)) return undefined;
    if (!this.fields.has(line)) {
      const counter = event.spec === null ? EACCES : this.#openPerf(target.tid, event, event.spec, options);
      if (typeof counter !== 'number') {
        this.#opened.add(line);
        return counter;
      }
      // A thread that has gone says nothing about the event.
      if (this.#opened.has(line) || counter === ESRCH) return undefined;
      if (field === null) this.refused.set(line, counter);
      else this.fields.set(line, field);
    }
    return field === null || options.inherit === true
      ? undefined
      : new ProcCounter(target.pid, target.tid, field);
  }

  #openPerf(tid: number, event: OsEvent, spec: PerfSpec, options: OpenOptions): KernelCounter | number {
    const counter = this.isUserOnly ? EACCES : this.#kernel.open(tid, spec, options);
    if ((counter !== EACCES && counter !== EPERM) || event.needsKernel) return counter;
    const less = this.#kernel.open(tid, { ...spec, excludeKernel: true }, options);
    if (typeof less !== 'number' && !spec.excludeKernel) this.isUserOnly = true;
    return less;
  }
}

/** The events of one thread, or of all when they are inherited. */
export class EventCounters {
  /** By line, as of the last reading; of a JavaScript thread all that it did. */
  readonly values: Float64Array = new Float64Array(EVENT_LINES);
  /** The part of the time in which each was counted, of the lines that are. */
  readonly shares: Map<number, number> = new Map();
  readonly #counters: Map<OsEvent, Counter> = new Map();
  /** The least that was counted beside what the region had at the same time. */
  readonly #beside: Float64Array = new Float64Array(EVENT_LINES).fill(Infinity);
  #isComplete = false;

  open(opener: EventOpener, target: Target, events: readonly OsEvent[], options: OpenOptions = {}): void {
    for (const event of events) {
      if (this.#counters.has(event)) continue;
      const counter = opener.open(target, event, options);
      if (counter === undefined) continue;
      this.#counters.set(event, counter);
      this.shares.set(event.line, 1);
    }
  }

  read(): void {
    for (const [{ line }, counter] of this.#counters) {
      this.values[line] = counter.read();
      this.shares.set(line, counter.share);
    }
  }

  /** A JavaScript thread, that had counted this much itself just before the last reading. */
  note(region: Float64Array): void {
    for (const { line } of this.#counters.keys())
      this.#beside[line] = Math.min(this.#beside[line]!, this.#less(region, line));
  }

  /** What a JavaScript thread did beside what it has counted itself. */
  beside(region: Float64Array, line: number): number {
    if (this.#isComplete) return this.#less(region, line);
    return this.#beside[line] === Infinity ? 0 : this.#beside[line]!;
  }

  /** Forgets what registers have counted: their thread counts by itself. */
  closeHardware(): void {
    for (const [event, counter] of this.#counters) {
      if (!event.isHardware) continue;
      counter.close();
      this.#counters.delete(event);
      this.shares.delete(event.line);
      this.values[event.line] = 0;
      this.#beside[event.line] = Infinity;
    }
  }

  /** Stops counting and keeps the values. */
  close(): void {
    for (const counter of this.#counters.values()) counter.close();
    this.#counters.clear();
  }

  /** The thread has gone: nothing is missing. */
  end(): void {
    this.#isComplete = this.#counters.size > 0;
    this.read();
    this.close();
  }

  #less(region: Float64Array, line: number): number {
    return Math.max(0, this.values[line]! - region[line]!);
  }
}
