/**
 * What a task (or a thread) did since it began, in numbers that only grow, as the mileage of a car. A counter is then no
 * more than the difference of two looks at it. `staged` is what the thread has not yet taken a reading of: others cannot
 * see it, and it is lost if the thread dies.
 */
import { CPU_CLOCK, FORKS, LATE, TASK_CLOCK, TASK_SWITCHES, WAIT } from '../core/index.ts';

/** Counts per ns that every task causes, by event: what makes hardware events differ from the clock. */
export type Rates = readonly number[];

export class Odometer {
  /** ns on the thread, and of those, ns that the operating system took away. */
  ran = 0;
  stolen = 0;
  switches = 0;
  wait = 0;
  late = 0;
  forks = 0;
  isStaged = false;
  stagedRan = 0;
  stagedStolen = 0;
  stagedSwitches = 0;
  stagedWait = 0;
  stagedLate = 0;

  /** The thread has taken a reading. */
  book(): void {
    this.ran += this.stagedRan;
    this.stolen += this.stagedStolen;
    this.switches += this.stagedSwitches;
    this.wait += this.stagedWait;
    this.late += this.stagedLate;
    this.lose();
  }

  /** What was not booked is gone with its thread. */
  lose(): void {
    this.isStaged = false;
    this.stagedRan = 0;
    this.stagedStolen = 0;
    this.stagedSwitches = 0;
    this.stagedWait = 0;
    this.stagedLate = 0;
  }

  /** What an event's line shows. Wall time is not here: it passes whoever runs. */
  of(event: number, rates: Rates): number {
    if (event === CPU_CLOCK) return this.ran;
    if (event === TASK_CLOCK) return this.ran - this.stolen;
    if (event === TASK_SWITCHES) return this.switches;
    if (event === WAIT) return this.wait;
    if (event === LATE) return this.late;
    if (event === FORKS) return this.forks;
    return this.ran * (rates[event] ?? 0);
  }
}
