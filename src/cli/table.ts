/**
 * The table for people: rows of tasks, then where the rest of the thread's time went, then what to know about the run.
 * It is fitted to a width: the least important columns go first, and the footer says which; names are cut in the middle.
 */
import { TASK_CLOCK } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import { footerLines } from './footer.ts';
import { metricColumns } from './metric-values.ts';
import { cpuOf, eventStates, nounFor, rowsOf, sumOf, systemRows, totalOf } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import { countedShare, scaledValue, scalingOf } from './scaling.ts';
import { byteUnitFor, count, countUnitFor, inUnit, percent, shorten, unitFor } from './units.ts';
import type { Unit } from './units.ts';

export interface Style {
  /** Columns of the terminal. */
  readonly width: number;
  readonly color: boolean;
}

/** Rows above this are summed up as "… n more". */
export const ROWS_MAX: number = 50;
const NAME_WIDTH_MIN = 22;
const NAME_WIDTH_MAX = 60;
const GAP = 2;
/** Columns without a number are the first to go, and the footer names the events anyway. */
const RANK_UNSUPPORTED = 100;

interface Line {
  readonly name: string;
  readonly task?: ReportRow;
  readonly values: Float64Array;
}

interface Column {
  readonly title: string;
  /** Lower ones stay longer. */
  readonly rank: number;
  readonly cell: (line: Line) => string;
}

/** The whole table, ending in a newline. */
export function renderTable(report: Report, style: Style): string {
  const rows = rowsOf(report);
  const tasks = rows
    .slice(0, ROWS_MAX)
    .map((row): Line => ({ name: labelOf(row), task: row, values: row.values }));
  const system = systemLines(report);
  const hidden = rows.slice(ROWS_MAX);
  if (hidden.length > 0) tasks.push(restLine(hidden));
  const total: Line = { name: 'total of the threads', values: totalOf(report) };

  const columns = columnsOf(report, rows, [...tasks, ...system, total]);
  const fitted = fit(columns, [...tasks, ...system, total], style.width);
  const draw = (line: Line): string => drawLine(line, fitted).trimEnd();
  const paint = painter(style.color);
  const sections = [
    paint.bold(shorten(titleOf(report), style.width)),
    paint.dim(shorten(legendOf(report), style.width)),
    '',
    paint.bold(drawHeader(fitted)),
    ...tasks.map(draw),
    ...(tasks.length === 0 ? [] : ['']),
    ...system.map((line) => paint.dim(draw(line))),
    draw(total),
    '',
    ...footerLines(report, rows, fitted.dropped).flatMap((line) => wrap(line, style.width)),
  ];
  return `\n${sections.map((line) => line.trimEnd()).join('\n')}\n`;
}

function systemLines(report: Report): Line[] {
  const rows = systemRows(report);
  const hidden = rows.slice(ROWS_MAX);
  if (hidden.length === 0) return rows;
  const values = sumOf(hidden.map((row) => row.values));
  return [...rows.slice(0, ROWS_MAX), { name: `… ${count(hidden.length)} more`, values }];
}

function titleOf({ command, by, tally }: Report): string {
  const words = command.join(' ').replace(/\p{Cc}/gu, '\uFFFD');
  const hasTasks = tally.processes.length > 0;
  const name = hasTasks ? 'task name' : 'process';
  return ` '${words}' by ${by === 'name' || (by === 'task' && !hasTasks) ? name : by}`;
}

function legendOf({ by, tally }: Report): string {
  if (tally.processes.length === 0) return ' CPU is task-clock';
  return by === 'task'
    ? ' CPU is task-clock; every row is one task'
    : ' CPU is task-clock; the columns after share are per task';
}

function labelOf(row: ReportRow): string {
  if (row.id !== undefined) return `${row.name} #${row.id}`;
  return row.live > 0 ? `${row.name} (${count(row.live)} live)` : row.name;
}

function restLine(hidden: readonly ReportRow[]): Line {
  const tasks = hidden.reduce((sum, row) => sum + row.count, 0);
  const merged = {
    name: `… ${count(hidden.length)} more`,
    id: undefined,
    count: tasks,
    live: hidden.reduce((sum, row) => sum + row.live, 0),
    values: sumOf(hidden.map((row) => row.values)),
    exited: sumOf(hidden.map((row) => row.exited)),
    enabledNs: 0,
    runningNs: 0,
    spread: (): undefined => undefined,
  };
  return { name: merged.name, task: merged, values: merged.values };
}

function columnsOf(report: Report, rows: readonly ReportRow[], lines: readonly Line[]): Column[] {
  const cpuNs = cpuOf(report);
  const mark = marks(report);
  const cpuMark = mark(TASK_CLOCK);
  const unit = unitFor(lines.map((line) => line.values[TASK_CLOCK]!));
  const columns: Column[] = [
    { title: `CPU ${unit.name}`, rank: 0, cell: (line) => cpuMark + inUnit(line.values[TASK_CLOCK]!, unit) },
    { title: 'share %', rank: 3, cell: (line) => percent(line.values[TASK_CLOCK]!, cpuNs) },
  ];
  if (report.tally.processes.length === 0) return [...columns, ...sumColumns(report, lines)];
  if (report.by !== 'task') {
    columns.unshift({
      title: nounFor(rows),
      rank: 0,
      cell: ({ task }) => (task === undefined ? '' : count(task.count)),
    });
    columns.push(...perTaskColumns(lines, cpuMark));
  }
  for (const event of report.events) {
    if (event.id !== TASK_CLOCK && !report.hidden.has(event)) columns.push(eventColumn(event, report, lines));
  }
  return [...columns, ...metricColumns(report)];
}

/** Where nothing is a task: all that each process did. */
function sumColumns(report: Report, lines: readonly Line[]): Column[] {
  const counted = report.events.filter(({ id }) => id !== TASK_CLOCK && report.others.lines.includes(id));
  return counted.map((event) => {
    const mark = marks(report)(event.id);
    const unit = event.unit === 'ns' ? unitFor(lines.map((line) => line.values[event.id]!)) : undefined;
    const show = (value: number): string => (unit === undefined ? count(value) : inUnit(value, unit));
    const title = unit === undefined ? event.name : `${event.name} ${unit.name}`;
    return { title, rank: 1 + event.id / 100, cell: ({ values }) => mark + show(values[event.id]!) };
  });
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

/** Another event: its mean per task. The thread's own rows stay empty: a sum would not compare with a mean. */
function eventColumn(event: EventInfo, report: Report, lines: readonly Line[]): Column {
  const single = report.by === 'task';
  const scaling = scalingOf(report.tally.processes);
  const { supported, kind, share } = eventStates(report).find((state) => state.event === event)!;
  const mark = kind === 'exact' ? '' : '~';
  const valueOf = ({ task, values }: Line): number | undefined => {
    if (task === undefined) return undefined;
    if (single) return scaledValue(values, event.id, scaling);
    return task.count === 0 ? undefined : scaledValue(task.exited, event.id, scaling) / task.count;
  };
  const unit = columnUnit(event, supported ? lines.map((line) => valueOf(line) ?? 0) : []);
  const title = [event.name, unit.name, ...(kind === 'scaled' ? [`(${percent(share, 1)} %)`] : [])];
  return {
    title: title.filter((word) => word !== '').join(' '),
    rank: supported ? (report.explicitEvents || single ? 1 : 10) + event.id / 100 : RANK_UNSUPPORTED,
    cell: (line) => {
      if (!supported) return line.task === undefined ? '' : '<not supported>';
      const value = valueOf(line);
      if (value === undefined) return '';
      return countedShare(line.values, event.id, scaling) === 0
        ? '<not counted>'
        : mark + inUnit(value, unit);
    },
  };
}

function columnUnit({ unit }: EventInfo, values: readonly number[]): Unit {
  if (unit === 'ns') return unitFor(values);
  return unit === 'bytes' ? byteUnitFor(values) : countUnitFor(values);
}

function optional(ns: number | undefined, unit: Unit, mark: string): string {
  return ns === undefined ? '' : mark + inUnit(ns, unit);
}

/** "~" before every value that is estimated or scaled. */
function marks(report: Report): (event: number) => string {
  const estimated = new Set(
    eventStates(report).flatMap(({ event, kind }) => (kind === 'exact' ? [] : [event.id])),
  );
  return (event) => (estimated.has(event) ? '~' : '');
}

// ---- fitting ----------------------------------------------------------------------------------------------------------

interface Fitted {
  readonly nameWidth: number;
  readonly columns: readonly (Column & { readonly width: number })[];
  /** Titles of the columns that found no room. */
  readonly dropped: readonly string[];
}

function fit(all: readonly Column[], lines: readonly Line[], width: number): Fitted {
  const sized = all.map((column) => {
    const cells = lines.map((line) => column.cell(line).length);
    return { ...column, width: Math.max(column.title.length, ...cells) };
  });
  const longest = Math.max(...lines.map((line) => [...line.name].length));
  const wanted = Math.min(longest, NAME_WIDTH_MIN);
  const kept = [...sized].sort((a, b) => a.rank - b.rank);
  const used = (): number => kept.reduce((sum, column) => sum + column.width + GAP, 1);
  while (kept.length > 1 && used() + wanted > width) kept.pop();
  const nameWidth = Math.max(Math.min(longest, NAME_WIDTH_MAX, width - used()), 8);
  const columns = sized.filter((column) => kept.includes(column));
  const dropped = sized
    .filter((column) => !kept.includes(column) && column.rank < RANK_UNSUPPORTED)
    .map((column) => column.title);
  return { nameWidth, columns, dropped };
}

function drawHeader({ nameWidth, columns }: Fitted): string {
  const titles = columns.map((column) => ' '.repeat(GAP) + column.title.padStart(column.width));
  return ` ${' '.repeat(nameWidth)}${titles.join('')}`;
}

function drawLine(line: Line, { nameWidth, columns }: Fitted): string {
  const name = shorten(line.name, nameWidth);
  const cells = columns.map((column) => ' '.repeat(GAP) + column.cell(line).padStart(column.width));
  return ` ${name}${' '.repeat(nameWidth - [...name].length)}${cells.join('')}`;
}

/** Breaks a footer line at spaces; what follows is indented under its text. */
function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const at = rest.lastIndexOf(' ', width);
    if (at < 8) break;
    lines.push(rest.slice(0, at));
    rest = `     ${rest.slice(at + 1)}`;
  }
  return [...lines, rest];
}

function painter(color: boolean): { bold: (text: string) => string; dim: (text: string) => string } {
  const code = (on: number, off: number) => (text: string) =>
    color ? `\u001b[${on}m${text}\u001b[${off}m` : text;
  return { bold: code(1, 22), dim: code(2, 22) };
}
