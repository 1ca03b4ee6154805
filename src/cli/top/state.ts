/** What the user has chosen: the page, the sorting, the filter. Keys change it (keys.ts), pages are drawn by it. */
import type { ColumnId, Sorting } from './columns.ts';

export type Page = 'table' | 'name' | 'task' | 'help';

export interface State {
  readonly page: Page;
  /** Where help goes back to, and how many of its lines have gone up. */
  readonly cameFrom: Page;
  readonly helpFrom: number;
  readonly sorting: Sorting;
  readonly filter: string;
  /** The filter that is being typed; undefined: keys are commands. */
  readonly typed: string | undefined;
  readonly isFrozen: boolean;
  readonly byProcess: boolean;
  /** Key of the chosen row; undefined: the first. */
  readonly selected: string | undefined;
  /** Key of the chosen live task of that name; undefined: the first. */
  readonly selectedTask: string | undefined;
}

export function initialState(sort: ColumnId, byProcess: boolean): State {
  return {
    page: 'table',
    cameFrom: 'table',
    helpFrom: 0,
    sorting: { id: sort, isReversed: false },
    filter: '',
    typed: undefined,
    isFrozen: false,
    byProcess,
    selected: undefined,
    selectedTask: undefined,
  };
}
