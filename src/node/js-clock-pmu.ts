/**
 * The same partition without the addon: wall time from JavaScript's clock, idle time from the event loop's own
 * statistics. CPU time is estimated as wall time that was not idle; preemption cannot be seen. Every value is marked
 * estimated.
 */
import { performance } from 'node:perf_hooks';
import {
  CPU_CLOCK,
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
import { NATIVE_NOW, NATIVE_SECTION, NATIVE_WOKE } from './addon.ts';

export class JsClockPmu implements Pmu {
  readonly events: readonly number[] = [TASK_CLOCK, CPU_CLOCK];
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

  read(raw: Float64Array): number {
    const now = this.#account();
    if (this.#inLoop) this.#f64[this.#native + NATIVE_SECTION] = now;
    this.#inLoop = false;
    this.#i32[this.#charging] = 1;
    raw[TASK_CLOCK] = this.#f64[this.#slot + T_F64_CHARGEABLE + TASK_CLOCK]!;
    raw[CPU_CLOCK] = this.#f64[this.#slot + T_F64_CHARGEABLE + CPU_CLOCK]!;
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
    if (this.#inLoop) {
      f64[slot + T_F64_LOOP + TASK_CLOCK]! += busy;
      f64[slot + T_F64_LOOP + CPU_CLOCK]! += busy;
      f64[slot + T_F64_TOTAL + TASK_CLOCK]! += busy;
      f64[slot + T_F64_TOTAL + CPU_CLOCK]! += busy;
    } else {
      f64[slot + T_F64_CHARGEABLE + TASK_CLOCK]! += busy;
      f64[slot + T_F64_CHARGEABLE + CPU_CLOCK]! += busy;
    }
    f64[this.#native + NATIVE_NOW] = now;
    return now;
  }
}

/** CLOCK_MONOTONIC in ns. */
export function monotonicNs(): number {
  return Number(process.hrtime.bigint());
}

function idleNs(): number {
  return Math.round(performance.eventLoopUtilization().idle * 1e6);
}
