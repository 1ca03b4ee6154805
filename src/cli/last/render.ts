/** The last state for people: who it was, who had each thread, what was running, and the sums per name. */
import { cellsIn, padded as pad } from '../cells.ts';
import { TASK_CLOCK } from '../../core/events.ts';
import type { EventInfo } from '../../core/events.ts';
import { columnUnit } from '../columns.ts';
import { printable } from '../printable.ts';
import { count, inUnit, shorten, time, unitFor } from '../units.ts';
import { wrapped } from '../wrapped.ts';
import type { LastState, LastThread, LastWho } from './state.ts';

/** Rows of the table of tasks and of the one of names. */
const ROWS_MAX = 50;
const SWITCHES_SHOWN = 8;
const NAME_WIDTH_MAX = 60;
const NAME_WIDTH_MIN = 16;

/** What the tool found out about the process. */
export interface Found {
  readonly isRunning: boolean;
}

/** Ends in a newline; every text from the region is escaped. */
export function renderLast(state: LastState, { isRunning }: Found, width: number): string {
  const rest = state.taskCount - Math.min(state.tasks.length, ROWS_MAX);
  const lines = [
    '',
    ...headLines(state, isRunning).flatMap((text) => sentence(text, width)),
    '',
    ' threads, who had them, and since when',
    ...threadTable(state, isRunning, width),
    ...switchLines(state, width),
    '',
    ` tasks that had not ended: ${count(state.taskCount)}`,
    ...taskTable(state, width),
    ...(rest > 0 ? [` … ${count(rest)} more`] : []),
    '',
    ' since the start, by name',
    ...nameTable(state, width),
    ...(state.names.length > ROWS_MAX ? [` … ${count(state.names.length - ROWS_MAX)} more`] : []),
    ...(state.notes.length > 0 ? [''] : []),
    ...state.notes.flatMap((note) => sentence(`note: ${printable(note)}`, width)),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

function headLines(state: LastState, isRunning: boolean): string[] {
  const { pid, node, path, off, seenNs, startNs } = state;
  const lines = [
    `process ${pid}, Node.js ${printable(node)}, ${endText(state, isRunning)}`,
    `started ${moment(state.startEpochMs)}, last seen ${moment(seenEpochMs(state))}, ${time(Math.max(0, seenNs - startNs))} later`,
    `region ${printable(path)}`,
  ];
  if (off !== undefined) lines.push(`taskperf had switched itself off: ${printable(off)}`);
  return lines;
}

/** What goes on in the next line is indented. */
function sentence(text: string, width: number): string[] {
  return wrapped(text, Math.max(20, width - 5)).map((part, i) => `${i === 0 ? ' ' : '     '}${part}`);
}

/** A process that is killed cannot say so: what is missing is that it ended. */
function endText({ exited }: LastState, isRunning: boolean): string {
  if (exited) return 'which has ended by itself';
  return isRunning
    ? 'which runs'
    : 'which is gone and never said that it ended: it was killed, or it crashed';
}

export function seenEpochMs(state: LastState): number {
  return epochMsOf(state, state.seenNs);
}

/** When a moment of CLOCK_MONOTONIC was; never before 1970, whatever a damaged region says. */
export function epochMsOf({ startEpochMs, startNs }: LastState, ns: number): number {
  return Math.max(0, startEpochMs + (ns - startNs) / 1e6);
}

/** In the local time zone, to the millisecond; a damaged one is no date. */
function moment(epochMs: number): string {
  const date = new Date(epochMs);
  if (Number.isNaN(date.getTime())) return '(unknown)';
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return Number.isNaN(local.getTime()) ? '(unknown)' : local.toISOString().slice(0, 23).replace('T', ' ');
}

// ---- tables -------------------------------------------------------------------------------------------------------

interface Column {
  readonly title: string;
  readonly cells: readonly string[];
}

function threadTable(state: LastState, isRunning: boolean, width: number): string[] {
  const { threads } = state;
  const running = (thread: LastThread): string => {
    if (!thread.isLive) return '(thread has ended)';
    return thread.running === undefined ? '(waits for events)' : whoText(thread.running);
  };
  const names = threads.map(
    (one) => `${printable(one.name)}: ${running(one)}${one.isTorn ? ' (in a switch)' : ''}`,
  );
  return table(
    names,
    [
      {
        title: 'since',
        cells: threads.map(({ running: one }) => (one === undefined ? '' : clock(state, one.sinceNs))),
      },
      {
        // When it died is written nowhere: it had the thread until then.
        title: isRunning ? 'for' : 'for at least',
        cells: threads.map(({ running: one }) => (one === undefined ? '' : lasted(state, one.sinceNs))),
      },
      { title: 'switches', cells: threads.map((one) => count(one.switches)) },
      { title: 'tid', cells: threads.map((one) => String(one.tid)) },
    ],
    width,
  );
}

/** The last switches of each thread, newest first: who was given it when. */
function switchLines(state: LastState, width: number): string[] {
  return state.threads.flatMap((thread) => {
    const shown = thread.lastSwitches.slice(-SWITCHES_SHOWN).reverse();
    if (shown.length === 0) return [];
    const since = shown.map(({ sinceNs }) => (sinceNs === undefined ? '' : clock(state, sinceNs)));
    const names = shown.map(whoText);
    return [
      '',
      ` the last switches of ${printable(thread.name)}, newest first`,
      ...table(names, [{ title: 'at', cells: since }], width),
    ];
  });
}

function whoText({ name, id }: LastWho): string {
  return id === undefined ? printable(name) : `${printable(name)} #${id}`;
}

/** The time of day of a moment of the monotonic clock. */
function clock(state: LastState, ns: number): string {
  return moment(epochMsOf(state, ns)).split(' ').at(-1)!;
}

function lasted({ seenNs }: LastState, sinceNs: number): string {
  return time(Math.max(0, seenNs - sinceNs));
}

function taskTable(state: LastState, width: number): string[] {
  const tasks = state.tasks.slice(0, ROWS_MAX);
  const ages = tasks.map(({ startNs }) => Math.max(0, state.seenNs - startNs));
  const unit = unitFor(ages);
  const lines = tasks.map(({ values }) => values);
  return table(
    tasks.map(({ name, id }) => `${printable(name)} #${id}`),
    [
      { title: `age ${unit.name}`, cells: ages.map((ns) => inUnit(ns, unit)) },
      ...eventColumns(state.events, lines),
    ],
    width,
  );
}

function nameTable(state: LastState, width: number): string[] {
  const rows = state.names.slice(0, ROWS_MAX);
  return table(
    rows.map(({ name }) => printable(name)),
    [
      { title: 'ended', cells: rows.map((row) => count(row.count)) },
      { title: 'live', cells: rows.map((row) => count(row.live)) },
      ...eventColumns(
        state.events,
        rows.map(({ values }) => values),
      ),
    ],
    width,
  );
}

function eventColumns(events: readonly EventInfo[], lines: readonly Float64Array[]): Column[] {
  return events.map((event) => {
    const values = lines.map((line) => line[event.id]!);
    const unit = columnUnit(event, values);
    const name = event.id === TASK_CLOCK ? 'CPU' : printable(event.name);
    return {
      title: `${name} ${unit.name}`.trimEnd(),
      cells: values.map((value) => inUnit(value, unit)),
    };
  });
}

/** As many columns, from the left, as leave room for the names. */
function table(names: readonly string[], columns: readonly Column[], width: number): string[] {
  if (names.length === 0) return [' none'];
  const sized = columns.map((one) => {
    return { ...one, width: Math.max(one.title.length, ...one.cells.map(({ length }) => length)) + 2 };
  });
  const longest = Math.max(...names.map(cellsIn));
  const wanted = Math.min(longest, NAME_WIDTH_MIN) + 1;
  const used = (): number => sized.reduce((sum, one) => sum + one.width, 0);
  while (sized.length > 1 && used() + wanted > width) sized.pop();
  const nameWidth = Math.max(Math.min(longest, NAME_WIDTH_MAX, width - used() - 1), NAME_WIDTH_MIN);
  const row = (name: string, cells: readonly string[]): string => {
    const text = shorten(name, nameWidth);
    const padded = cells.map((cell, i) => cell.padStart(sized[i]!.width));
    return ` ${pad(text, nameWidth)}${padded.join('')}`;
  };
  const header = row(
    '',
    sized.map(({ title }) => title),
  );
  const body = names.map((name, i) =>
    row(
      name,
      sized.map(({ cells }) => cells[i]!),
    ),
  );
  return [header, ...body];
}
