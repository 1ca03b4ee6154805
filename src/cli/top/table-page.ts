/** The main page: threads, then one row per name. */
import { cellsIn, padded } from '../cells.ts';
import { count, grouped, shorten } from '../units.ts';
import { COLUMNS, columnOf, rowsOf } from './columns.ts';
import type { Column, ColumnId, ColumnKind, Sorting } from './columns.ts';
import { positionOf } from './keys.ts';
import { EMPTY, line } from './lines.ts';
import type { Line, Span } from './lines.ts';
import type { State } from './state.ts';
import { legend, threadLines, windowText } from './thread-lines.ts';
import type { NameView, View } from './view.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

const NAME_WIDTH_MIN = 18;
const NAME_WIDTH_MAX = 60;
const GAP = 2;

export function tablePage(view: View, state: State, size: Size & { blockedNs: number }): Line[] {
  const { width, height, blockedNs } = size;
  const rowsMax = Math.max(2, Math.floor(height / 3) - 2);
  const head = [
    titleLine(view, state, width),
    summaryLine(view, width),
    EMPTY,
    ...threadLines(view, { width, blockedNs, rowsMax }),
    ...(height >= 20 ? [legend()] : []),
    EMPTY,
  ];
  const foot = footLines(view, state, width);
  const rows = rowsOf(view, state.sorting, state.filter);
  const tableRows = Math.max(1, height - head.length - foot.length - 3);
  const body = tableLines(view, { rows, state, width, rowsMax: tableRows });
  // Whatever there is to show, the keys are in the last line.
  const room = Math.max(0, height - foot.length);
  const shown = [...head, ...body].slice(0, room);
  const filler = Array.from({ length: room - shown.length }, () => EMPTY);
  return [...shown, ...filler, ...foot];
}

/** The same for paper: every thread and every name, no keys. */
export function tableText(view: View, state: State, size: { width: number; blockedNs: number }): Line[] {
  const rows = rowsOf(view, state.sorting, state.filter);
  return [
    titleLine(view, state, size.width),
    summaryLine(view, size.width),
    ...threadLines(view, { ...size, rowsMax: Infinity }),
    ...tableLines(view, { rows, state: { ...state, page: 'help' }, width: size.width, rowsMax: Infinity }),
    ...noteLines(view, size.width),
  ];
}

/** How many rows Page Down passes. */
export function pageRowsOf({ height }: Size): number {
  return Math.max(1, Math.floor(height / 2));
}

/** The columns that are shown at this width, without the name. */
export function shownColumns(
  view: View,
  rows: readonly NameView[],
  { width, sorted }: { readonly width: number; readonly sorted: ColumnId },
): Column[] {
  const sized = COLUMNS.filter(({ id }) => isOffered(id, view)).map((kind) => columnOf(kind, rows, view));
  const kept = new Set<Column>();
  let used = 1 + NAME_WIDTH_MIN;
  const rank = (column: Column): number => (column.id === sorted ? -1 : column.rank);
  for (const column of [...sized].sort((a, b) => rank(a) - rank(b))) {
    if (used + column.width + GAP > width) continue;
    used += column.width + GAP;
    kept.add(column);
  }
  return sized.filter((column) => kept.has(column));
}

/** Is it one that there is at all, given room? */
export function isOffered(id: ColumnId, view: View): boolean {
  if (id === 'pid') return view.byProcess;
  // Once anybody has waited behind anybody, so that columns do not come and go.
  return id !== 'behind' || view.names.some(({ allBehind }) => allBehind.length > 0);
}

interface TableParts {
  readonly rows: readonly NameView[];
  readonly state: State;
  readonly width: number;
  readonly rowsMax: number;
}

function tableLines(view: View, { rows, state, width, rowsMax }: TableParts): Line[] {
  const columns = shownColumns(view, [...rows, view.total], { width, sorted: state.sorting.id });
  const used = columns.reduce((sum, column) => sum + column.width + GAP, 1);
  const nameWidth = Math.max(8, Math.min(NAME_WIDTH_MAX, width - used));
  const drawn = { columns, nameWidth };
  const chosen = positionOf(
    rows.map(({ key }) => key),
    state.selected,
  );
  const from = Math.min(Math.max(0, chosen - rowsMax + 1), Math.max(0, rows.length - rowsMax));
  const body = rows.slice(from, from + rowsMax).map((row, i): Line => {
    const spans = rowSpans(row.name, from + i, drawn);
    return { spans, isSelected: state.page === 'table' && from + i === chosen };
  });
  const total = { spans: rowSpans('total', rows.length, drawn, 'bold'), isSelected: false };
  return [
    groupLine(view, drawn),
    headingLine(state.sorting, drawn),
    ...body,
    ...(rows.length > 1 ? [total] : []),
  ];
}

interface Drawn {
  readonly columns: readonly Column[];
  readonly nameWidth: number;
}

/** Calls `each` with every column and where its cells begin. */
function placed({ columns, nameWidth }: Drawn): { column: Column; at: number }[] {
  let at = 1 + nameWidth;
  return columns.map((column) => {
    const place = { column, at: at + GAP };
    at += GAP + column.width;
    return place;
  });
}

function rowSpans(name: string, index: number, drawn: Drawn, tone: Span['tone'] = 'plain'): Span[] {
  return [
    { at: 1, text: shorten(name, drawn.nameWidth), tone },
    ...placed(drawn).map(({ column, at }): Span => {
      return { at, text: aligned(column, column.cells[index]!, column.width), tone };
    }),
  ];
}

/** Numbers stand at the right, texts at the left. */
function aligned({ show }: ColumnKind, text: string, width: number): string {
  return show === 'text' ? padded(text, width) : text.padStart(width);
}

/** Over the headings: which of them speak of the last window and which of all the time. */
function groupLine(view: View, drawn: Drawn): Line {
  const places = placed(drawn);
  const over = (span: ColumnKind['span'], text: string, short: string): Span[] => {
    const own = places.filter(({ column }) => column.span === span);
    if (own.length === 0) return [];
    const from = own[0]!.at;
    const width = own.at(-1)!.at + own.at(-1)!.column.width - from;
    return [{ at: from, text: ruled(text.length + 4 > width ? short : text, width), tone: 'dim' }];
  };
  const spans = [...over('window', windowText(view), 'window'), ...over('start', 'since the start', 'start')];
  return { isSelected: false, spans };
}

function ruled(text: string, width: number): string {
  const room = Math.max(0, width - text.length - 2);
  return `${'─'.repeat(room >> 1)} ${text} ${'─'.repeat(room - (room >> 1))}`.slice(0, width);
}

/** The column that rows are sorted by has an arrow. */
function headingLine({ id, isReversed }: Sorting, drawn: Drawn): Line {
  const arrow = isReversed ? '▲' : '▼';
  const spans = placed(drawn).map(({ column, at }): Span => {
    const isSorted = column.id === id;
    const tone = isSorted ? 'bold' : 'heading';
    if (column.show === 'text') {
      const text = isSorted ? `${column.heading}${arrow}` : column.heading;
      return { at, text: text.padEnd(column.width), tone };
    }
    const text = isSorted ? arrow + column.heading : column.heading;
    return { at: at - 1, text: text.padStart(column.width + 1), tone };
  });
  const name = id === 'name' ? `name ${isReversed ? '▲' : '▼'}` : 'name';
  return {
    isSelected: false,
    spans: [{ at: 1, text: name, tone: id === 'name' ? 'bold' : 'heading' }, ...spans],
  };
}

function titleLine(view: View, { isFrozen }: State, width: number): Line {
  const { processes, title } = view;
  const running = processes.filter(({ hasEnded }) => !hasEnded);
  const shownOf = running.length > 0 ? running : processes;
  const pids = shownOf.map(({ pid }) => pid);
  const who =
    pids.length === 1
      ? `pid ${pids[0]}, Node ${shownOf[0]!.node}`
      : `${pids.length} processes from pid ${pids[0]}`;
  const state = isFrozen ? 'FROZEN ' : '';
  const text = `taskperf top: ${title}`;
  const room = width - cellsIn(who) - state.length - 6;
  const shown = shorten(text, Math.max(16, room));
  return line([` ${shown}`, 'bold'], [`  (${who})`, 'dim'], [isFrozen ? `  ${state}` : '', 'alarm']);
}

function summaryLine(view: View, width: number): Line {
  const { total, windowNs, processes } = view;
  const first = processes[0]?.pid;
  if (processes.every(({ hasEnded }) => hasEnded)) {
    const who = processes.length === 1 ? `process ${first}` : 'every process';
    return line([` ! ${who} has ended; this is its last state`, 'alarm']);
  }
  const rate = windowNs === undefined ? '-' : grouped((total.windowExits / windowNs) * 1e9, 1);
  const cpu = windowNs === undefined ? '-' : grouped((total.windowCpuNs / windowNs) * 100, 1);
  const ended = processes.filter(({ hasEnded }) => hasEnded).length;
  const gone = ended === 0 ? '' : `, ${count(ended)} of ${count(processes.length)} processes have ended`;
  const [now, all] = [` ${rate} req/s, ${count(total.live)} live`, `${count(total.exits)} requests`];
  const texts = [
    `${now}, ${all} since the start; tasks use ${cpu} % CPU${gone}`,
    `${now}, ${all}, ${cpu} % CPU${gone}`,
    `${now}, ${all}, ${cpu} % CPU`,
  ];
  return line(texts.find((text) => text.length <= width) ?? texts.at(-1)!);
}

function footLines(view: View, state: State, width: number): Line[] {
  const foot =
    state.typed !== undefined
      ? line(['/', 'bold'], state.typed, ['▏', 'bold'], ['  Enter keeps it, Esc clears it', 'dim'])
      : line([keysText(state.filter === '' ? '' : `filter: ${state.filter}   `, width), 'dim']);
  return [...noteLines(view, width).slice(0, 3), foot];
}

const KEYS = [
  'q quit',
  '? help',
  '/ filter',
  '< > sort',
  'r reverse',
  'Enter details',
  'space freeze',
  'P processes',
];

/** As many as find room, whole. */
function keysText(before: string, width: number): string {
  let text = ` ${before}`;
  for (const [i, key] of KEYS.entries()) {
    const more = i === 0 ? key : `  ${key}`;
    if (cellsIn(text) + more.length > width) break;
    text += more;
  }
  return text;
}

function noteLines(view: View, width: number): Line[] {
  const notes = [...view.notes];
  for (const { pid, off } of view.processes)
    if (off !== '') notes.push(`taskperf switched itself off in process ${pid}: ${off}`);
  if (view.threads.some(({ holder }) => holder?.kind === 'unseen'))
    notes.push(
      'who has a thread is not known without the native addon; `taskperf doctor` says what is missing',
    );
  if (view.isPartial)
    notes.push(
      '~ too many live tasks to look at each: what a task uses is in its row when it ends, in the total at once',
    );
  if (view.lostExits > 0)
    notes.push(`${count(view.lostExits)} ended too fast to be read: they miss in p50, p99 and max`);
  return notes.map((note) => line([` ${shorten(note, width - 2)}`, 'bold']));
}
