/**
 * What the processes used that tasks started, by the row of the task. A process has one owner, the nearest task above it, so
 * each is in one row at most; what it used is in the rows of its own tasks and in the system's, too, and no part of the
 * owner's values.
 */
import { TASK_CLOCK } from '../core/events.ts';
import type { Owner } from '../core/owner.ts';
import type { ProcessRows } from './process-rows.ts';
import { printable } from './printable.ts';
import { sumOf } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import { count } from './units.ts';

export interface Children {
  readonly processes: number;
  /** "3 × resize.mjs, gzip" */
  readonly label: string;
  readonly values: Float64Array;
  readonly shown: Float64Array;
}

/** Undefined for a row whose tasks started none. With --by thread, whose rows are of no task, for all. */
export function childrenOf(
  { by }: Report,
  processes: readonly ProcessRows[],
): (row: ReportRow) => Children | undefined {
  const byRow = new Map<string, ProcessRows[]>();
  for (const one of processes) {
    if (one.owner === null) continue;
    const key = keyOfOwner(by, one.owner);
    byRow.set(key, [...(byRow.get(key) ?? []), one]);
  }
  return (row) => {
    const owned = byRow.get(keyOfRow(by, row));
    return owned && together(owned);
  };
}

function keyOfOwner(by: Report['by'], { pid, task, name }: Owner): string {
  if (by === 'task') return `${pid}/${task}`;
  return by === 'process' ? `${pid}/${name}` : name;
}

function keyOfRow(by: Report['by'], { pid, id, name }: ReportRow): string {
  if (by === 'task') return `${pid}/${id}`;
  return by === 'process' ? `${pid}/${name}` : name;
}

function together(owned: readonly ProcessRows[]): Children {
  const names = new Map<string, number>();
  const cost = (one: ProcessRows): number => one.values[TASK_CLOCK]!;
  for (const { name } of [...owned].sort((a, b) => cost(b) - cost(a))) {
    // Arguments differ from one to the next.
    const program = printable(name.split(' ', 1)[0]!);
    names.set(program, (names.get(program) ?? 0) + 1);
  }
  const label = [...names]
    .map(([name, times]) => (times === 1 ? name : `${count(times)} × ${name}`))
    .join(', ');
  return {
    processes: owned.length,
    label,
    values: sumOf(owned.map((one) => one.values)),
    shown: sumOf(owned.map((one) => one.shown)),
  };
}
