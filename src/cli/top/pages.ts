/** Which page is drawn, and what can be chosen on it. */
import { COLUMNS, rowsOf } from './columns.ts';
import { helpPage } from './help-page.ts';
import type { Choices } from './keys.ts';
import type { Line } from './lines.ts';
import { namePage } from './name-page.ts';
import type { LiveTasks } from './live-tasks.ts';
import type { State } from './state.ts';
import { isOffered, pageRowsOf, tablePage } from './table-page.ts';
import type { Size } from './table-page.ts';
import { taskPage } from './task-page.ts';
import type { NameView, View } from './view.ts';

export interface Frame {
  readonly view: View;
  /** Of the name whose details are shown. */
  readonly tasks: LiveTasks | undefined;
}

export function pageOf({ view, tasks }: Frame, state: State, size: Size & { blockedNs: number }): Line[] {
  const row = chosenRow(view, state);
  if (state.page === 'help') return helpPage(size.width).slice(state.helpFrom, state.helpFrom + size.height);
  if (state.page === 'name' && row !== undefined) return namePage({ view, row, tasks }, state, size);
  if (state.page === 'task' && row !== undefined) return taskPage({ view, row, tasks }, state, size);
  return tablePage(view, { ...state, page: 'table' }, size);
}

export function choicesOf({ view, tasks }: Frame, state: State, size: Size): Choices {
  const rows = rowsOf(view, state.sorting, state.filter);
  return {
    rows: rows.map(({ key }) => key),
    tasks: tasks?.oldest.map(({ key }) => key) ?? [],
    helpRest: Math.max(0, helpPage(size.width).length - size.height),
    pageRows: pageRowsOf(size),
    sortable: COLUMNS.map(({ id }) => id).filter((id) => isOffered(id, view)),
  };
}

export function chosenRow(view: View, { selected }: State): NameView | undefined {
  return view.names.find(({ key }) => key === selected);
}
