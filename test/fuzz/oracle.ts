/**
 * What a region says, read in the simplest way and trusting nothing: the sums per name and the threads' totals, or
 * what of it is impossible (a text), so that a tool must not show it without a notice.
 */
import {
  COUNTER_BYTES,
  C_FIRST,
  C_TASK,
  EVENT_LINES,
  H_COUNTERS_USED,
  H_CONTEXTS_USED,
  H_NAMES_USED,
  H_TASKS_USED,
  H_THREADS_USED,
  K_CONTEXT,
  K_NAME,
  K_ORIGIN,
  K_STATE,
  LATE,
  NT_F64_EXITS,
  NT_F64_SUM,
  N_LENGTH,
  N_STATE,
  R_CONTEXT,
  R_F64_COUNT,
  R_NEXT,
  R_PACKED,
  TASK_BYTES,
  TASK_LIVE,
  THREAD_STARTING,
  TOMBSTONE,
  T_F64_TOTAL,
  T_ROOT,
  T_STATE,
  WALL,
  contextWord,
  counterF64,
  counterWord,
  nameByte,
  nameTotalF64,
  nameWord,
  taskWord,
  threadF64,
  threadWord,
} from '#core/index.js';
import type { Image } from './image.ts';

/** Bits of R_PACKED, as src/core/counter.ts defines them. */
const EVENT_BITS = 0xff;
const COUNTING_BIT = 1 << 12;

export interface Told {
  /** By name: how many ended, how many live, the sums. */
  readonly names: ReadonlyMap<string, ToldName>;
  /** Of each thread in use. */
  readonly totals: readonly number[][];
}

export interface ToldName {
  count: number;
  live: number;
  readonly values: number[];
}

class Impossible extends Error {}

/** `seenNs` is where the clocks of live tasks end. */
export function told(image: Image, seenNs: number): Told | string {
  try {
    return new Reading(image, seenNs).all();
  } catch (error) {
    if (error instanceof Impossible) return error.message;
    throw error;
  }
}

class Reading {
  readonly #image: Image;
  readonly #seenNs: number;
  readonly #names: Map<string, ToldName> = new Map();

  constructor(image: Image, seenNs: number) {
    this.#image = image;
    this.#seenNs = seenNs;
  }

  all(): Told {
    const { layout, i32, f64 } = this.#image;
    const threads = this.#used(H_THREADS_USED, layout.threads);
    const names = this.#used(H_NAMES_USED, layout.names);
    const totals: number[][] = [];
    const roots = new Set<number>();
    for (let thread = 0; thread < threads; thread++) {
      const state = i32[threadWord(layout, thread) + T_STATE]!;
      if (state === 0) continue;
      demand(state >= 1 && state <= THREAD_STARTING, 'the state of a thread');
      roots.add(i32[threadWord(layout, thread) + T_ROOT]!);
      totals.push(lines(f64, threadF64(layout, thread) + T_F64_TOTAL));
      for (let name = 0; name < names; name++) this.#ended(thread, name);
    }
    const tasks = this.#used(H_TASKS_USED, layout.tasks);
    for (let task = 0; task < tasks; task++) {
      const state = i32[taskWord(layout, task) + K_STATE]!;
      demand(state >= 0 && state <= 2, 'the state of a task');
      if (state === TASK_LIVE && !roots.has(task + 1)) this.#live(task);
    }
    this.#checkRows();
    return { names: this.#names, totals };
  }

  /** A part may be below 0, the whole is not; a rounding error is none. */
  #checkRows(): void {
    for (const { values } of this.#names.values())
      for (const [event, value] of values.entries())
        values[event] = amount(value < 0 && value > -1 ? 0 : value);
  }

  #ended(thread: number, name: number): void {
    const { layout, f64 } = this.#image;
    const at = nameTotalF64(layout, thread, name);
    const count = amount(f64[at + NT_F64_EXITS]!);
    const values = lines(f64, at + NT_F64_SUM, Number.MIN_SAFE_INTEGER);
    if (count === 0 && values.every((value, event) => value === 0 || event === LATE)) return;
    const row = this.#row(name);
    row.count += count;
    for (let event = 0; event < EVENT_LINES; event++) row.values[event]! += values[event]!;
  }

  #live(task: number): void {
    const { layout, i32 } = this.#image;
    const at = taskWord(layout, task);
    const row = this.#row(i32[at + K_NAME]!);
    if (i32[at + K_ORIGIN]! <= 0) row.live++;
    const context = i32[at + K_CONTEXT]!;
    if (context === 0 || context === TOMBSTONE) return;
    demand(context > 0 && context <= this.#used(H_CONTEXTS_USED, layout.contexts), 'a context');
    const list = contextWord(layout, context - 1);
    demand(i32[list + C_TASK] === task + 1, 'the task of a context');
    const seen = new Set<number>();
    const counters = this.#used(H_COUNTERS_USED, layout.counters);
    let next = i32[list + C_FIRST]!;
    for (let length = 0; next !== 0; length++) {
      demand(length <= counters && next > 0 && next <= counters, 'a list');
      const counter = counterWord(layout, next - 1);
      demand(i32[counter + R_CONTEXT] === context, 'the context of a counter');
      this.#count(row, next - 1, seen);
      next = i32[counter + R_NEXT]!;
    }
  }

  /** Of several counters of one event the first. */
  #count(row: ToldName, counter: number, seen: Set<number>): void {
    const { layout, i32, f64 } = this.#image;
    const packed = i32[counterWord(layout, counter) + R_PACKED]!;
    const event = packed & EVENT_BITS;
    if (event >= EVENT_LINES || event === LATE || seen.has(event)) return;
    seen.add(event);
    const count = f64[counterF64(layout, counter) + R_F64_COUNT]!;
    const isRunning = event === WALL && (packed & COUNTING_BIT) !== 0;
    row.values[event]! += amount(isRunning ? Math.max(0, this.#seenNs - count) : count);
  }

  #row(name: number): ToldName {
    const { layout, i32, bytes } = this.#image;
    demand(name >= 0 && name < layout.names, 'a name');
    const at = nameWord(layout, name);
    const state = i32[at + N_STATE]!;
    demand(state === 0 || state === 1, 'the state of a name');
    const length = i32[at + N_LENGTH]!;
    demand(state === 0 || (length >= 0 && length <= 120), 'the length of a name');
    const start = nameByte(layout, name);
    const text =
      state === 0 ? '(not named yet)' : Buffer.from(bytes.subarray(start, start + length)).toString();
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const row = { count: 0, live: 0, values: new Array<number>(EVENT_LINES).fill(0) };
    this.#names.set(text, row);
    return row;
  }

  #used(word: number, capacity: number): number {
    const count = this.#image.i32[word]!;
    demand(count >= 0, 'a number of slots');
    return Math.min(count, capacity);
  }
}

function lines(f64: Float64Array, at: number, least: number = 0): number[] {
  const values: number[] = [];
  for (let event = 0; event < EVENT_LINES; event++) values.push(amount(f64[at + event]!, least));
  return values;
}

function amount(value: number, least: number = 0): number {
  demand(value >= least && value <= Number.MAX_SAFE_INTEGER, `the amount ${value}`);
  return value;
}

function demand(isPossible: boolean, what: string): void {
  if (!isPossible) throw new Impossible(what);
}

// Slots of one size, so that a handle's index is its slot: what the functions of layout.ts above rely on.
if (TASK_BYTES !== COUNTER_BYTES) throw new Error('slots differ in size');
