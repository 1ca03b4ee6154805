/**
 * Garbage collection as JavaScript can see it: Node's 'gc' performance entries. They come in a later turn of the loop
 * than the pause, so whose it was is looked up by its time in a log of who had the thread. Entries of a thread's last
 * turn never come.
 *
 * The observer is one more beside the program's own, shows up in none of them, and does not keep the process alive.
 */
import { PerformanceObserver, constants, performance } from 'node:perf_hooks';
import type { PerformanceEntry } from 'node:perf_hooks';

/** A pause of the thread; times are CLOCK_MONOTONIC. */
export interface GcPause {
  readonly startNs: number;
  readonly durationNs: number;
  readonly isMinor: boolean;
  readonly isMajor: boolean;
}

/** v8::GCType of the minor collector that marks and sweeps; Node has no constant for it before version 24. */
const MINOR_MARK_SWEEP = 2;
const CLOCK_ROUNDS = 5;

// As Node made it: programs replace `performance.now` to have their own time, in tests for one.
const nowMs = performance.now.bind(performance);

export class GcObserver {
  readonly #observer: PerformanceObserver;
  #originNs = 0;

  constructor(onPause: (pause: GcPause) => void) {
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) onPause(this.#pauseOf(entry));
    });
  }

  start(): void {
    this.#originNs = originNs();
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.#observer.disconnect();
  }

  #pauseOf(entry: PerformanceEntry): GcPause {
    const { startTime, duration, detail } = entry as PerformanceEntry & { detail: { kind: number } };
    const { kind } = detail;
    return {
      startNs: this.#originNs + startTime * 1e6,
      durationNs: Math.round(duration * 1e6),
      isMinor: kind === constants.NODE_PERFORMANCE_GC_MINOR || kind === MINOR_MARK_SWEEP,
      isMajor: kind === constants.NODE_PERFORMANCE_GC_MAJOR,
    };
  }
}

/** Where performance entries count from. The two clocks are read apart, so the reading with the least in between. */
function originNs(): number {
  let [origin, least] = [0, Number.POSITIVE_INFINITY];
  for (let round = 0; round < CLOCK_ROUNDS; round++) {
    const before = Number(process.hrtime.bigint());
    const now = nowMs() * 1e6;
    const between = Number(process.hrtime.bigint()) - before;
    if (between >= least) continue;
    least = between;
    origin = before + between / 2 - now;
  }
  return origin;
}

/** Who had the thread when: as many of the last slices as are given, for what is known only later. */
export class SliceLog<Owner> {
  readonly #starts: Float64Array;
  readonly #owners: (Owner | undefined)[];
  #next = 0;

  constructor(capacity: number) {
    this.#starts = new Float64Array(capacity).fill(Number.POSITIVE_INFINITY);
    this.#owners = Array.from({ length: capacity });
  }

  /** The thread is this owner's from now on. */
  begin(owner: Owner, nowNs: number): void {
    this.#starts[this.#next] = nowNs;
    this.#owners[this.#next] = owner;
    this.#next = this.#next + 1 === this.#starts.length ? 0 : this.#next + 1;
  }

  /** Whose slice this moment was in; undefined when that is no longer known. */
  ownerAt(ns: number): Owner | undefined {
    const capacity = this.#starts.length;
    for (let back = 1; back <= capacity; back++) {
      const at = (this.#next - back + capacity) % capacity;
      if (this.#starts[at]! <= ns) return this.#owners[at];
    }
    return undefined;
  }
}
