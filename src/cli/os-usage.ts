/**
 * What the kernel accounts to every process without being asked, as getrusage(2) tells it. Page faults and switches of a
 * thread are in /proc as well: they serve where perf events are refused.
 */
import type { RusageField } from '../node/events/event.ts';
import type { Counter } from './os-counter.ts';
import { faultsOf, switchesOf } from './os-proc.ts';

/** CPU time in ns, minor and major faults, voluntary and involuntary switches. */
export type Usage = Float64Array;

const USAGE_WORDS = 5;
export const USAGE_BYTES: number = USAGE_WORDS * 8;

/** Indexes into a Usage whose sum is the field. */
const WORDS: Readonly<Record<RusageField, readonly number[]>> = {
  'minor-faults': [1],
  'major-faults': [2],
  'page-faults': [1, 2],
  'voluntary-switches': [3],
  'involuntary-switches': [4],
  'context-switches': [3, 4],
};

export function noUsage(): Usage {
  return new Float64Array(USAGE_WORDS);
}

export function fieldOf(usage: Usage, field: RusageField): number {
  return WORDS[field].reduce((sum, word) => sum + usage[word]!, 0);
}

/** A field of one thread, as of the last reading before its end. */
export class ProcCounter implements Counter {
  readonly share: number = 1;
  readonly #pid: number;
  readonly #tid: number;
  readonly #field: RusageField;
  #value = 0;

  constructor(pid: number, tid: number, field: RusageField) {
    this.#pid = pid;
    this.#tid = tid;
    this.#field = field;
  }

  read(): number {
    const isFaults = this.#field.endsWith('faults');
    const pair = isFaults ? faultsOf(this.#pid, this.#tid) : switchesOf(this.#pid, this.#tid);
    if (pair === undefined) return this.#value;
    const usage = noUsage();
    usage.set(pair, isFaults ? 1 : 3);
    this.#value = fieldOf(usage, this.#field);
    return this.#value;
  }

  close(): void {
    // Nothing is held open.
  }
}
