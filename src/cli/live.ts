/**
 * The tasks that are still alive: their own counters, read from the slabs. Slots are copied page by page and only where
 * a live task leads, so a region of a million slots with three live tasks costs a few reads. A task that ends while we
 * look may be seen twice or not at all; once the program has ended the picture is exact.
 */
import { LATE, WALL } from '../core/events.ts';
import {
  C_F64_TIME,
  C_FIRST,
  EVENT_LINES,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_TASKS_USED,
  K_CONTEXT,
  K_F64_ID,
  K_F64_START,
  K_NAME,
  K_STATE,
  K_THREAD,
  R_F64_COUNT,
  R_F64_ENABLED,
  R_F64_RUNNING,
  R_F64_STOPPED,
  R_NEXT,
  R_PACKED,
  TASK_BYTES,
  TASK_LIVE,
  T_ROOT,
} from '../core/layout.ts';
import { COUNTING, EVENT_MASK, RUNNING, WANTED } from '../core/counter.ts';
import { K_ORIGIN } from '../core/outside.ts';
import { wordsOf } from './reader.ts';
import type { RegionReader, Words } from './reader.ts';

/** A task that has not ended; the object is reused for the next one. */
export interface LiveTask {
  id: number;
  name: number;
  thread: number;
  /** It works for a task of another thread, whose row has it. */
  isJob: boolean;
  startNs: number;
  enabledNs: number;
  runningNs: number;
  /** By event line. */
  readonly values: Float64Array;
}

/** All three kinds of slot are 64 bytes. */
const SLOT_BYTES = TASK_BYTES;
const PAGE_SLOTS = 1024;
const CHAIN_MAX = 256;
const SLOT_WORDS = SLOT_BYTES / 4;

/** Calls `visit` with every live task but the threads' own. `nowNs` is the clock that running lifetimes end at. */
export function visitLiveTasks(reader: RegionReader, nowNs: number, visit: (task: LiveTask) => void): void {
  const { layout, header } = reader;
  const tasks = new Slab(reader, layout.tasksAt, Math.min(header.i32[H_TASKS_USED]!, layout.tasks));
  const contexts = new Slab(
    reader,
    layout.contextsAt,
    Math.min(header.i32[H_CONTEXTS_USED]!, layout.contexts),
  );
  const counters = new Slab(
    reader,
    layout.countersAt,
    Math.min(header.i32[H_COUNTERS_USED]!, layout.counters),
  );
  const roots = rootsOf(reader);
  const task = newLiveTask();
  for (let index = 0; index < tasks.slots; index++) {
    const page = tasks.page(index);
    const word = tasks.word(index);
    if (page.i32[word + K_STATE] !== TASK_LIVE || roots.has(index + 1)) continue;
    task.name = page.i32[word + K_NAME]!;
    task.thread = page.i32[word + K_THREAD]!;
    task.isJob = page.i32[word + K_ORIGIN]! > 0;
    task.id = page.f64[word / 2 + K_F64_ID]!;
    task.startNs = page.f64[word / 2 + K_F64_START]!;
    readCounters(task, page.i32[word + K_CONTEXT]! - 1, { contexts, counters, nowNs });
    visit(task);
  }
}

interface Source {
  readonly contexts: Slab;
  readonly counters: Slab;
  readonly nowNs: number;
}

/** Reads the own counters of a context; a task without one has counted nothing. */
function readCounters(task: LiveTask, context: number, source: Source): void {
  const { contexts, counters, nowNs } = source;
  task.values.fill(0);
  task.enabledNs = 0;
  task.runningNs = 0;
  if (!contexts.has(context)) return;
  const page = contexts.page(context);
  const word = contexts.word(context);
  const times = { contextNs: page.f64[word / 2 + C_F64_TIME]!, nowNs };
  let next = page.i32[word + C_FIRST]! - 1;
  // Bounded, so a list torn by a running writer ends too.
  const seen = new Uint8Array(EVENT_LINES);
  for (let left = CHAIN_MAX; left > 0 && counters.has(next); left--) {
    const slot = counters.page(next);
    const at = counters.word(next);
    readCounter(task, seen, { slot, at, ...times });
    next = slot.i32[at + R_NEXT]! - 1;
  }
}

interface CounterSlot {
  readonly slot: Words;
  readonly at: number;
  /** The context's time, at which the stamps of a counting counter end. */
  readonly contextNs: number;
  readonly nowNs: number;
}

function readCounter(task: LiveTask, seen: Uint8Array, { slot, at, contextNs, nowNs }: CounterSlot): void {
  const packed = slot.i32[at + R_PACKED]!;
  const event = packed & EVENT_MASK;
  if (event >= EVENT_LINES || event === LATE) return; // late work is in the name totals
  const counting = (packed & COUNTING) !== 0;
  const double = at / 2;
  // Of several counters of one event the first opened, as the program does when a task ends.
  if (seen[event] !== 0) return;
  seen[event] = 1;
  const count = slot.f64[double + R_F64_COUNT]!;
  task.values[event] = event === WALL && counting ? Math.max(0, nowNs - count) : count;
  if (task.enabledNs !== 0) return;
  const stoppedNs = slot.f64[double + R_F64_STOPPED]!;
  const untilNs = (flag: number): number => ((packed & flag) !== 0 ? contextNs : stoppedNs);
  task.enabledNs = Math.max(0, untilNs(WANTED) - slot.f64[double + R_F64_ENABLED]!);
  task.runningNs = Math.max(0, untilNs(RUNNING) - slot.f64[double + R_F64_RUNNING]!);
}

function rootsOf(reader: RegionReader): Set<number> {
  const roots = new Set<number>();
  for (let thread = 0; thread < reader.threadsUsed; thread++) {
    const root = reader.thread(thread)?.i32[T_ROOT] ?? 0;
    if (root > 0) roots.add(root);
  }
  return roots;
}

function newLiveTask(): LiveTask {
  const values = new Float64Array(EVENT_LINES);
  return { id: 0, name: 0, thread: 0, isJob: false, startNs: 0, enabledNs: 0, runningNs: 0, values };
}

/** One slab of 64-byte slots, copied in pages as they are looked at. */
class Slab {
  readonly slots: number;
  readonly #reader: RegionReader;
  readonly #at: number;
  readonly #pages: Words[] = [];

  constructor(reader: RegionReader, at: number, slots: number) {
    this.#reader = reader;
    this.#at = at;
    this.slots = Math.max(slots, 0);
  }

  has(index: number): boolean {
    return index >= 0 && index < this.slots;
  }

  page(index: number): Words {
    const page = Math.floor(index / PAGE_SLOTS);
    const known = this.#pages[page];
    if (known !== undefined) return known;
    const words = wordsOf(PAGE_SLOTS * SLOT_BYTES);
    const slots = Math.min(PAGE_SLOTS, this.slots - page * PAGE_SLOTS);
    this.#reader.readInto(words.u8, this.#at + page * PAGE_SLOTS * SLOT_BYTES, slots * SLOT_BYTES);
    this.#pages[page] = words;
    return words;
  }

  word(index: number): number {
    return (index % PAGE_SLOTS) * SLOT_WORDS;
  }
}
