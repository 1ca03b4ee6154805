/**
 * What is impossible in a region: noted once per kind, and shown as a note, so that no wrong number stands without a
 * warning beside it. Another process writes the region, and whoever wants may write one by hand; what can be checked is
 * that it says nothing that the core could not have written.
 *
 * A region is read while it is being written: what is checked must hold at every moment, or only once its process has
 * ended (`RegionReader.isFinal`).
 */
import { printable } from './printable.ts';

/** Kinds that are named; a region with more is damaged enough. */
const KINDS_MAX = 5;
/** No double of a region is above this: 2^53, from where on not every integer exists. */
const AMOUNT_MAX = Number.MAX_SAFE_INTEGER;

export class Damage {
  readonly #path: string;
  readonly #kinds: Set<string> = new Set();

  constructor(path: string) {
    this.#path = path;
  }

  /** `what` reads after "damaged region: PATH: " and holds no text from the region. */
  note(what: string): void {
    if (this.#kinds.size < KINDS_MAX) this.#kinds.add(what);
  }

  get found(): boolean {
    return this.#kinds.size > 0;
  }

  notes(): string[] {
    return [...this.#kinds].map((what) => `damaged region: ${printable(this.#path)}: ${what}`);
  }

  /** A count, a sum or a time as the core writes them; 0 and a note where it is none. */
  amount(value: number, what: string): number {
    if (value >= 0 && value <= AMOUNT_MAX) return value;
    this.note(`${what} is no amount`);
    return 0;
  }

  /** The same for a run of doubles, in place. Fast where all is well: it runs over every event. */
  amounts(values: Float64Array, from: number, to: number, what: string): void {
    for (let i = from; i < to; i++) {
      const value = values[i]!;
      if (!(value >= 0 && value <= AMOUNT_MAX)) values[i] = this.amount(value, what);
    }
  }

  /** The same for amounts of which others have been taken. */
  differences(values: Float64Array, from: number, to: number, what: string): void {
    for (let i = from; i < to; i++) {
      const value = values[i]!;
      if (!(Math.abs(value) <= AMOUNT_MAX)) values[i] = this.amount(value, what);
    }
  }

  /** The same where −1 stands for "none" or "not known". */
  amountsOrNone(values: Float64Array, from: number, to: number, what: string): void {
    for (let i = from; i < to; i++) {
      const value = values[i]!;
      if (value !== -1 && !(value >= 0 && value <= AMOUNT_MAX)) values[i] = this.amount(value, what);
    }
  }

  /** An integer within bounds; `fallback` and a note where it is not. */
  index(value: number, bounds: { from: number; to: number; fallback: number }, what: string): number {
    if (value >= bounds.from && value <= bounds.to) return value;
    this.note(`${what} is out of range`);
    return bounds.fallback;
  }
}
