/**
 * The last state of one region, of a process that is gone or lives: who it was, who had each thread, the tasks that had
 * not ended, and the sums per name. Pure reading: what is shown of it is in render.ts and document.ts.
 */
import { EVENTS, EVENT_GIVEN_FIRST, TASK_CLOCK } from '../../core/events.ts';
import type { EventInfo } from '../../core/events.ts';
import { WHO_LATE, WHO_LOOP, WHO_TASK, runningOf } from '../../core/blockages.ts';
import type { Who } from '../../core/blockages.ts';
import { EVENT_HIDDEN } from '../../core/event-table.ts';
import { lastSwitches } from '../../core/last-switches.ts';
import {
  EVENT_LINES,
  E_F64_END,
  H_EVENTS,
  H_F64_START_EPOCH_MS,
  H_F64_START_MONO,
  H_OFF,
  H_PID,
  H_STATE,
  PROCESS_EXITED,
  THREAD_LIVE,
  T_F64_NATIVE,
  T_F64_SINCE,
  T_F64_START,
  T_F64_SWITCHES,
  T_ID,
  T_SEQ,
  T_STATE,
  T_TID,
} from '../../core/layout.ts';
import { NATIVE_NOW } from '../../core/outside.ts';
import { knownEvent } from '../../node/events/known.ts';
import type { LiveTask } from '../live.ts';
import { threadName } from '../reader.ts';
import type { RegionReader, Words } from '../reader.ts';
import { RingReader } from '../ring.ts';
import { Tally } from '../tally.ts';
import type { Row } from '../tally.ts';

/** A task, or in parentheses what is none. */
export interface LastWho {
  readonly name: string;
  readonly id: number | undefined;
}

export interface LastThread {
  readonly id: number;
  readonly tid: number;
  readonly name: string;
  /** The thread still ran when the region was last written. */
  readonly isLive: boolean;
  /** Who had it, since when, and since when the loop did not answer; undefined: it waited for events. */
  readonly running: (LastWho & { readonly sinceNs: number; readonly beginNs: number }) | undefined;
  readonly switches: number;
  /** Oldest first. `sinceNs` is CLOCK_MONOTONIC, undefined where no clock was read. */
  readonly lastSwitches: readonly (LastWho & { readonly sinceNs: number | undefined })[];
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
  const { f64 } = slot;
  let endNs = 0;
  const ring = new RingReader(reader, index);
  ring.drain({ exit: ({ f64: values }, word) => (endNs = Math.max(endNs, values[word / 2 + E_F64_END]!)) });
  return [f64[T_F64_START]!, f64[T_F64_SINCE]!, f64[T_F64_NATIVE + NATIVE_NOW]!, endNs];
}

function threadOf(reader: RegionReader, slot: Words): LastThread {
  const { i32, f64 } = slot;
  const isLive = i32[T_STATE] === THREAD_LIVE;
  const running = isLive ? runningOf(slot) : undefined;
  return {
    id: i32[T_ID]!,
    tid: i32[T_TID]!,
    name: threadName(slot),
    isLive,
    running: running && {
      ...whoOf(reader, slot, running),
      sinceNs: running.sinceNs,
      beginNs: running.beginNs,
    },
    switches: f64[T_F64_SWITCHES]!,
    lastSwitches: lastSwitches(slot).map(({ id, name, sinceNs }) => {
      const kind = id === undefined ? WHO_LATE : WHO_TASK;
      return { ...whoOf(reader, slot, { kind, id, name }), sinceNs };
    }),
    isTorn: (i32[T_SEQ]! & 1) !== 0,
  };
}

/** A task, or what is in parentheses: the thread's own task is nobody's. */
function whoOf(reader: RegionReader, slot: Words, { kind, id, name }: Who): LastWho {
  if (name === undefined) return { name: kind === WHO_LOOP ? '(event loop)' : '(no task)', id: undefined };
  const text = reader.name(name);
  if (text === threadName(slot)) return { name: '(no task)', id: undefined };
  return { name: kind === WHO_LATE ? `${text} (late)` : text, id };
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
