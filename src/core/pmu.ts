/** Where counts come from: one per thread, given to the core by its host. */
import { FORKS, LATE, TASK_SWITCHES, WAIT, WALL } from './events.ts';

/**
 * Counts that only grow while the thread's running task is to be charged. Time that belongs to nobody (the event loop,
 * idling) must not show up here: the host books it by itself.
 *
 * CPU_CLOCK is required: context time, from which enabled and running times come, is made of it. A PMU with fewer
 * slots than events (multiplexing) will say so through this interface; today every event named here always counts.
 */
export interface Pmu {
  /** The events whose lines `read` fills. */
  readonly events: readonly number[];
  /** The core has taken thread slot `thread` for this PMU; called once, before the first reading. */
  bind?(thread: number): void;
  /** Takes one reading: fills `raw[event]` for each of the events and returns the clock in ns. */
  read(raw: Float64Array): number;
}

/** true for the events that the core counts by itself, on any PMU. */
export function isSoftware(event: number): boolean {
  return event === WALL || event === TASK_SWITCHES || event === WAIT || event === FORKS || event === LATE;
}
