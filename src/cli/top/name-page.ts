/** Details of one name: everything that is counted of its tasks, how their costs are spread, and which are alive. */
import { EVENTS } from '../../core/events.ts';
import { padded } from '../cells.ts';
import { count, grouped, shorten, time } from '../units.ts';
import { histogramLines } from './histogram.ts';
import { positionOf } from './keys.ts';
import { EMPTY, line } from './lines.ts';
import type { Line } from './lines.ts';
import type { ListedTask, LiveTasks } from './live-tasks.ts';
import type { State } from './state.ts';
import type { Size } from './table-page.ts';
import { windowText } from './thread-lines.ts';
import type { CountedEvent, NameView, View } from './view.ts';

export interface Details {
  readonly view: View;
  readonly row: NameView;
  readonly tasks: LiveTasks | undefined;
}

export function namePage({ view, row, tasks }: Details, state: State, { width, height }: Size): Line[] {
  const head = [
    line([` ${shorten(row.name, width - 2)}`, 'bold'], [state.isFrozen ? '  FROZEN' : '', 'alarm']),
    line(summaryOf(view, row)),
    EMPTY,
    ...eventLines(view, row, width),
    EMPTY,
    line([' CPU time of one task', 'heading'], [', since the start', 'dim']),
    ...histogramLines(view.costs.get(row.key) ?? [], width),
    EMPTY,
    ...behindLines(row),
  ];
  const foot = line([' Esc back  up down Enter one task  space freeze  ? help  q quit', 'dim']);
  // The list is what can be chosen from: some of it is always there.
  const reserved = Math.min(LIST_MIN, 1 + (tasks?.oldest.length ?? 0));
  const top = head.slice(0, Math.max(1, height - 1 - reserved));
  return filled([...top, ...taskLines(tasks, state, Math.max(2, height - top.length - 1))], foot, height);
}

const LIST_MIN = 5;

/** The lines, what is left of the screen, and the last line. */
export function filled(lines: readonly Line[], foot: Line, height: number): Line[] {
  const shown = lines.slice(0, Math.max(0, height - 1));
  return [...shown, ...Array.from({ length: Math.max(0, height - 1 - shown.length) }, () => EMPTY), foot];
}

function summaryOf(view: View, row: NameView): string {
  const { windowNs } = view;
  const window =
    windowNs === undefined
      ? ''
      : `; ${windowText(view)}: ${grouped((row.windowExits / windowNs) * 1e9, 1)} req/s, ${grouped((row.windowCpuNs / windowNs) * 100, 1)} % CPU`;
  return ` ${count(row.exits)} ended, ${count(row.live)} live${window}`;
}

interface EventColumn {
  readonly title: string;
  /** Lower ones stay longer. */
  readonly rank: number;
  readonly value: (event: CountedEvent) => number | undefined;
}

const EVENT_WIDTH = 18;
/** Most values are no longer, so columns do not move about. */
const VALUE_WIDTH = 11;

/** One line per event: the sum over ended and live tasks, the mean of the ended, and quantiles where they are kept. */
function eventLines(view: View, row: NameView, width: number): Line[] {
  const spread =
    (kind: 'p50' | 'p90' | 'p99' | 'max') =>
    ({ id }: CountedEvent): number | undefined =>
      row.allSpread(id)?.[kind];
  const mean = ({ id }: CountedEvent): number | undefined =>
    row.exits > 0 ? row.exited[id]! / row.exits : undefined;
  const columns: readonly EventColumn[] = [
    { title: 'sum', rank: 0, value: ({ id }) => row.values[id]! },
    { title: 'mean', rank: 2, value: mean },
    { title: 'p50', rank: 3, value: spread('p50') },
    { title: 'p90', rank: 5, value: spread('p90') },
    { title: 'p99', rank: 1, value: spread('p99') },
    { title: 'max', rank: 4, value: spread('max') },
  ];
  const shown = fitting(view, columns, width);
  const heading = shown.map(({ title, size }) => title.padStart(size)).join('');
  const rows = view.events.map((event, i) => {
    const cells = shown.map(({ cells: of, size }) => of[i]!.padStart(size));
    return line(` ${padded(shorten(event.name, EVENT_WIDTH), EVENT_WIDTH)}${cells.join('')}`);
  });
  return [line([` ${'event'.padEnd(EVENT_WIDTH)}${heading}`, 'heading']), ...rows];
}

/** The columns that find room, whole: half a number is a wrong one. */
function fitting(
  view: View,
  columns: readonly EventColumn[],
  width: number,
): { title: string; cells: readonly string[]; size: number }[] {
  const sized = columns.map(({ title, rank, value }) => {
    const cells = view.events.map((event) => {
      const known = value(event);
      return known === undefined ? '-' : valueText(event, known);
    });
    return { title, rank, cells, size: 2 + Math.max(VALUE_WIDTH - 2, ...cells.map((cell) => cell.length)) };
  });
  const kept = new Set<number>();
  let used = 1 + EVENT_WIDTH;
  for (const { rank, size } of [...sized].sort((a, b) => a.rank - b.rank)) {
    if (used + size > width) break;
    used += size;
    kept.add(rank);
  }
  return sized.filter(({ rank }) => kept.has(rank));
}

const BEHIND_MAX = 5;
const BEHIND_WIDTH = 44;

/** Whom its tasks waited behind since the start. */
function behindLines({ allBehind }: NameView): Line[] {
  if (allBehind.length === 0) return [];
  const heading = line(
    [` ${'waited behind'.padEnd(BEHIND_WIDTH)}${'times'.padStart(10)}${'at most'.padStart(13)}`, 'heading'],
    ['  of 1 ms and more, since the start', 'dim'],
  );
  const rows = allBehind.slice(0, BEHIND_MAX).map(({ behind, count: times, ns }) => {
    const name = padded(shorten(behind, BEHIND_WIDTH - 2), BEHIND_WIDTH);
    return line(` ${name}${count(times).padStart(10)}${time(ns).padStart(13)}`);
  });
  return [heading, ...rows, EMPTY];
}

export function valueText({ unit }: CountedEvent, value: number): string {
  return unit === 'ns' ? time(value) : Number.isInteger(value) ? count(value) : grouped(value, 1);
}

function taskLines(tasks: LiveTasks | undefined, state: State, room: number): Line[] {
  if (tasks === undefined) {
    const why = state.isFrozen ? ' the screen is frozen: live tasks are looked at when it goes on' : '';
    return [line([why, 'dim'])];
  }
  if (tasks.isPartial) return [line([' ~ too many live tasks to look at each', 'dim'])];
  const heading = line([` live tasks, oldest first (${count(tasks.count)})`, 'heading']);
  if (tasks.oldest.length === 0) return [heading];
  const chosen = positionOf(
    tasks.oldest.map(({ key }) => key),
    state.selectedTask,
  );
  const rows = Math.max(1, room - 1);
  const from = Math.min(Math.max(0, chosen - rows + 1), Math.max(0, tasks.oldest.length - rows));
  const list = tasks.oldest.slice(from, from + rows);
  return [heading, ...list.map((task, i) => ({ ...line(taskText(task)), isSelected: from + i === chosen }))];
}

function taskText({ id, pid, thread, ageNs, values }: ListedTask): string {
  const cpu = time(values[EVENTS[0]!.id]!);
  return ` #${String(id).padEnd(12)} ${`${time(ageNs)} old`.padEnd(18)} ${`${cpu} CPU`.padEnd(18)} pid ${pid}, thread ${thread}`;
}
