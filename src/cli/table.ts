/**
 * The table for people: rows of tasks, then where the rest of the thread's time went, then what to know about the run.
 * It is fitted to a width: the least important columns go first, and the footer says which; names are cut in the middle.
 */
import { cellsIn, padded as pad } from './cells.ts';
import { blockedLines } from './blocked-table.ts';
import { RANK_UNSUPPORTED, columnsOf, showsSums, totalLine } from './columns.ts';
import type { Column, Line } from './columns.ts';
import { childrenOf } from './children.ts';
import type { Children } from './children.ts';
import { footerLines } from './footer.ts';
import { printable } from './printable.ts';
import { allProcesses } from './process-rows.ts';
import { processLines } from './process-table.ts';
import { mergedRow, rowsOf, sumOf, systemRows } from './report.ts';
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
/** Two workers of a cluster differ in the middle of theirs. */
const PROCESS_WIDTH_MIN = 34;
const NAME_WIDTH_MAX = 60;
const GAP = 2;
/** A line between the header and the total. */
export interface BodyLine {
  readonly line: Line;
  readonly look: 'task' | 'system' | 'process';
}

/** The lines of a row of tasks. */
export type TaskLines = (name: string, row: ReportRow) => BodyLine[];

/** The whole table, ending in a newline. */
export function renderTable(report: Report, style: Style): string {
  const rows = rowsOf(report);
  const isByProcess = report.by === 'process' && report.tally.processes.length > 0;
  const children = childrenOf(report, allProcesses(report));
  const toLines: TaskLines = (name, row) => taskLines(name, row, { report, children: children(row) });
  const body = isByProcess ? processLines(report, toLines) : bodyLines(report, rows, toLines);
  const lines = [...body.map(({ line }) => line), totalLine(report)];
  const columns = columnsOf(report, rows, lines);
  const fitted = fit(columns, lines, {
    width: style.width,
    nameMin: isByProcess ? PROCESS_WIDTH_MIN : NAME_WIDTH_MIN,
  });
  const draw = (line: Line): string => drawLine(line, fitted).trimEnd();
  const paint = painter(style.color);
  const plain = (text: string): string => text;
  const looks = { task: plain, system: paint.dim, process: paint.bold };
  const tasks = isByProcess ? body.length : body.filter(({ look }) => look === 'task').length;
  const drawn = body.map(({ line, look }) => looks[look](draw(line)));
  const sections = [
    paint.bold(shorten(titleOf(report), style.width)),
    paint.dim(shorten(legendOf(report, rows), style.width)),
    '',
    paint.bold(drawHeader(fitted)),
    ...drawn.slice(0, tasks),
    ...(tasks === 0 ? [] : ['']),
    ...drawn.slice(tasks),
    draw(totalLine(report)),
    '',
    ...(report.blocked === undefined ? [] : blockedLines(report.blocked, style.width)),
    ...footerLines(report, rows, fitted.dropped).flatMap((line) => wrap(printable(line), style.width)),
  ];
  return `\n${sections.map((line) => line.trimEnd()).join('\n')}\n`;
}

function bodyLines(report: Report, rows: readonly ReportRow[], toLines: TaskLines): BodyLine[] {
  const tasks = rows.slice(0, ROWS_MAX).flatMap((row) => toLines(labelOf(row, report), row));
  const hidden = rows.slice(ROWS_MAX);
  if (hidden.length > 0) {
    const rest = mergedRow(`… ${count(hidden.length)} more`, hidden);
    tasks.push(...toLines(rest.name, rest));
  }
  return [...tasks, ...systemLines(report).map((line): BodyLine => ({ line, look: 'system' }))];
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

/** The row's line, and one of the processes that its tasks started. */
function taskLines(
  name: string,
  task: ReportRow,
  { report, children }: { report: Report; children: Children | undefined },
): BodyLine[] {
  const { values } = task;
  const shown = scaledValues(values, scalingOf(report.tally.processes));
  const own: BodyLine = { line: { name, task, values, shown }, look: 'task' };
  if (children === undefined) return [own];
  const label = `${/^ */.exec(name)![0]}└ ${children.label}`;
  const { values: used, shown: usedShown } = children;
  return [own, { line: { name: label, isChildren: true, values: used, shown: usedShown }, look: 'task' }];
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
  if (showsSums(report, rows))
    return ' CPU is task-clock; no task has ended, so the columns after share are sums';
  return report.by === 'process'
    ? ' CPU is task-clock, of a process all of it; columns after share are per task'
    : ' CPU is task-clock; the columns after share are per task';
}

function labelOf(row: ReportRow, { by, tally }: Report): string {
  if (row.id !== undefined) return `${printable(row.name)} #${row.id}`;
  // Every process has a thread "main".
  const isMany = by === 'thread' && new Set(tally.processes.map(({ pid }) => pid)).size > 1;
  const name = printable(row.name) + (isMany ? ` (${row.pid})` : '');
  return row.live > 0 ? `${name} (${count(row.live)} live)` : name;
}

// ---- fitting ----------------------------------------------------------------------------------------------------------

interface Fitted {
  readonly nameWidth: number;
  readonly columns: readonly (Column & { readonly width: number })[];
  /** Titles of the columns that found no room. */
  readonly dropped: readonly string[];
}

function fit(
  all: readonly Column[],
  lines: readonly Line[],
  { width, nameMin }: { width: number; nameMin: number },
): Fitted {
  const sized = all.map((column) => {
    const cells = lines.map((line) => column.cell(line).length);
    return { ...column, width: Math.max(column.title.length, ...cells) };
  });
  const longest = Math.max(...lines.map((line) => cellsIn(line.name)));
  const wanted = Math.min(longest, nameMin);
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
  return ` ${pad(name, nameWidth)}${cells.join('')}`;
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
