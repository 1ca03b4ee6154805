/**
 * The exact clocks as the core's PMU: time that the native boundaries found chargeable to the running task. One
 * reading closes the slice of whoever ran and opens the next (peers: one reading serves both "out" and "in").
 */
import { CPU_CLOCK, T_F64_NATIVE, TASK_CLOCK, threadF64 } from '../core/index.ts';
import type { Pmu } from '../core/index.ts';
import { NATIVE_JS_CPU, NATIVE_JS_WALL, NATIVE_NOW } from './addon.ts';
import type { Addon } from './addon.ts';
import type { ProcessRegion } from './process-region.ts';

export class ClockPmu implements Pmu {
  readonly events: readonly number[] = [TASK_CLOCK, CPU_CLOCK];
  /** Set by the host while nobody is charged and the boundary has just taken a reading: that one is good enough. */
  isFresh = false;
  readonly #charge: () => void;
  readonly #memory: ProcessRegion;
  readonly #f64: Float64Array;
  #native = 0;

  constructor(addon: Addon, memory: ProcessRegion) {
    this.#charge = addon.charge;
    this.#memory = memory;
    this.#f64 = memory.region.f64;
  }

  /** The core has taken the thread's slot: start the clock on it. */
  bind(thread: number): void {
    const { layout } = this.#memory.region;
    this.#native = threadF64(layout, thread) + T_F64_NATIVE;
    this.#memory.openThread(thread);
  }

  read(raw: Float64Array): number {
    if (!this.isFresh) this.#charge();
    const f64 = this.#f64;
    const native = this.#native;
    raw[TASK_CLOCK] = f64[native + NATIVE_JS_CPU]!;
    raw[CPU_CLOCK] = f64[native + NATIVE_JS_WALL]!;
    return f64[native + NATIVE_NOW]!;
  }
}
