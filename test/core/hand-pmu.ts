/** A PMU moved by hand: time passes only when the test says so. */
import { CPU_CLOCK, type Pmu, TASK_CLOCK } from '#core/index.js';

export class HandPmu implements Pmu {
  readonly events: readonly number[] = [TASK_CLOCK, CPU_CLOCK];
  /** ns since the start; what a monotonic clock shows. */
  now = 0;
  /** Readings taken so far. */
  reads = 0;
  /** All that was ever chargeable, by event. */
  readonly counts: Float64Array = new Float64Array(16);

  read(raw: Float64Array): number {
    this.reads++;
    for (const event of this.events) raw[event] = this.counts[event]!;
    return this.now;
  }

  /** The running task uses the CPU for `ns`; of that, `stolenNs` the OS gave to another thread. */
  advance(ns: number, stolenNs: number = 0): void {
    this.now += ns;
    this.counts[CPU_CLOCK]! += ns;
    this.counts[TASK_CLOCK]! += ns - stolenNs;
  }

  /** The thread sleeps: time that belongs to no task. */
  sleep(ns: number): void {
    this.now += ns;
  }
}
