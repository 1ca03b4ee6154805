/** The columns of the table of names: what they say, how they are sorted, and which stay when there is little room. */
import { TASK_CLOCK, WAIT } from '../../core/events.ts';
import type { Spread } from '../collector.ts';
import { count, grouped, inUnit, shorten, unitFor } from '../units.ts';
import type { NameView, View } from './view.ts';

export type ColumnId =
  | 'name'
  | 'pid'
  | 'live'
  | 'rate'
  | 'cpu'
  | 'p50'
  | 'p99'
  | 'max'
  | 'wait'
  | 'behind'
  | 'requests'
  | 'mean'
  | 'all-p50'
  | 'all-p99'
  | 'all-max';

export interface ColumnKind {
  readonly id: ColumnId;
  readonly title: string;
  readonly meaning: string;
  /** Of the last window, of the time since the start, or of now. */
  readonly span: 'window' | 'start' | 'now';
  /** Lower ones stay longer. */
  readonly rank: number;
  /** Undefined: nothing is known, and it is sorted last. */
  readonly value: (row: NameView, view: View) => number | undefined;
  readonly show: 'time' | 'count' | 'tenths' | 'text';
  /** What a column of texts says; it is sorted by its value. */
  readonly text?: (row: NameView) => string;
}

const windowSpread =
  (kind: keyof Spread) =>
  (row: NameView): number | undefined =>
    row.windowSpread(TASK_CLOCK)?.[kind];
const allSpread =
  (kind: keyof Spread) =>
  (row: NameView): number | undefined =>
    row.allSpread(TASK_CLOCK)?.[kind];

function inWindow(of: (row: NameView, windowNs: number) => number | undefined) {
  return (row: NameView, { windowNs }: View): number | undefined =>
    windowNs === undefined || windowNs <= 0 ? undefined : of(row, windowNs);
}

/** In their order on the screen, after the name. */
export const COLUMNS: readonly ColumnKind[] = [
  {
    id: 'pid',
    title: 'pid',
    meaning: 'process',
    span: 'now',
    rank: 1,
    value: (row) => row.pid,
    show: 'count',
  },
  {
    id: 'live',
    title: 'live',
    meaning: 'tasks that have begun and not ended',
    span: 'now',
    rank: 2,
    value: (row) => row.live,
    show: 'count',
  },
  {
    id: 'rate',
    title: 'req/s',
    meaning: 'tasks that ended, per second',
    span: 'window',
    rank: 1,
    value: inWindow((row, windowNs) => (row.windowExits / windowNs) * 1e9),
    show: 'tenths',
  },
  {
    id: 'cpu',
    title: 'CPU %',
    meaning: 'share of one CPU that its tasks used',
    span: 'window',
    rank: 0,
    value: inWindow((row, windowNs) => (row.windowCpuNs / windowNs) * 100),
    show: 'tenths',
  },
  {
    id: 'p50',
    title: 'p50',
    meaning: 'CPU time of one task: half took less',
    span: 'window',
    rank: 6,
    value: windowSpread('p50'),
    show: 'time',
  },
  {
    id: 'p99',
    title: 'p99',
    meaning: 'CPU time of one task: 99 of 100 took less',
    span: 'window',
    rank: 3,
    value: windowSpread('p99'),
    show: 'time',
  },
  {
    id: 'max',
    title: 'max',
    meaning: 'CPU time of the most expensive task',
    span: 'window',
    rank: 5,
    value: windowSpread('max'),
    show: 'time',
  },
  {
    id: 'wait',
    title: 'wait',
    meaning: 'time a task was ready and another had the thread, mean (estimated)',
    span: 'window',
    rank: 4,
    value: (row, { eventBits }) =>
      row.windowExits > 0 && (eventBits & (1 << WAIT)) !== 0 ? row.windowWaitNs / row.windowExits : undefined,
    show: 'time',
  },
  {
    id: 'behind',
    title: 'waited behind',
    meaning: 'whose tasks had the thread while these were ready for 1 ms and more, the longest',
    span: 'window',
    rank: 4.5,
    value: (row) => row.windowBehind[0]?.ns,
    show: 'text',
    text: (row) => row.windowBehind[0]?.behind ?? '-',
  },
  {
    id: 'requests',
    title: 'requests',
    meaning: 'tasks that ended',
    span: 'start',
    rank: 7,
    value: (row) => row.exits,
    show: 'count',
  },
  {
    id: 'mean',
    title: 'mean',
    meaning: 'CPU time of one task, mean',
    span: 'start',
    rank: 11,
    value: (row) => (row.exits > 0 ? row.exited[TASK_CLOCK]! / row.exits : undefined),
    show: 'time',
  },
  {
    id: 'all-p50',
    title: 'p50',
    meaning: 'CPU time of one task: half took less',
    span: 'start',
    rank: 10,
    value: allSpread('p50'),
    show: 'time',
  },
  {
    id: 'all-p99',
    title: 'p99',
    meaning: 'CPU time of one task: 99 of 100 took less',
    span: 'start',
    rank: 8,
    value: allSpread('p99'),
    show: 'time',
  },
  {
    id: 'all-max',
    title: 'max',
    meaning: 'CPU time of the most expensive task',
    span: 'start',
    rank: 9,
    value: allSpread('max'),
    show: 'time',
  },
];

/** What `--sort` and the keys < and > choose from. */
export const SORT_IDS: readonly ColumnId[] = ['name', ...COLUMNS.map(({ id }) => id)];

export interface Sorting {
  readonly id: ColumnId;
  /** Smallest first instead of largest. Names: from z to a. */
  readonly isReversed: boolean;
}

/** The rows whose name has the filter in it, sorted. Equal ones are in the order of their names, so none jumps about. */
export function rowsOf(view: View, sorting: Sorting, filter: string): NameView[] {
  const wanted = filter.toLowerCase();
  const kind = COLUMNS.find(({ id }) => id === sorting.id);
  const byName = (a: NameView, b: NameView): number =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : (a.pid ?? 0) - (b.pid ?? 0);
  const byValue = (a: NameView, b: NameView): number =>
    compared(kind?.value(a, view), kind?.value(b, view), sorting.isReversed);
  const direction = sorting.isReversed && kind === undefined ? -1 : 1;
  return view.names
    .filter(({ name }) => name.toLowerCase().includes(wanted))
    .sort((a, b) => byValue(a, b) || direction * byName(a, b));
}

function compared(a: number | undefined, b: number | undefined, isReversed: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return isReversed ? a - b : b - a;
}

export interface Column extends ColumnKind {
  /** With its unit. */
  readonly heading: string;
  readonly width: number;
  readonly cells: readonly string[];
}

/** So that columns do not change their width with every refresh. */
const WIDTH_MIN = 7;
const TEXT_WIDTH = 20;

/** A column's cells for these rows, all in one unit. */
export function columnOf(kind: ColumnKind, rows: readonly NameView[], view: View): Column {
  const { text } = kind;
  if (text !== undefined) {
    const texts = rows.map((row) => shorten(text(row), TEXT_WIDTH));
    return { ...kind, heading: kind.title, width: TEXT_WIDTH, cells: texts };
  }
  const values = rows.map((row) => kind.value(row, view));
  const known = values.filter((value) => value !== undefined);
  const unit = kind.show === 'time' ? unitFor(known) : undefined;
  const cells = values.map((value, i) => {
    if (value === undefined) return '-';
    if (unit !== undefined) return inUnit(value, unit);
    if (kind.id === 'pid') return String(value);
    // What live tasks have used is not in their names.
    const mark = kind.id === 'cpu' && view.isPartial && rows[i] !== view.total ? '~' : '';
    return mark + (kind.show === 'count' ? count(value) : grouped(value, 1));
  });
  const heading = unit === undefined ? kind.title : `${kind.title} ${unit.name}`;
  const width = Math.max(WIDTH_MIN, heading.length, ...cells.map((cell) => cell.length));
  return { ...kind, heading, width, cells };
}
