/** Time for a thread on which nothing else happens: each reading is ten nanoseconds after the one before. */
import { CPU_CLOCK, TASK_CLOCK } from '../core/events.ts';
import type { Pmu } from '../core/pmu.ts';

export const STEP_NS = 10;

export class StepPmu implements Pmu {
  readonly events: readonly number[] = [TASK_CLOCK, CPU_CLOCK];
  now = 0;

  read(raw: Float64Array): number {
    this.now += STEP_NS;
    raw[TASK_CLOCK] = this.now;
    raw[CPU_CLOCK] = this.now;
    return this.now;
  }
}
