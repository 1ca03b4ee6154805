/**
 * The last state of one region, of a process that is gone or lives: who it was, who had each thread, the tasks that had
 * not ended, and the sums per name. Pure reading: what is shown of it is in render.ts and document.ts.
 */
import { EVENTS, EVENT_GIVEN_FIRST, TASK_CLOCK } from '../../core/events.ts';
import type { EventInfo } from '../../core/events.ts';
import { EVENT_HIDDEN } from '../../core/event-table.ts';
import {
  EVENT_LINES,
  E_F64_END,
  H_EVENTS,
  H_F64_START_EPOCH_MS,
  H_F64_START_MONO,
  H_OFF,
  H_PID,
  H_STATE,
  K_F64_ID,
  K_NAME,
  K_STATE,
  PROCESS_EXITED,
  TASK_BYTES,
  TASK_LIVE,
  THREAD_LIVE,
  T_CURRENT,
  T_F64_NATIVE,
  T_F64_SINCE,
  T_F64_START,
  T_F64_SWITCHES,
  T_ID,
  T_ROOT,
  T_SEQ,
  T_STATE,
  T_TID,
} from '../../core/layout.ts';
import { knownEvent } from '../../node/events/known.ts';
import type { LiveTask } from '../live.ts';
import { threadName, wordsOf } from '../reader.ts';
import type { RegionReader, Words } from '../reader.ts';
import { RingReader } from '../ring.ts';
import { Tally } from '../tally.ts';
import type { Row } from '../tally.ts';

export interface LastThread {
  readonly id: number;
  readonly tid: number;
  readonly name: string;
  /** The thread still ran when the region was last written. */
  readonly isLive: boolean;
  /** Who had it last; undefined: no task, but the event loop, or code of no task. */
  readonly running: { readonly name: string; readonly id: number } | undefined;
  /** CLOCK_MONOTONIC in ns since when. */
  readonly sinceNs: number;
  readonly switches: number;
  /** It stopped in the middle of a switch. */
  readonly isTorn: boolean;
}

export interface LastTask {
  readonly name: string;
  readonly id: number;
  readonly thread: number;
  readonly startNs: number;
  readonly values: Float64Array;
}

export interface LastState {
  readonly path: string;
  readonly pid: number;
  readonly node: string;
  /** It says itself that it has ended; a process that was killed does not. */
  readonly exited: boolean;
  /** Why taskperf had switched itself off; undefined: it had not. */
  readonly off: string | undefined;
  readonly startEpochMs: number;
  readonly startNs: number;
  /** The last moment that is written down anywhere in the region. */
  readonly seenNs: number;
  /** Of every task, task-clock first. */
  readonly events: readonly EventInfo[];
  readonly threads: readonly LastThread[];
  /** Those that had not ended, most costly first, TASKS_MAX of them. */
  readonly tasks: readonly LastTask[];
  readonly taskCount: number;
  /** Most costly first. */
  readonly names: readonly Row[];
  /** Where the names are from. */
  readonly tally: Tally;
  readonly notes: readonly string[];
}

export const TASKS_MAX: number = 1000;

/** `nowNs` is CLOCK_MONOTONIC if the process lives: clocks of its tasks run on. */
export function lastState(reader: RegionReader, nowNs: number | undefined): LastState {
  reader.isFinal = nowNs === undefined;
  reader.refresh();
  const { header, damage } = reader;
  const { i32, f64 } = header;
  const pid = damage.index(
    i32[H_PID]!,
    { from: 1, to: 0x7fffffff, fallback: 0 },
    'the number of the process',
  );
  const startNs = damage.amount(f64[H_F64_START_MONO]!, 'the start of the process');
  const startEpochMs = damage.amount(f64[H_F64_START_EPOCH_MS]!, 'the start of the process');
  const slots = Array.from({ length: reader.threadsUsed }, (_, index) => reader.thread(index));
  const seenNs =
    nowNs ?? Math.max(startNs, ...slots.flatMap((slot, index) => lastMoments(reader, index, slot)));
  const live = new MostCostly(reader);
  const tally = new Tally((task) => live.add(task));
  tally.addRegion(reader, 'name', seenNs, pid);
  const threads = slots.flatMap((slot) => (slot === undefined ? [] : [threadOf(reader, slot)]));
  return {
    path: reader.path,
    pid,
    node: reader.nodeVersion,
    exited: i32[H_STATE] === PROCESS_EXITED,
    off: i32[H_OFF] === 1 ? reader.offMessage : undefined,
    startEpochMs,
    startNs,
    seenNs,
    events: eventsOf(reader),
    threads,
    tasks: live.tasks(),
    taskCount: live.count,
    names: tally.sortedRows(),
    tally,
    notes: damage.notes(),
  };
}

/** Moments that a thread wrote down: its start, its last switch, its last reading of the clock, the last exit. */
function lastMoments(reader: RegionReader, index: number, slot: Words | undefined): number[] {
  if (slot === undefined) return [];
  let endNs = 0;
  const ring = new RingReader(reader, index);
  ring.drain({ exit: ({ f64 }, word) => (endNs = Math.max(endNs, f64[word / 2 + E_F64_END]!)) });
  const nativeNs = reader.damage.amount(slot.f64[T_F64_NATIVE]!, 'the clock of a thread');
  return [slot.f64[T_F64_START]!, slot.f64[T_F64_SINCE]!, nativeNs, endNs];
}

function threadOf(reader: RegionReader, slot: Words): LastThread {
  const { i32, f64 } = slot;
  const current = i32[T_CURRENT]!;
  const isTask = current !== 0 && current !== i32[T_ROOT];
  return {
    id: i32[T_ID]!,
    tid: i32[T_TID]!,
    name: threadName(slot),
    isLive: i32[T_STATE] === THREAD_LIVE,
    running: isTask ? taskAt(reader, current) : undefined,
    sinceNs: f64[T_F64_SINCE]!,
    switches: f64[T_F64_SWITCHES]!,
    isTorn: (i32[T_SEQ]! & 1) !== 0,
  };
}

/** The task of a handle, if it had not ended. */
function taskAt(reader: RegionReader, handle: number): LastThread['running'] {
  const { layout, damage } = reader;
  if (!(handle >= 1 && handle <= layout.tasks)) {
    damage.note('the task that a thread runs is out of range');
    return undefined;
  }
  const task = wordsOf(TASK_BYTES);
  reader.readInto(task.u8, layout.tasksAt + (handle - 1) * TASK_BYTES, TASK_BYTES);
  if (task.i32[K_STATE] !== TASK_LIVE) return undefined;
  return {
    name: reader.name(task.i32[K_NAME]!),
    id: damage.amount(task.f64[K_F64_ID]!, 'the number of a task'),
  };
}

/** The most costly of the live tasks. */
class MostCostly {
  count = 0;
  #tasks: LastTask[] = [];
  readonly #reader: RegionReader;

  constructor(reader: RegionReader) {
    this.#reader = reader;
  }

  add({ name, id, thread, startNs, values }: LiveTask): void {
    this.count++;
    this.#tasks.push({ name: this.#reader.name(name), id, thread, startNs, values: values.slice() });
    if (this.#tasks.length === 2 * TASKS_MAX) this.tasks();
  }

  tasks(): readonly LastTask[] {
    const cost = ({ values }: LastTask): number => values[TASK_CLOCK]!;
    this.#tasks = this.#tasks.sort((a, b) => cost(b) - cost(a) || a.startNs - b.startNs).slice(0, TASKS_MAX);
    return this.#tasks;
  }
}

/** What the process counts of every task, under the names it gave. */
function eventsOf(reader: RegionReader): EventInfo[] {
  const bits = reader.header.i32[H_EVENTS]! | (1 << TASK_CLOCK);
  const events: EventInfo[] = [];
  for (let id = 0; id < EVENT_LINES; id++) {
    if ((bits & (1 << id)) === 0) continue;
    if (id < EVENT_GIVEN_FIRST) {
      events.push(EVENTS[id]!);
      continue;
    }
    const row = reader.eventRow(id);
    if (row === undefined || (row.flags & EVENT_HIDDEN) !== 0) continue;
    const unit = knownEvent(row.name)?.unit ?? 'count';
    events.push({ id, name: row.name, unit, additive: true, meaning: row.name });
  }
  return events;
}
