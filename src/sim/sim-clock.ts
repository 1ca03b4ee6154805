/** The machine's CLOCK_MONOTONIC: it stands still unless the simulation lets time pass. */
export class SimClock {
  /** ns since the machine was switched on. */
  now = 0;

  advance(ns: number): void {
    this.now += ns;
  }
}
