/** Keys to states. Nothing is drawn here and nothing read: a key, the state, and what can be chosen give the next state. */
import { SORT_IDS } from './columns.ts';
import type { ColumnId, Sorting } from './columns.ts';
import type { State } from './state.ts';

export interface Choices {
  /** Keys of the rows and of the live tasks, in their order on the screen. */
  readonly rows: readonly string[];
  readonly tasks: readonly string[];
  /** How far Page Down goes. */
  readonly pageRows: number;
  /** What can be sorted by: the columns that are shown. */
  readonly sortable: readonly ColumnId[];
}

/** The next state, or that the user wants to leave. Keys have terminal-kit's names. */
export function press(state: State, key: string, choices: Choices): State | 'quit' {
  if (key === 'CTRL_C') return 'quit';
  if (state.typed !== undefined) return typing(state, key, state.typed);
  if (key === 'q') return 'quit';
  if (key === ' ' || key === 'p') return { ...state, isFrozen: !state.isFrozen };
  if (state.page === 'help') return { ...state, page: state.cameFrom };
  if (key === '?' || key === 'h') return { ...state, page: 'help', cameFrom: state.page };
  if (state.page === 'task') return isBack(key) ? { ...state, page: 'name' } : state;
  const steps = stepsOf(key, choices.pageRows);
  if (state.page === 'name') return inName(state, key, { steps, tasks: choices.tasks });
  if (steps !== undefined) return { ...state, selected: moved(choices.rows, state.selected, steps) };
  return inTable(state, key, choices);
}

function typing(state: State, key: string, typed: string): State {
  if (key === 'ENTER' || key === 'KP_ENTER') return { ...state, typed: undefined };
  if (key === 'ESCAPE') return { ...state, typed: undefined, filter: '' };
  const text =
    key === 'BACKSPACE' || key === 'DELETE' ? typed.slice(0, -1) : key === 'CTRL_U' ? '' : typed + printed(key);
  return { ...state, typed: text, filter: text, selected: undefined };
}

/** What a key writes: names of keys that write nothing are longer than one character. */
function printed(key: string): string {
  return [...key].length === 1 ? key : '';
}

function inTable(state: State, key: string, choices: Choices): State {
  switch (key) {
    case '/':
      return { ...state, typed: state.filter };
    case 'ESCAPE':
      return { ...state, filter: '' };
    case '<':
    case 'LEFT':
      return { ...state, sorting: sortedBy(state.sorting, -1, choices.sortable) };
    case '>':
    case 'RIGHT':
      return { ...state, sorting: sortedBy(state.sorting, 1, choices.sortable) };
    case 'r':
    case 'R':
      return { ...state, sorting: { ...state.sorting, isReversed: !state.sorting.isReversed } };
    case 'P':
      return { ...state, byProcess: !state.byProcess, selected: undefined };
    case 'ENTER':
    case 'KP_ENTER': {
      const selected = choices.rows[positionOf(choices.rows, state.selected)];
      return selected === undefined ? state : { ...state, page: 'name', selected, selectedTask: undefined };
    }
    default:
      return state;
  }
}

function inName(
  state: State,
  key: string,
  { steps, tasks }: { steps: number | undefined; tasks: readonly string[] },
): State {
  if (isBack(key)) return { ...state, page: 'table' };
  if (steps !== undefined) return { ...state, selectedTask: moved(tasks, state.selectedTask, steps) };
  const isEnter = key === 'ENTER' || key === 'KP_ENTER';
  const selectedTask = tasks[positionOf(tasks, state.selectedTask)];
  return isEnter && selectedTask !== undefined ? { ...state, page: 'task', selectedTask } : state;
}

function isBack(key: string): boolean {
  return key === 'ESCAPE' || key === 'BACKSPACE' || key === 'LEFT';
}

/** How far the key moves the choice; undefined: it does not. */
function stepsOf(key: string, pageRows: number): number | undefined {
  switch (key) {
    case 'UP':
    case 'k':
      return -1;
    case 'DOWN':
    case 'j':
      return 1;
    case 'PAGE_UP':
      return -pageRows;
    case 'PAGE_DOWN':
      return pageRows;
    case 'HOME':
      return -Infinity;
    case 'END':
      return Infinity;
    default:
      return undefined;
  }
}

function moved(keys: readonly string[], chosen: string | undefined, steps: number): string | undefined {
  return keys[Math.min(Math.max(positionOf(keys, chosen) + steps, 0), keys.length - 1)];
}

/** A row that is gone (or filtered out) leaves the choice at the first. */
export function positionOf(keys: readonly string[], chosen: string | undefined): number {
  return Math.max(0, chosen === undefined ? 0 : keys.indexOf(chosen));
}

function sortedBy({ id }: Sorting, step: number, sortable: readonly ColumnId[]): Sorting {
  const ids = SORT_IDS.filter((one) => one === 'name' || sortable.includes(one));
  const at = ids.indexOf(id) + step;
  return { id: ids[(at + ids.length) % ids.length]!, isReversed: false };
}
