/** Details of one live task: what it has used so far, and where that stands among the tasks of its name. */
import { TASK_CLOCK } from '../../core/events.ts';
import { shorten, time } from '../units.ts';
import { histogramLines } from './histogram.ts';
import { EMPTY, line } from './lines.ts';
import type { Line } from './lines.ts';
import { filled, valueText } from './name-page.ts';
import type { Details } from './name-page.ts';
import type { State } from './state.ts';
import type { Size } from './table-page.ts';

export function taskPage({ view, row, tasks }: Details, state: State, { width, height }: Size): Line[] {
  const task = tasks?.oldest.find(({ key }) => key === state.selectedTask);
  const id = state.selectedTask?.split(' ')[1] ?? '';
  const title = line(
    [` ${shorten(`${row.name} #${id}`, width - 2)}`, 'bold'],
    [state.isFrozen ? '  FROZEN' : '', 'alarm'],
  );
  const foot = line([' Esc back  space freeze  ? help  q quit', 'dim']);
  const body =
    task === undefined
      ? [line(' has ended')]
      : [
          line(` ${time(task.ageNs)} old, process ${task.pid}, thread ${task.thread}`),
          EMPTY,
          line([` ${'event'.padEnd(18)}${'so far'.padStart(14)}`, 'heading']),
          ...view.events.map((event) =>
            line(` ${event.name.padEnd(18)}${valueText(event, task.values[event.id]!).padStart(14)}`),
          ),
        ];
  const spread = [
    EMPTY,
    line([' CPU time of one task', 'heading'], [', since the start', 'dim']),
    ...histogramLines(view.costs.get(row.key) ?? [], width, task?.values[TASK_CLOCK]),
  ];
  return filled([title, ...body, ...spread], foot, height);
}
