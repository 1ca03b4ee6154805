/**
 * The body of the table with --by process: a line per process with all that it used, and under it, indented, its names and
 * what none of its tasks used. Only the lines of processes add up to the total.
 */
import { CPU_CLOCK } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import type { Line } from './columns.ts';
import { UNPLACED_PID, allProcesses, merged, unplacedRows } from './process-rows.ts';
import type { ProcessRows } from './process-rows.ts';
import { printable } from './printable.ts';
import { mergedRow, sumOf } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import type { BodyLine, TaskLines } from './table.ts';
import { count } from './units.ts';

/** Processes and, of each, names shown; the others are summed up. */
const PROCESSES_MAX = 50;
const NAMES_MAX = 10;
/** Of so many, the most costly, it is shown what none of their tasks used. */
const DETAILED_MAX = 10;
const INDENT = '  ';

export function processLines(report: Report, taskLines: TaskLines): BodyLine[] {
  const all = allProcesses(report);
  const rest = all.slice(PROCESSES_MAX);
  const shown = all.slice(0, PROCESSES_MAX);
  if (rest.length > 0) shown.push(merged(rest, `… ${count(rest.length)} more processes`));
  return [...shown, ...unplacedRows(report)].flatMap((one, i) => [
    ...linesOfOne(one, taskLines),
    ...(i < DETAILED_MAX ? systemLinesOf(one, report) : []),
  ]);
}

function linesOfOne(one: ProcessRows, taskLines: TaskLines): BodyLine[] {
  const head: BodyLine = { line: headOf(one), look: one.pid === UNPLACED_PID ? 'system' : 'process' };
  if (one.pid === UNPLACED_PID) return [head];
  const names = one.tasks.slice(0, NAMES_MAX);
  const hidden = one.tasks.slice(NAMES_MAX);
  if (hidden.length > 0) names.push(mergedRow(`… ${count(hidden.length)} more`, hidden));
  const tasks = names.flatMap((row) => taskLines(INDENT + labelOfTask(row), row));
  return [head, ...tasks];
}

function labelOfTask({ name, live }: ReportRow): string {
  return live > 0 ? `${printable(name)} (${count(live)} live)` : printable(name);
}

/** "server.mjs worker 1 (4711)". */
export function processLabel({ name, pid }: Pick<ProcessRows, 'name' | 'pid'>): string {
  return pid === UNPLACED_PID ? name : `${printable(name)} (${pid})`;
}

/** With the number of its tasks and their mean, if it has any. */
function headOf(one: ProcessRows): Line {
  const name = processLabel(one);
  const { values, shown, own } = one;
  if (one.tasks.length === 0) return { name, values, shown, measured: own, isOther: one.node === null };
  return { name, task: mergedRow(name, one.tasks), values, shown, measured: own };
}

/** Of threads without JavaScript one line: their names are those of Node.js and the same in every process. */
function systemLinesOf(one: ProcessRows, report: Report): BodyLine[] {
  const counted = report.events.filter(({ id }) => id !== CPU_CLOCK);
  const inside = one.system.slice(0, one.systemOwn);
  const outside = one.system.slice(one.systemOwn);
  const isThread = ({ name }: { name: string }): boolean => name.startsWith('(thread ');
  const threads = outside.filter(isThread).map((row) => row.values);
  // A program that is not Node.js is its own only part.
  const beside = one.node === null ? [] : outside.filter((row) => !isThread(row));
  if (threads.length > 0) beside.push({ name: '(other threads)', values: sumOf(threads) });
  const scaling = scalingOf(report.tally.processes);
  const line = (name: string, values: Float64Array, isOther: boolean): BodyLine => {
    const shown = isOther ? values : scaledValues(values, scaling);
    return { line: { name: INDENT + name, isOther, values, shown }, look: 'system' };
  };
  return [
    ...inside.map(({ name, values }) => line(name, values, false)),
    ...beside.map(({ name, values }) => line(name, values, true)),
  ].filter((one) => isShown(one.line.values, counted));
}

/** A process that was idle has nothing in `(idle)` but time. */
function isShown(values: Float64Array, counted: readonly EventInfo[]): boolean {
  return counted.some(({ id }) => values[id]! > 0);
}
