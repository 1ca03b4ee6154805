/**
 * Integers from a seed: the small fast counting generator (sfc32), 128 bits of state filled from 64 by splitmix. All
 * choices are integers and ratios of integers, so they are the same on every machine.
 *
 * Right: `if (prng.chance(1, 20)) …`. Wrong: dividing `next()` to get a fraction.
 */
import { assert } from '../core/index.ts';

/** sfc32 is well mixed after a dozen steps. */
const WARM_UP = 15;

export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: bigint) {
    this.#a = Number(seed & 0xffffffffn) | 0;
    this.#b = Number((seed >> 32n) & 0xffffffffn) | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < WARM_UP; i++) this.next();
  }

  /** 32 bits, as a number from 0 to 2^32 − 1. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** 0 to limit − 1. */
  below(limit: number): number {
    assert(limit > 0, 'there is something to choose from');
    return this.next() % limit;
  }

  /** low to high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** true in `numerator` of `denominator` cases. */
  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** The index of one weight, each as often as it is heavy. `total` is their sum. */
  weighted(weights: readonly number[], total: number): number {
    let left = this.below(total);
    let index = 0;
    while (left >= weights[index]!) left -= weights[index++]!;
    return index;
  }

  /** A generator of its own: what it is asked does not change what this one answers later. */
  split(): Prng {
    return new Prng((BigInt(this.next()) << 32n) | BigInt(this.next()));
  }
}
