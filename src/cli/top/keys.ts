/** Keys to states. Nothing is drawn here and nothing read: a key, the state, and what can be chosen give the next state. */
import { SORT_IDS } from './columns.ts';
import type { ColumnId, Sorting } from './columns.ts';
import type { State } from './state.ts';

export interface Choices {
  /** Keys of the rows and of the live tasks, in their order on the screen. */
  readonly rows: readonly string[];
  readonly tasks: readonly string[];
  /** Lines of the help page that find no room. */
  readonly helpRest: number;
  /** How far Page Down goes. */
  readonly pageRows: number;
  /** What can be sorted by; a column that finds no room is shown once it is sorted by. */
  readonly sortable: readonly ColumnId[];
}

/** The next state, or that the user wants to leave. Keys have terminal-kit's names. */
export function press(state: State, key: string, choices: Choices): State | 'quit' {
  if (key === 'CTRL_C') return 'quit';
  if (state.typed !== undefined) return typing(state, key, state.typed);
  if (key === 'q') return 'quit';
  if (key === ' ' || key === 'p') return { ...state, isFrozen: !state.isFrozen };
  if (state.page === 'help') return inHelp(state, key, choices);
  if (key === '?' || key === 'h') return { ...state, page: 'help', cameFrom: state.page, helpFrom: 0 };
  return PAGES[state.page](state, key, choices);
}

type Pressed = (state: State, key: string, choices: Choices) => State;

const PAGES: Readonly<Record<'table' | 'name' | 'task', Pressed>> = {
  table: inTable,
  name: inName,
  task: (state, key) => (isBack(key) ? { ...state, page: 'name' } : state),
};

function typing(state: State, key: string, typed: string): State {
  if (key === 'ENTER' || key === 'KP_ENTER') return { ...state, typed: undefined };
  if (key === 'ESCAPE') return { ...state, typed: undefined, filter: '' };
  const text =
    key === 'BACKSPACE' || key === 'DELETE'
      ? typed.slice(0, -1)
      : key === 'CTRL_U'
        ? ''
        : typed + printed(key);
  return { ...state, typed: text, filter: text, selected: undefined };
}

/** What a key writes: names of keys that write nothing are longer than one character. */
function printed(key: string): string {
  return [...key].length === 1 ? key : '';
}

/** Keys that move go up and down in it, where it does not fit; any other leaves it. */
function inHelp(state: State, key: string, { pageRows, helpRest }: Choices): State {
  const steps = stepsOf(key, pageRows);
  if (steps === undefined) return { ...state, page: state.cameFrom };
  return { ...state, helpFrom: Math.min(Math.max(state.helpFrom + steps, 0), helpRest) };
}

function inTable(state: State, key: string, choices: Choices): State {
  const steps = stepsOf(key, choices.pageRows);
  if (steps !== undefined) return { ...state, selected: moved(choices.rows, state.selected, steps) };
  return TABLE_KEYS.get(key)?.(state, choices) ?? state;
}

const sortBy =
  (step: number) =>
  (state: State, { sortable }: Choices): State => ({
    ...state,
    sorting: sortedBy(state.sorting, step, sortable),
  });
const reverse = ({ sorting, ...state }: State): State => {
  return { ...state, sorting: { ...sorting, isReversed: !sorting.isReversed } };
};
const openName = (state: State, { rows }: Choices): State => {
  const selected = rows[positionOf(rows, state.selected)];
  return selected === undefined ? state : { ...state, page: 'name', selected, selectedTask: undefined };
};

const TABLE_KEYS: ReadonlyMap<string, (state: State, choices: Choices) => State> = new Map([
  ['/', (state: State): State => ({ ...state, typed: state.filter })],
  ['ESCAPE', (state: State): State => ({ ...state, filter: '' })],
  ['<', sortBy(-1)],
  ['LEFT', sortBy(-1)],
  ['>', sortBy(1)],
  ['RIGHT', sortBy(1)],
  ['r', reverse],
  ['R', reverse],
  ['P', (state: State): State => ({ ...state, byProcess: !state.byProcess, selected: undefined })],
  ['ENTER', openName],
  ['KP_ENTER', openName],
]);

function inName(state: State, key: string, { tasks, pageRows }: Choices): State {
  if (isBack(key)) return { ...state, page: 'table' };
  const steps = stepsOf(key, pageRows);
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
