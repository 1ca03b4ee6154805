/** Details of one name: everything that is counted of its tasks, how their costs are spread, and which are alive. */
import { EVENTS } from '../../core/events.ts';
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
    ...eventLines(view, row),
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

/** One line per event: the sum over ended and live tasks, the mean of the ended, and quantiles where they are kept. */
function eventLines(view: View, row: NameView): Line[] {
  const titles = ['sum', 'mean', 'p50', 'p90', 'p99', 'max'];
  const heading = line([
    ` ${'event'.padEnd(18)}${titles.map((title) => title.padStart(13)).join('')}`,
    'heading',
  ]);
  const rows = view.events.map((event) => {
    const spread = row.allSpread(event.id);
    const shown = (value: number | undefined): string =>
      (value === undefined ? '-' : valueText(event, value)).padStart(13);
    const mean = row.exits > 0 ? row.exited[event.id]! / row.exits : undefined;
    const cells = [row.values[event.id]!, mean, spread?.p50, spread?.p90, spread?.p99, spread?.max];
    return line(` ${event.name.padEnd(18)}${cells.map(shown).join('')}`);
  });
  return [heading, ...rows];
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
    const name = shorten(behind, BEHIND_WIDTH - 2).padEnd(BEHIND_WIDTH);
    return line(` ${name}${count(times).padStart(10)}${time(ns).padStart(13)}`);
  });
  return [heading, ...rows, EMPTY];
}

export function valueText({ unit }: CountedEvent, value: number): string {
  return unit === 'ns' ? time(value) : Number.isInteger(value) ? count(value) : grouped(value, 1);
}

function taskLines(tasks: LiveTasks | undefined, state: State, room: number): Line[] {
  if (tasks === undefined) return [];
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
