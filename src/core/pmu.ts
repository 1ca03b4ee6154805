/** Where counts come from: one per thread, given to the core by its host. */
import { FORKS, LATE, TASK_SWITCHES, WAIT, WALL } from './events.ts';

/**
 * Counts that only grow while the thread's running task is to be charged. Time that belongs to nobody (the event loop,
 * idling) must not show up here: the host books it by itself.
 *
 * CPU_CLOCK is required: context time, from which enabled and running times come, is made of it.
 *
 * A PMU with fewer slots than counters names the events that need one as `slotted`. The core then occupies a slot for
 * each counter of those events that is ACTIVE, and adds to ACTIVE ones only; who gets the slots is decided in
 * schedule.ts. Without `slotted` every event named here always counts.
 *
 * Right: `read` fills the lines of all `events`, occupied or not. Wrong: `enable` that answers false once and leaves a
 * slot taken; an implementation that calls back into the Cpu.
 */
export interface Pmu {
  /** The events whose lines `read` fills. */
  readonly events: readonly number[];
  /** Events of which each ACTIVE counter occupies a slot of the hardware; all others always count. */
  readonly slotted?: readonly number[];
  /** The core has taken thread slot `thread` for this PMU; called once, before the first reading. */
  bind?(thread: number): void;
  /** Takes one reading: fills `raw[event]` for each of the events and returns the clock in ns. */
  read(raw: Float64Array): number;
  /** Occupies a slot for one counter of `event`; false when there is none or the PMU refuses it now. */
  enable?(event: number): boolean;
  /** Gives that counter's slot back. */
  disable?(event: number): void;
  /**
   * Could counters of these events (slotted ones, one entry per counter) ever be on together, were nothing else on?
   * Asked at open, so that a group which never can is refused. Without it every group is accepted.
   */
  fits?(events: readonly number[]): boolean;
}

/** true for the events that the core counts by itself, on any PMU. */
export function isSoftware(event: number): boolean {
  return event === WALL || event === TASK_SWITCHES || event === WAIT || event === FORKS || event === LATE;
}
