/**
 * A counter that samples: an overflow after each so many counts of its family, noticed at the reading that shows it.
 * Counts are taken from the odometers, so RESET does not matter.
 */
export class Sampling {
  #period: bigint;
  #left: bigint;
  /** Overflows until it is disabled; 0n: no limit. */
  limit = 0n;
  /** Of which its host hears. */
  overflows = 0n;
  /** The last ones before it was disabled. */
  hangups = 0n;
  #seen = 0n;

  constructor(period: number) {
    this.#period = BigInt(period);
    this.#left = this.#period;
  }

  get left(): bigint {
    return this.#left;
  }

  setPeriod(period: number): void {
    this.#period = BigInt(period);
    this.#left = this.#period;
  }

  /** All that the family ever counted. @returns whether the limit is used up now, so that it is to be disabled. */
  advance(total: bigint): boolean {
    this.#left -= total - this.#seen;
    this.#seen = total;
    if (this.#left > 0n) return false;
    const crossed = 1n + -this.#left / this.#period;
    this.#left += crossed * this.#period;
    if (this.limit === 0n) {
      this.overflows += crossed;
      return false;
    }
    const isSpent = crossed >= this.limit;
    const heard = isSpent ? this.limit : crossed;
    this.limit -= heard;
    this.overflows += isSpent ? heard - 1n : heard;
    this.hangups += isSpent ? 1n : 0n;
    return isSpent;
  }
}
