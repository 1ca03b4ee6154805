/**
 * The columns of the table, from the report. Values of events are of one task, its mean, so that rows compare; where each
 * row is one task, or no task has ended, they are sums and the system rows have them, too.
 */
import { TASK_CLOCK } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import { metricColumns } from './metric-values.ts';
import { cpuOf, eventStates, nounFor, sumOf, totalOf } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import { byteUnitFor, count, countUnitFor, inUnit, percent, unitFor } from './units.ts';
import type { Unit } from './units.ts';

export interface Line {
  readonly name: string;
  readonly task?: ReportRow;
  readonly isTotal?: boolean;
  /** Of processes that the tasks of the line above started: in no sum, since their own lines have it. */
  readonly isChildren?: boolean;
  /** Of threads and processes in no region: only some events are counted there. */
  readonly isOther?: boolean;
  readonly values: Float64Array;
  /** The values scaled, where they are to be (scaling.ts). */
  readonly shown: Float64Array;
  /** What metrics are made of, where that is not `values`. */
  readonly measured?: Float64Array;
}

export interface Column {
  readonly title: string;
  /** Lower ones stay longer. */
  readonly rank: number;
  readonly cell: (line: Line) => string;
}

/** Columns without a number are the first to go, and the footer names the events anyway. */
export const RANK_UNSUPPORTED: number = 100;
/** A table without it says nothing. */
const RANK_CPU = -1;

/** Are the values of events sums? A mean beside a sum would be taken for one. */
export function showsSums({ by }: Report, rows: readonly ReportRow[]): boolean {
  return by === 'task' || rows.every((row) => row.count === 0);
}

/** The line of all threads; what is in no region is scaled by the kernel already. */
export function totalLine(report: Report): Line {
  const { tally, others } = report;
  const own = scaledValues(sumOf(tally.threads.map((thread) => thread.total)), scalingOf(tally.processes));
  const shown = sumOf([own, ...others.threads.map((thread) => thread.values)]);
  return { name: 'total of the threads', isTotal: true, values: totalOf(report), shown };
}

export function columnsOf(report: Report, rows: readonly ReportRow[], lines: readonly Line[]): Column[] {
  const cpuNs = cpuOf(report);
  const cpuMark = markOf(report, TASK_CLOCK);
  const unit = unitFor(lines.map((line) => line.values[TASK_CLOCK]!));
  const cpu = (line: Line): string =>
    (line.isChildren === true ? '+' : '') + cpuMark + inUnit(line.values[TASK_CLOCK]!, unit);
  const columns: Column[] = [
    { title: `CPU ${unit.name}`, rank: RANK_CPU, cell: cpu },
    { title: 'share %', rank: 3, cell: (line) => percent(line.values[TASK_CLOCK]!, cpuNs) },
  ];
  if (report.by !== 'task' && rows.length > 0) {
    columns.unshift({
      title: nounFor(rows),
      rank: 0,
      cell: ({ task }) => (task === undefined ? '' : count(task.count)),
    });
    if (!showsSums(report, rows)) columns.push(...perTaskColumns(lines, cpuMark));
  }
  const counted = report.tally.processes.length > 0 ? report.events : countedByOthers(report);
  for (const event of counted)
    if (event.id !== TASK_CLOCK && !report.hidden.has(event))
      columns.push(eventColumn(event, { report, rows, lines }));
  // Of what others used one figure is enough, and it must not look like a part of the table.
  return [...columns, ...metricColumns(report, rows)].map((column) => {
    if (column.rank === RANK_CPU) return column;
    return { ...column, cell: (line) => (line.isChildren === true ? '' : column.cell(line)) };
  });
}

/** Where nothing is Node.js nobody misses what only JavaScript has. */
function countedByOthers({ events, others }: Report): EventInfo[] {
  return events.filter(({ id }) => others.lines.includes(id));
}

/** Mean and quantiles of the CPU time of one task, in one unit. */
function perTaskColumns(lines: readonly Line[], mark: string): Column[] {
  const meanOf = ({ task }: Line): number | undefined =>
    task === undefined || task.count === 0 ? undefined : task.exited[TASK_CLOCK]! / task.count;
  const quantile =
    (kind: 'p50' | 'p99' | 'max') =>
    (line: Line): number | undefined =>
      line.task?.spread(TASK_CLOCK)?.[kind];
  const kinds: [string, number, (line: Line) => number | undefined][] = [
    ['mean', 6, meanOf],
    ['p50', 4, quantile('p50')],
    ['p99', 2, quantile('p99')],
    ['max', 5, quantile('max')],
  ];
  const unit = unitFor(kinds.flatMap(([, , of]) => lines.map((line) => of(line) ?? 0)));
  return kinds.map(([kind, rank, of]) => {
    return { title: `${kind} ${unit.name}`, rank, cell: (line) => optional(of(line), unit, mark) };
  });
}

interface Shown {
  readonly report: Report;
  readonly rows: readonly ReportRow[];
  readonly lines: readonly Line[];
}

/** Another event: its mean per task, or its sum. */
function eventColumn(event: EventInfo, { report, rows, lines }: Shown): Column {
  const isSum = showsSums(report, rows);
  const { supported, kind, share } = eventStates(report).find((state) => state.event === event)!;
  const mark = markOf(report, event.id);
  const valueOf = isSum ? sumsOf(event, report) : meansOf(event, report);
  const unit = columnUnit(event, supported ? lines.map((line) => valueOf(line) ?? 0) : []);
  const title = [event.name, unit.name, ...(kind === 'scaled' ? [`(${percent(share, 1)} %)`] : [])];
  const isNamed = report.explicitEvents || isSum;
  return {
    title: title.filter((word) => word !== '').join(' '),
    rank: supported ? (isNamed ? 1 : 10) + event.id / 100 : RANK_UNSUPPORTED,
    cell: (line) => {
      const hasValue = line.task !== undefined || (isSum && line.isTotal === true);
      if (!supported) return hasValue ? '<not supported>' : '';
      const value = valueOf(line);
      if (value === undefined) return '';
      return Number.isNaN(value) ? '<not counted>' : mark + inUnit(value, unit);
    },
  };
}

/** NaN: there were tasks, but it never had its turn while they ran. */
function meansOf(event: EventInfo, { tally }: Report): (line: Line) => number | undefined {
  const scaling = scalingOf(tally.processes);
  return ({ task }) =>
    task === undefined || task.count === 0
      ? undefined
      : scaledValues(task.exited, scaling)[event.id]! / task.count;
}

/** What does not add up only tasks have. */
function sumsOf(event: EventInfo, { others }: Report): (line: Line) => number | undefined {
  return ({ task, isOther, shown }) => {
    if (task === undefined && !event.additive) return undefined;
    return isOther === true && !others.lines.includes(event.id) ? undefined : shown[event.id]!;
  };
}

export function columnUnit({ unit }: EventInfo, values: readonly number[]): Unit {
  if (unit === 'ns') return unitFor(values);
  return unit === 'bytes' ? byteUnitFor(values) : countUnitFor(values);
}

function optional(ns: number | undefined, unit: Unit, mark: string): string {
  return ns === undefined ? '' : mark + inUnit(ns, unit);
}

/** "~" before every value that is estimated or scaled. */
function markOf(report: Report, id: number): string {
  const state = eventStates(report).find(({ event }) => event.id === id);
  return state === undefined || state.kind === 'exact' ? '' : '~';
}
