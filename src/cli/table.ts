/**
 * The table for people: rows of tasks, then where the rest of the thread's time went, then what to know about the run.
 * It is fitted to a width: the least important columns go first, and the footer says which; names are cut in the middle.
 */
import { blockedLines } from './blocked-table.ts';
import { RANK_UNSUPPORTED, columnsOf, showsSums, totalLine } from './columns.ts';
import type { Column, Line } from './columns.ts';
import { footerLines } from './footer.ts';
import { printable } from './printable.ts';
import { rowsOf, sumOf, systemRows } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import { count, shorten } from './units.ts';

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
/** The whole table, ending in a newline. */
export function renderTable(report: Report, style: Style): string {
  const rows = rowsOf(report);
  const tasks = rows.slice(0, ROWS_MAX).map((row) => taskLine(labelOf(row), row, report));
  const system = systemLines(report);
  const hidden = rows.slice(ROWS_MAX);
  if (hidden.length > 0) tasks.push(restLine(hidden, report));
  const total = totalLine(report);

  const columns = columnsOf(report, rows, [...tasks, ...system, total]);
  const fitted = fit(columns, [...tasks, ...system, total], style.width);
  const draw = (line: Line): string => drawLine(line, fitted).trimEnd();
  const paint = painter(style.color);
  const sections = [
    paint.bold(shorten(titleOf(report), style.width)),
    paint.dim(shorten(legendOf(report, rows), style.width)),
    '',
    paint.bold(drawHeader(fitted)),
    ...tasks.map(draw),
    ...(tasks.length === 0 ? [] : ['']),
    ...system.map((line) => paint.dim(draw(line))),
    draw(total),
    '',
    ...(report.blocked === undefined ? [] : blockedLines(report.blocked, style.width)),
    ...footerLines(report, rows, fitted.dropped).flatMap((line) => wrap(printable(line), style.width)),
  ];
  return `\n${sections.map((line) => line.trimEnd()).join('\n')}\n`;
}

function systemLines(report: Report): Line[] {
  const scaling = scalingOf(report.tally.processes);
  const others = new Set(report.others.rows);
  const lines = systemRows(report).map((row): Line => {
    const { values } = row;
    const name = printable(row.name);
    const isOther = others.has(row);
    return { name, isOther, values, shown: isOther ? values : scaledValues(values, scaling) };
  });
  const hidden = lines.slice(ROWS_MAX);
  if (hidden.length === 0) return lines;
  // The rows of the regions are few, and first.
  const values = sumOf(hidden.map((row) => row.values));
  const rest = { name: `… ${count(hidden.length)} more`, isOther: true, values, shown: values };
  return [...lines.slice(0, ROWS_MAX), rest];
}

function taskLine(name: string, task: ReportRow, { tally }: Report): Line {
  return { name, task, values: task.values, shown: scaledValues(task.values, scalingOf(tally.processes)) };
}

function titleOf({ command, by, tally, ended, pid }: Report): string {
  const process = ended.runsOn !== undefined ? `process ${pid} ` : '';
  const words = printable(command.join(' '));
  const hasTasks = tally.processes.length > 0;
  const name = hasTasks ? 'task name' : 'process';
  return ` ${process}'${words}' by ${by === 'name' || (by === 'task' && !hasTasks) ? name : by}`;
}

function legendOf(report: Report, rows: readonly ReportRow[]): string {
  if (report.tally.processes.length === 0) return ' CPU is task-clock';
  if (report.by === 'task') return ' CPU is task-clock; every row is one task';
  return showsSums(report, rows)
    ? ' CPU is task-clock; no task has ended, so the columns after share are sums'
    : ' CPU is task-clock; the columns after share are per task';
}

function labelOf(row: ReportRow): string {
  const name = printable(row.name);
  if (row.id !== undefined) return `${name} #${row.id}`;
  return row.live > 0 ? `${name} (${count(row.live)} live)` : name;
}

function restLine(hidden: readonly ReportRow[], report: Report): Line {
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
  return taskLine(merged.name, merged, report);
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
