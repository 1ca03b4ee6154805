/**
 * How the tasks of a name are spread over costs, for a histogram that people read: three steps per decade (1, 2, 5),
 * from 1 µs to 100 s. Quantiles come from elsewhere (collector.ts); these steps are for the eye.
 */
import { TASK_CLOCK } from '../../core/events.ts';
import { E_F64_VALUES, E_NAME } from '../../core/layout.ts';
import type { ExitSink } from '../ring.ts';

/** Upper limits in ns; the last bucket has none. */
export const COST_LIMITS: readonly number[] = Array.from(
  { length: 25 },
  (_, i) => [1, 2, 5][i % 3]! * 1000 * 10 ** Math.floor(i / 3),
);

/** By key, how many tasks cost less than the limit and not less than the one before. */
export type Costs = ReadonlyMap<string, readonly number[]>;

export class CostBuckets {
  readonly #buckets: Map<string, Float64Array> = new Map();

  sink(keyOf: (name: number) => string): ExitSink {
    return {
      exit: (words, word) => {
        const key = keyOf(words.i32[word + E_NAME]!);
        let buckets = this.#buckets.get(key);
        if (buckets === undefined) {
          buckets = new Float64Array(COST_LIMITS.length + 1);
          this.#buckets.set(key, buckets);
        }
        buckets[bucketOf(words.f64[word / 2 + E_F64_VALUES + TASK_CLOCK]!)]! += 1;
      },
    };
  }

  copy(): Costs {
    return new Map([...this.#buckets].map(([key, buckets]) => [key, [...buckets]]));
  }

  reset(): void {
    this.#buckets.clear();
  }
}

/** Of a cost that is no number (a damaged slot) the first. */
export function bucketOf(ns: number): number {
  if (!(ns >= COST_LIMITS[0]!)) return 0;
  const above = COST_LIMITS.findIndex((limit) => ns < limit);
  return above === -1 ? COST_LIMITS.length : above;
}
