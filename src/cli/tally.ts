/**
 * The books of a session: rows (by name, task or thread), threads, system rows and losses, over all processes of the
 * command. Sums come from the name totals, which are exact even where the ring lost events, plus the live tasks.
 */
import { LATE, TASK_CLOCK } from '../core/events.ts';
import {
  EVENT_LINES,
  H_F64_SWITCH_COST,
  H_LOST_CONTEXTS,
  H_LOST_COUNTERS,
  H_LOST_NAMES,
  H_LOST_SLICES,
  H_LOST_TASKS,
  H_LOST_THREADS,
  H_PID,
  H_REASON,
  H_STATE,
  NAME_TOTAL_BYTES,
  NT_F64_EXITS,
  NT_F64_SUM,
  PROCESS_EXITED,
  REASON_NO_ADDON,
  T_F64_BOUNDARIES,
  T_F64_IDLE,
  T_F64_LATE,
  T_F64_LOOP,
  T_F64_RING_HEAD,
  T_F64_SWITCHES,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  T_ID,
  T_SEQ,
  T_TID,
} from '../core/layout.ts';
import { TORN_SLICE_NS_MAX, checkParts, checkRows, imbalanceOf, settle } from './balance.ts';
import { visitLiveTasks } from './live.ts';
import type { LiveTask } from './live.ts';
import { threadName } from './reader.ts';
import type { RegionReader, Words } from './reader.ts';
import { factsOf } from './process-facts.ts';
import type { ProcessFacts } from './process-facts.ts';

/** One row of the table; values by event line. */
export interface Row {
  readonly key: string;
  readonly name: string;
  /** The process, where a row is of one. */
  readonly pid: number | undefined;
  /** The number of the JavaScript thread, where a row is of one. */
  readonly thread: number | undefined;
  /** Tasks that exited. */
  count: number;
  /** Tasks still alive. */
  live: number;
  /** Sums over the exited ones. */
  readonly exited: Float64Array;
  /** Sums over exited and live ones. */
  readonly values: Float64Array;
  liveEnabledNs: number;
  liveRunningNs: number;
}

export interface ThreadBooks {
  readonly pid: number;
  readonly id: number;
  readonly tid: number;
  readonly name: string;
  readonly total: Float64Array;
  readonly tasks: Float64Array;
  readonly unattributed: Float64Array;
  readonly late: Float64Array;
  readonly loop: Float64Array;
  readonly idle: Float64Array;
  readonly switches: number;
  readonly boundaries: number;
  readonly switchCostNs: number;
}

export interface Losses {
  tasks: number;
  contexts: number;
  counters: number;
  names: number;
  slices: number;
  threads: number;
  /** Exit events overwritten before the tool read them: they miss in the quantiles, not in the sums. */
  events: number;
}

/** Where a task of a region has its row. */
interface RowContext {
  readonly by: Grouping;
  readonly pid: number;
  readonly slot: Words | undefined;
}

export type By = 'name' | 'task' | 'thread' | 'process';
/** The last: a row for each name on each thread, of which the rows of the others can be made. */
export type Grouping = By | 'part';

export class Tally {
  readonly rows: Map<string, Row> = new Map();
  readonly threads: ThreadBooks[] = [];
  readonly processes: ProcessFacts[] = [];
  readonly #onLive: ((task: LiveTask) => void) | undefined;
  readonly lost: Losses = { tasks: 0, contexts: 0, counters: 0, names: 0, slices: 0, threads: 0, events: 0 };

  /** `onLive` is shown every live task, too; the object is reused. */
  constructor(onLive?: (task: LiveTask) => void) {
    this.#onLive = onLive;
  }

  /**
   * Adds what a region says now. `nowNs` is CLOCK_MONOTONIC, for the lifetimes of live tasks; `pid` is what we call its
   * process, which may be another number than the region says.
   */
  addRegion(reader: RegionReader, by: Grouping, nowNs: number, pid: number): void {
    reader.refresh();
    const slots = new Map<number, Words>();
    const inRows = new Map<number, Float64Array>();
    for (let index = 0; index < reader.threadsUsed; index++) {
      const slot = reader.thread(index);
      if (slot === undefined) continue;
      slots.set(index, slot);
      inRows.set(index, new Float64Array(EVENT_LINES));
      this.#addTotals(reader, index, { slot, by, pid, sums: inRows.get(index)! });
    }
    visitLiveTasks(reader, nowNs, (task) => {
      this.#onLive?.(task);
      const slot = slots.get(task.thread);
      const row = this.#rowOf(reader, { by, pid, slot }, task.name);
      if (!task.isJob) row.live++;
      row.liveEnabledNs += task.enabledNs;
      row.liveRunningNs += task.runningNs;
      addTo(row.values, task.values, 0);
      addTo(inRows.get(task.thread) ?? row.values.slice(), task.values, 0);
    });
    for (const [index, slot] of slots) {
      const books = booksOf(reader, slot, pid);
      if ((slot.i32[T_SEQ]! & 1) !== 0) this.#settle(books, inRows.get(index)!);
      else if (reader.isFinal) this.#balance(reader, books, inRows.get(index)!);
      this.threads.push(books);
    }
    if (reader.isFinal && by === 'part') checkParts(this.rows.values(), reader.damage);
    else if (reader.isFinal && by !== 'thread') checkRows(this.rows.values(), reader.damage);
    this.#addHeader(reader, pid);
  }

  #balance(reader: RegionReader, books: ThreadBooks, inRows: Float64Array): void {
    const error = imbalanceOf(books);
    if (error === 0) return;
    const wasKilled = reader.header.i32[H_STATE] !== PROCESS_EXITED;
    if (wasKilled && error <= TORN_SLICE_NS_MAX) this.#settle(books, inRows);
    else reader.damage.note('the sums of a thread disagree');
  }

  #settle(books: ThreadBooks, inRows: Float64Array): void {
    this.lost.slices++;
    settle(books, inRows);
  }

  #rowOf(reader: RegionReader, { by, pid, slot }: RowContext, name: number): Row {
    const isOfThread = by === 'thread' || by === 'part';
    return this.row(keyOf(reader, by, name, slot), displayName(reader, by, name, slot), {
      pid: isOfThread || by === 'process' ? pid : undefined,
      thread: isOfThread ? slot?.i32[T_ID] : undefined,
    });
  }

  row(key: string, name: string, { pid, thread }: Partial<Pick<Row, 'pid' | 'thread'>> = {}): Row {
    let row = this.rows.get(key);
    if (row === undefined) {
      const exited = new Float64Array(EVENT_LINES);
      const values = new Float64Array(EVENT_LINES);
      const place = { key, name, pid, thread };
      row = { ...place, count: 0, live: 0, exited, values, liveEnabledNs: 0, liveRunningNs: 0 };
      this.rows.set(key, row);
    }
    return row;
  }

  /** Most costly first; equal ones by name. */
  sortedRows(): Row[] {
    const cost = (row: Row): number => row.values[TASK_CLOCK]!;
    return [...this.rows.values()].sort(
      (a, b) => cost(b) - cost(a) || b.count - a.count || (a.name < b.name ? -1 : 1),
    );
  }

  /** Adds another tally: processes that ended earlier. */
  merge(other: Tally): void {
    for (const from of other.rows.values()) addRow(this.row(from.key, from.name, from), from);
    this.threads.push(...other.threads);
    this.processes.push(...other.processes);
    for (const kind of Object.keys(this.lost) as (keyof Losses)[]) this.lost[kind] += other.lost[kind];
  }

  #addTotals(
    reader: RegionReader,
    thread: number,
    into: RowContext & { slot: Words; sums: Float64Array },
  ): void {
    const { slot, sums } = into;
    const totals = reader.nameTotals(thread);
    let ended = 0;
    for (let name = 0; name < reader.namesUsed; name++) {
      const at = (name * NAME_TOTAL_BYTES) / 8;
      const exits = totals[at + NT_F64_EXITS]!;
      ended += exits;
      // Without exits: what jobs of other threads' tasks have cost, and what of it has arrived (core/job.ts).
      if (exits === 0 && !hasSums(totals, at + NT_F64_SUM)) continue;
      const row = this.#rowOf(reader, into, name);
      row.count += exits;
      addTo(row.exited, totals, at + NT_F64_SUM);
      addTo(row.values, totals, at + NT_F64_SUM);
      addTo(sums, totals, at + NT_F64_SUM);
    }
    // Both count the exits; a thread that was killed in between, or terminated and reaped, has begun one more.
    const more = ended - slot.f64[T_F64_RING_HEAD]!;
    const begun = (slot.i32[T_SEQ]! & 1) + reader.header.i32[H_LOST_SLICES]!;
    const most = reader.header.i32[H_REASON] === REASON_NO_ADDON ? Infinity : begun;
    if (reader.isFinal && !(more >= 0 && more <= most))
      reader.damage.note('the numbers of ended tasks disagree');
  }

  #addHeader(reader: RegionReader, pid: number): void {
    const words = reader.header.i32;
    const lost = (word: number): number => reader.damage.amount(words[word]!, 'the number of what was lost');
    this.lost.tasks += lost(H_LOST_TASKS);
    this.lost.contexts += lost(H_LOST_CONTEXTS);
    this.lost.counters += lost(H_LOST_COUNTERS);
    this.lost.names += lost(H_LOST_NAMES);
    this.lost.slices += lost(H_LOST_SLICES);
    this.lost.threads += lost(H_LOST_THREADS);
    this.processes.push(factsOf(reader, pid));
  }
}

/** The row an event of this name on this thread belongs to. */
export function keyOf(reader: RegionReader, by: Grouping, name: number, slot: Words | undefined): string {
  return rowKey(by, { pid: reader.header.i32[H_PID]!, thread: slot?.i32[T_ID], name: reader.name(name) });
}

/** Which row it is that a task of this name on this thread belongs to. */
export function rowKey(
  by: Grouping,
  place: { pid: number; thread: number | undefined; name: string },
): string {
  const { pid, thread = '?', name } = place;
  if (by === 'part') return `${pid}/${thread}/${name}`;
  if (by === 'process') return `${pid}/${name}`;
  return by === 'thread' ? `${pid}/${thread}` : name;
}

function displayName(reader: RegionReader, by: Grouping, name: number, slot: Words | undefined): string {
  if (by !== 'thread') return reader.name(name);
  return slot === undefined ? '(unknown thread)' : threadName(slot);
}

function booksOf(reader: RegionReader, slot: Words, pid: number): ThreadBooks {
  const line = (at: number): Float64Array => slot.f64.slice(at, at + EVENT_LINES);
  return {
    pid,
    id: slot.i32[T_ID]!,
    tid: slot.i32[T_TID]!,
    name: threadName(slot),
    total: line(T_F64_TOTAL),
    tasks: line(T_F64_TASKS),
    unattributed: line(T_F64_UNATTRIBUTED),
    late: line(T_F64_LATE),
    loop: line(T_F64_LOOP),
    idle: line(T_F64_IDLE),
    switches: slot.f64[T_F64_SWITCHES]!,
    boundaries: slot.f64[T_F64_BOUNDARIES]!,
    switchCostNs: reader.damage.amount(reader.header.f64[H_F64_SWITCH_COST]!, 'the cost of a switch'),
  };
}

/** Late work is in the thread's line, too: no row is made for it alone. */
export function hasSums(totals: Float64Array, at: number): boolean {
  for (let event = 0; event < EVENT_LINES; event++)
    if (event !== LATE && totals[at + event] !== 0) return true;
  return false;
}

/** Adds what the one row says to the other. */
export function addRow(row: Row, from: Row): void {
  row.count += from.count;
  row.live += from.live;
  row.liveEnabledNs += from.liveEnabledNs;
  row.liveRunningNs += from.liveRunningNs;
  addTo(row.exited, from.exited, 0);
  addTo(row.values, from.values, 0);
}

/** Adds the lines of `from` from `at` on. */
export function addTo(sums: Float64Array, from: Float64Array, at: number): void {
  for (let event = 0; event < EVENT_LINES; event++) sums[event]! += from[at + event]!;
}
