/**
 * The tasks that are still alive: their own counters, read from the slabs. Slots are copied page by page and only where
 * a live task leads, so a region of a million slots with three live tasks costs a few reads. A task that ends while we
 * look may be seen twice or not at all; once the program has ended the picture is exact.
 *
 * A counter is in one list only, so all lists together are no longer than the slab: that bounds the walk, whatever the
 * links of a damaged region say.
 */
import { LATE, WALL } from '../core/events.ts';
import {
  C_F64_TIME,
  C_FIRST,
  C_TASK,
  EVENT_LINES,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_TASKS_USED,
  K_CONTEXT,
  K_F64_ID,
  K_F64_START,
  K_NAME,
  K_PARENT,
  K_STATE,
  K_THREAD,
  NAME_OTHER,
  R_CONTEXT,
  R_F64_COUNT,
  R_F64_ENABLED,
  R_F64_RUNNING,
  R_F64_STOPPED,
  R_NEXT,
  R_PACKED,
  TASK_BYTES,
  TASK_EXITED,
  TASK_FREE,
  TASK_LIVE,
  TOMBSTONE,
  T_ROOT,
  T_STATE,
  THREAD_FREE,
  threadWord,
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

/** Calls `visit` with every live task but the threads' own. `nowNs` is the clock that running lifetimes end at. */
export function visitLiveTasks(reader: RegionReader, nowNs: number, visit: (task: LiveTask) => void): void {
  const { layout, damage } = reader;
  const slab = (at: number, used: number, slots: number): Slab =>
    new Slab(reader, at, reader.used(used, slots, 'slots'));
  const tasks = slab(layout.tasksAt, H_TASKS_USED, layout.tasks);
  const contexts = slab(layout.contextsAt, H_CONTEXTS_USED, layout.contexts);
  const counters = slab(layout.countersAt, H_COUNTERS_USED, layout.counters);
  const source = { reader, contexts, counters, nowNs, walk: { left: counters.slots } };
  const roots = rootsOf(reader);
  const task = newLiveTask();
  for (let index = 0; index < tasks.slots; index++) {
    const word = tasks.find(index);
    const { i32, f64 } = tasks.words;
    const state = i32[word + K_STATE]!;
    if (state !== TASK_LIVE) {
      damage.index(state, { from: TASK_FREE, to: TASK_EXITED, fallback: 0 }, 'the state of a task');
      continue;
    }
    if (roots.has(index + 1)) {
      if (reader.isFinal && i32[word + K_PARENT] !== 0) damage.note("a thread's own task is another's");
      continue;
    }
    task.name = damage.index(
      i32[word + K_NAME]!,
      { from: 0, to: layout.names - 1, fallback: NAME_OTHER },
      'a name',
    );
    task.thread = damage.index(
      i32[word + K_THREAD]!,
      { from: 0, to: layout.threads - 1, fallback: 0 },
      'a thread',
    );
    task.isJob = i32[word + K_ORIGIN]! > 0;
    task.id = damage.amount(f64[word / 2 + K_F64_ID]!, 'the number of a task');
    task.startNs = damage.amount(f64[word / 2 + K_F64_START]!, 'the start of a task');
    readCounters(task, { index, context: i32[word + K_CONTEXT]! }, source);
    visit(task);
  }
}

interface Source {
  readonly reader: RegionReader;
  readonly contexts: Slab;
  readonly counters: Slab;
  readonly nowNs: number;
  /** How many counters may still be looked at. */
  readonly walk: { left: number };
}

/** Reads the own counters of a task's context; a task without one has counted nothing. */
function readCounters(task: LiveTask, owner: { index: number; context: number }, source: Source): void {
  task.values.fill(0);
  task.enabledNs = 0;
  task.runningNs = 0;
  const { index, context } = owner;
  if (context === 0 || context === TOMBSTONE) return;
  const { contexts, reader } = source;
  const word = contexts.has(context - 1) ? contexts.find(context - 1) : -1;
  if (word !== -1 && contexts.words.i32[word + C_TASK] === index + 1) {
    readList(task, context, { ...source, word });
    checkTask(task, reader);
  } else if (reader.isFinal) {
    // As long as the program runs: of a task that has ended since, or newer than our header.
    reader.damage.note('a task and its counters do not belong together');
  }
}

/** The counters of the context at `word`. */
function readList(task: LiveTask, context: number, source: Source & { readonly word: number }): void {
  const { contexts, counters, nowNs, word, reader } = source;
  const { i32, f64 } = contexts.words;
  const times = { contextNs: f64[word / 2 + C_F64_TIME]!, nowNs };
  const seen = new Uint8Array(EVENT_LINES);
  let next = i32[word + C_FIRST]!;
  for (; next !== 0 && counters.has(next - 1) && source.walk.left > 0; source.walk.left--) {
    const at = counters.find(next - 1);
    const slot = counters.words;
    if (slot.i32[at + R_CONTEXT] !== context) break;
    readCounter(task, seen, { slot, at, ...times });
    next = slot.i32[at + R_NEXT]!;
  }
  // It does not end as it should: torn by the running program, or damaged.
  if (next !== 0 && reader.isFinal) reader.damage.note('a list of counters does not end');
}

function checkTask(task: LiveTask, { damage }: RegionReader): void {
  damage.amounts(task.values, 0, EVENT_LINES, 'a value of a live task');
  task.enabledNs = damage.amount(task.enabledNs, 'the enabled time of a live task');
  task.runningNs = damage.amount(task.runningNs, 'the running time of a live task');
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
  const words = wordsOf((T_ROOT + 1) * 4);
  for (let thread = 0; thread < reader.threadsUsed; thread++) {
    reader.readInto(words.u8, threadWord(reader.layout, thread) * 4, (T_ROOT + 1) * 4);
    const root = words.i32[T_STATE] === THREAD_FREE ? 0 : words.i32[T_ROOT]!;
    reader.damage.index(root, { from: 0, to: reader.layout.tasks, fallback: 0 }, "a thread's own task");
    if (root > 0) roots.add(root);
  }
  return roots;
}

function newLiveTask(): LiveTask {
  const values = new Float64Array(EVENT_LINES);
  return { id: 0, name: 0, thread: 0, isJob: false, startNs: 0, enabledNs: 0, runningNs: 0, values };
}

/** All three kinds of slot are 64 bytes. */
const SLOT_BYTES = TASK_BYTES;
const SLOT_WORDS = SLOT_BYTES / 4;
const PAGE_SLOTS = 1024;
const NO_WORDS: Words = wordsOf(0);
/** 16 MB of pages are kept: those of 262,144 slots. */
const PAGES_KEPT = 256;
/**
 * After so many reads of a page in vain (8 GB) a slot is read alone: lists that jump about in a slab larger than what is
 * kept would else cost a page per counter.
 */
const PAGE_READS_MAX = 1 << 17;

/** One slab of 64-byte slots, copied in pages as they are looked at. */
class Slab {
  readonly slots: number;
  /** Where `find` found the slot; until the next `find`. */
  words: Words = NO_WORDS;
  readonly #reader: RegionReader;
  readonly #at: number;
  readonly #pages: { number: number; words: Words }[] = [];
  #reads = 0;

  constructor(reader: RegionReader, at: number, slots: number) {
    this.#reader = reader;
    this.#at = at;
    this.slots = slots;
  }

  has(index: number): boolean {
    return index >= 0 && index < this.slots;
  }

  /** Word index of the slot in `words`. */
  find(index: number): number {
    const number = Math.floor(index / PAGE_SLOTS);
    const known = this.#pages[number % PAGES_KEPT];
    if (known?.number === number) {
      this.words = known.words;
      return (index % PAGE_SLOTS) * SLOT_WORDS;
    }
    if (this.#reads++ >= PAGE_READS_MAX) {
      this.words = wordsOf(SLOT_BYTES);
      this.#reader.readInto(this.words.u8, this.#at + index * SLOT_BYTES, SLOT_BYTES);
      return 0;
    }
    const first = number * PAGE_SLOTS;
    const bytes = Math.min(PAGE_SLOTS, this.slots - first) * SLOT_BYTES;
    this.words = known !== undefined && known.words.u8.length >= bytes ? known.words : wordsOf(bytes);
    this.#reader.readInto(this.words.u8, this.#at + first * SLOT_BYTES, bytes);
    this.#pages[number % PAGES_KEPT] = { number, words: this.words };
    return (index % PAGE_SLOTS) * SLOT_WORDS;
  }
}
