/**
 * The same partition without the addon: wall time from JavaScript's clock, idle time from the event loop's own
 * statistics. CPU time is estimated as wall time that was not idle; preemption cannot be seen. Every value is marked
 * estimated, and so is whatever else is counted here (js-sources.ts).
 */
import { performance } from 'node:perf_hooks';
import {
  CPU_CLOCK,
  NATIVE_NOW,
  NATIVE_SECTION,
  NATIVE_WOKE,
  T_CHARGING,
  T_F64_CHARGEABLE,
  T_F64_IDLE,
  T_F64_LOOP,
  T_F64_NATIVE,
  T_F64_TOTAL,
  TASK_CLOCK,
  threadF64,
  threadWord,
} from '../core/index.ts';
import type { Pmu, Region } from '../core/index.ts';

/** A count that only grows, its line, and its value at the last reading. */
interface Source {
  readonly line: number;
  readonly read: () => number;
  last: number;
}

export class JsClockPmu implements Pmu {
  /** Grows with the sources that are added. */
  readonly events: number[] = [TASK_CLOCK, CPU_CLOCK];
  #sources: Source[] = [];
  readonly #region: Region;
  readonly #f64: Float64Array;
  readonly #i32: Int32Array;
  #charging = 0;
  #slot = 0;
  #native = 0;
  #last: number = monotonicNs();
  #idle: number = idleNs();
  /** Between a callback's end and the next: the loop's own time. */
  #inLoop = false;

  constructor(region: Region) {
    this.#region = region;
    this.#f64 = region.f64;
    this.#i32 = region.i32;
  }

  /** The core has taken the thread's slot. */
  bind(thread: number): void {
    const { layout } = this.#region;
    this.#charging = threadWord(layout, thread) + T_CHARGING;
    this.#slot = threadF64(layout, thread);
    this.#native = this.#slot + T_F64_NATIVE;
    this.#i32[this.#charging] = 1;
  }

  /** Counts one more event: `read` at every reading, null for one that is credited from outside. */
  addSource(line: number, read: (() => number) | null): void {
    this.events.push(line);
    if (read !== null) this.#sources.push({ line, read, last: read() });
  }

  /** Only the clocks count. */
  forgetSources(): void {
    this.events.length = 2;
    this.#sources = [];
  }

  /** Adds what is only now known to have come in the loop's own time. */
  addToLoop(line: number, amount: number): void {
    this.#f64[this.#slot + T_F64_LOOP + line]! += amount;
    this.#f64[this.#slot + T_F64_TOTAL + line]! += amount;
  }

  /** When the last reading was taken. */
  get now(): number {
    return this.#last;
  }

  read(raw: Float64Array): number {
    const now = this.#account();
    if (this.#inLoop) this.#f64[this.#native + NATIVE_SECTION] = now;
    this.#inLoop = false;
    this.#i32[this.#charging] = 1;
    const chargeable = this.#slot + T_F64_CHARGEABLE;
    for (const event of this.events) raw[event] = this.#f64[chargeable + event]!;
    return now;
  }

  /** The outermost callback has returned to the loop. */
  leave(): void {
    this.#account();
    this.#inLoop = true;
    this.#i32[this.#charging] = 0;
  }

  #account(): number {
    const now = monotonicNs();
    const idle = idleNs();
    const elapsed = now - this.#last;
    // The loop's statistic and this clock are read apart: never let idle exceed what has passed.
    const idled = Math.min(elapsed, Math.max(0, idle - this.#idle));
    this.#last = now;
    this.#idle = idle;
    const f64 = this.#f64;
    const slot = this.#slot;
    if (idled > 0) {
      f64[slot + T_F64_IDLE + CPU_CLOCK]! += idled;
      f64[slot + T_F64_TOTAL + CPU_CLOCK]! += idled;
      f64[this.#native + NATIVE_WOKE] = now;
    }
    const busy = elapsed - idled;
    this.#book(TASK_CLOCK, busy);
    this.#book(CPU_CLOCK, busy);
    for (const source of this.#sources) {
      const value = source.read();
      this.#book(source.line, value - source.last);
      source.last = value;
    }
    f64[this.#native + NATIVE_NOW] = now;
    return now;
  }

  #book(line: number, amount: number): void {
    if (this.#inLoop) this.addToLoop(line, amount);
    else this.#f64[this.#slot + T_F64_CHARGEABLE + line]! += amount;
  }
}

/** CLOCK_MONOTONIC in ns. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

function idleNs(): number {
  return Math.round(performance.eventLoopUtilization().idle * 1e6);
}
