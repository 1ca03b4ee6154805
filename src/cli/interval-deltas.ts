/** What an interval added to each row, and with --by process to each process. */
import { TASK_CLOCK } from '../core/events.ts';
import { processLabel } from './process-table.ts';
import { sumOf } from './report.ts';
import type { Row, Tally } from './tally.ts';

export interface Delta {
  readonly key: string;
  readonly name: string;
  readonly pid: number | undefined;
  readonly count: number;
  readonly values: Float64Array;
}

/** Of the rows that had something, most costly first. */
export function deltasOf(tally: Tally, before: Tally | undefined): Delta[] {
  return tally
    .sortedRows()
    .map((row) => deltaOf(row, before?.rows.get(row.key)))
    .filter(hasSomething)
    .sort(byCpu);
}

/** What the JavaScript threads of each process used, whether for tasks or not. */
export function deltasOfProcesses(tally: Tally, before: Tally | undefined): Delta[] {
  // Without the addon each worker has a region of its own.
  const scripts = new Map(tally.processes.map(({ pid, script }) => [pid, script]));
  return [...scripts]
    .map(([pid, script]): Delta => {
      const values = difference(usedBy(tally, pid), before && usedBy(before, pid));
      return { key: `process ${pid}`, name: processLabel({ name: script, pid }), pid, count: 0, values };
    })
    .filter(hasSomething)
    .sort(byCpu);
}

/** Each process, and under it its rows. */
export function underProcesses(processes: readonly Delta[], rows: readonly Delta[]): Delta[] {
  return processes.flatMap((one) => {
    const own = rows.filter((row) => row.pid === one.pid);
    const ended = own.reduce((sum, row) => sum + row.count, 0);
    return [{ ...one, count: ended }, ...own.map((row) => ({ ...row, name: `  ${row.name}` }))];
  });
}

export function byCpu(a: Delta, b: Delta): number {
  return b.values[TASK_CLOCK]! - a.values[TASK_CLOCK]!;
}

function deltaOf(row: Row, before: Row | undefined): Delta {
  const { key, name, pid } = row;
  const values = difference(row.values, before?.values);
  return { key, name, pid, count: Math.max(0, row.count - (before?.count ?? 0)), values };
}

/** Never below 0: a task that ended while the books were read may have been seen twice before. */
function difference(values: Float64Array, before: Float64Array | undefined): Float64Array {
  return values.map((value, event) => Math.max(0, value - (before?.[event] ?? 0)));
}

function usedBy({ threads }: Tally, pid: number): Float64Array {
  return sumOf(threads.filter((thread) => thread.pid === pid).map((thread) => thread.total));
}

function hasSomething({ count, values }: Delta): boolean {
  return count > 0 || values.some((value) => value > 0);
}
