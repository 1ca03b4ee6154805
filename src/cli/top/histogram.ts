/** How the tasks of a name are spread over CPU costs, as bars; steps of 1, 2, 5. */
import { count, percent, time } from '../units.ts';
import { COST_LIMITS, bucketOf } from './cost-buckets.ts';
import { line } from './lines.ts';
import type { Line } from './lines.ts';

/** Empty steps at both ends are left out. `markedNs` is the cost of the one task that is being looked at. */
export function histogramLines(buckets: readonly number[], width: number, markedNs?: number): Line[] {
  const marked = markedNs === undefined ? undefined : bucketOf(markedNs);
  const used = [...buckets.keys()].filter((i) => buckets[i]! > 0 || i === marked);
  if (used.length === 0) return [line([' no task has ended yet', 'dim'])];
  const [from, to] = [used[0]!, used.at(-1)!];
  const all = buckets.reduce((sum, value) => sum + value, 0);
  const most = Math.max(...buckets, 1);
  const room = Math.max(10, width - 52);
  return buckets.slice(from, to + 1).map((value, i) => {
    const bar = '█'.repeat(value === 0 ? 0 : Math.max(1, Math.round((value / most) * room)));
    return line(
      ` ${rangeText(from + i).padEnd(24)}${count(value).padStart(10)} ${`${percent(value, all)}%`.padStart(6)} `,
      [bar, 'tasks'],
      [from + i === marked ? ' ◄ this task' : '', 'bold'],
    );
  });
}

function rangeText(bucket: number): string {
  const [low, high] = [COST_LIMITS[bucket - 1], COST_LIMITS[bucket]];
  if (low === undefined) return `less than ${time(high!)}`;
  return high === undefined ? `${time(low)} or more` : `${time(low)} to ${time(high)}`;
}
