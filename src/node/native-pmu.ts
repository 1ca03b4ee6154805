/**
 * What the native boundaries found chargeable to the running task, as the core's PMU: the exact clocks, and whatever
 * else is counted on this thread (sources.ts). One reading closes the slice of whoever ran and opens the next.
 */
import {
  CPU_CLOCK,
  NATIVE_NOW,
  T_F64_CHARGEABLE,
  T_F64_NATIVE,
  TASK_CLOCK,
  threadF64,
} from '../core/index.ts';
import type { Pmu } from '../core/index.ts';
import type { Addon } from './addon.ts';
import type { ProcessRegion } from './process-region.ts';

export class NativePmu implements Pmu {
  /** Grows with the sources that are opened. */
  readonly events: number[] = [TASK_CLOCK, CPU_CLOCK];
  /** Set by the host while nobody is charged and the boundary has just taken a reading: that one is good enough. */
  isFresh = false;
  readonly #charge: () => void;
  readonly #memory: ProcessRegion;
  readonly #f64: Float64Array;
  #chargeable = 0;
  #now = 0;

  constructor(addon: Addon, memory: ProcessRegion) {
    this.#charge = addon.charge;
    this.#memory = memory;
    this.#f64 = memory.region.f64;
  }

  /** The sources have been closed: only the clocks count. */
  forgetSources(): void {
    this.events.length = 2;
  }

  /** The core has taken the thread's slot: start the clock on it. */
  bind(thread: number): void {
    const { layout } = this.#memory.region;
    this.#chargeable = threadF64(layout, thread) + T_F64_CHARGEABLE;
    this.#now = threadF64(layout, thread) + T_F64_NATIVE + NATIVE_NOW;
    this.#memory.openThread(thread);
  }

  read(raw: Float64Array): number {
    if (!this.isFresh) this.#charge();
    const f64 = this.#f64;
    const events = this.events;
    const chargeable = this.#chargeable;
    for (let i = 0; i < events.length; i++) raw[events[i]!] = f64[chargeable + events[i]!]!;
    return f64[this.#now]!;
  }
}
