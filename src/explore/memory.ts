/**
 * The shared memory as the explored threads see it: one access at a time, each performed when the scheduler says so.
 *
 * Transformed code calls `read`, `write` and `atomic` with whatever it indexes. Three objects stand for the region's
 * arrays; they hold nothing, and any other use of them throws, so untransformed code cannot get past the scheduler.
 *
 * Only accesses to words that two threads use, one of them writing, are worth a scheduling decision. Which words those
 * are is learnt: the first access that makes a word so sets `grew`, and the exploration begins again. At the fixed point
 * every access that was not scheduled is independent of everything the other threads do, in every schedule explored.
 */

export type Operation =
  | 'load'
  | 'store'
  | 'add'
  | 'sub'
  | 'exchange'
  | 'compareExchange'
  | 'and'
  | 'or'
  | 'xor';
export type View = 'i32' | 'f64' | 'u8';

export interface Access {
  readonly thread: number;
  readonly view: View;
  readonly operation: Operation;
  /** Was it written with Atomics? Plain ones are performed as whole words, too. */
  readonly isAtomic: boolean;
  readonly index: number;
  /** 32-bit words [first, last] that it touches. */
  readonly first: number;
  readonly last: number;
  readonly writes: boolean;
  /** What is written, added, or expected. */
  readonly value: number;
  /** What a compareExchange puts there. */
  readonly replacement: number;
  /** Number of the place in the source (transform.ts). */
  readonly site: number;
}

/** Returned instead of a value: the access waits in `pending`. */
export const YIELD: unique symbol = Symbol('yield');
/** Set as `pending` when the thread is never to run again. */
export const DEATH = 'death';
/** More threads than this no scenario has. */
export const MAX_THREADS = 8;
/** A thread that makes more accesses than this goes round in circles. */
const MAX_ACCESSES = 20_000;
/** Nobody is scheduled: accesses are performed at once. */
export const NOBODY = -1;

export class Memory {
  readonly i32: Int32Array = trap('i32') as Int32Array;
  readonly f64: Float64Array = trap('f64') as Float64Array;
  readonly u8: Uint8Array = trap('u8') as Uint8Array;
  /** The thread that runs now. */
  thread: number = NOBODY;
  pending: Access | typeof DEATH | undefined;
  /** A word became shared that was not known to be. */
  grew = false;
  /** Treat every word as shared: for a schedule that counts all accesses. */
  all = false;
  /** Threads that may run at the same time as thread t, as bits. */
  readonly concurrent: Int32Array = new Int32Array(MAX_THREADS).fill(-1);
  /** Accesses after which thread t dies; −1 never. */
  readonly fuse: Int32Array = new Int32Array(MAX_THREADS).fill(-1);
  /** Accesses of thread t so far. */
  readonly performed: Int32Array = new Int32Array(MAX_THREADS);
  /** Every access with the thread's number, in order; the caller asks for it by setting an array. */
  trail: number[] | undefined;

  /** Operands of the access that is being asked for or performed. */
  #value = 0;
  #replacement = 0;
  #isAtomic = false;
  /** Accesses made while nobody was scheduled. */
  #alone = 0;
  #i32: Int32Array = new Int32Array(0);
  #f64: Float64Array = new Float64Array(0);
  #u8: Uint8Array = new Uint8Array(0);
  #shared = new Uint8Array(0);
  #readers = new Int32Array(0);
  #writers = new Int32Array(0);

  /** Puts another buffer of the same size behind the views. What was learnt stays. */
  attach(buffer: ArrayBufferLike): void {
    this.#i32 = new Int32Array(buffer);
    this.#f64 = new Float64Array(buffer);
    this.#u8 = new Uint8Array(buffer);
    if (this.#shared.length !== this.#i32.length) {
      this.#shared = new Uint8Array(this.#i32.length);
      this.#readers = new Int32Array(this.#i32.length);
      this.#writers = new Int32Array(this.#i32.length);
    }
    this.thread = NOBODY;
    this.pending = undefined;
    this.performed.fill(0);
    this.#alone = 0;
  }

  /** Nothing is known to be shared. */
  forget(): void {
    this.#shared.fill(0);
    this.#readers.fill(0);
    this.#writers.fill(0);
    this.grew = false;
  }

  isView(object: unknown): boolean {
    return object === this.i32 || object === this.f64 || object === this.u8;
  }

  /** `object[index]`. */
  readonly read = (object: unknown, index: number, site: number): unknown => {
    const view = this.#viewOf(object);
    if (view === undefined) return (object as Record<number, unknown>)[index];
    return this.#request(view, 'load', index, site);
  };

  /** `object[index] = value`. */
  readonly write = (object: unknown, index: number, value: unknown, site: number): unknown => {
    const view = this.#viewOf(object);
    if (view === undefined) {
      (object as Record<number, unknown>)[index] = value;
      return value;
    }
    this.#value = value as number;
    return this.#request(view, 'store', index, site);
  };

  /** `Atomics.operation(object, index, value, replacement)`. */
  readonly atomic = (
    operation: string,
    site: number,
    ...[object, index, value = 0, replacement = 0]: [unknown, number, number?, number?]
  ): unknown => {
    if (object !== this.i32)
      throw new Error(`Atomics.${operation} on something that is not the region's words`);
    this.#value = value;
    this.#replacement = replacement;
    this.#isAtomic = true;
    const result = this.#request('i32', operation as Operation, index, site);
    this.#isAtomic = false;
    return result;
  };

  #viewOf(object: unknown): View | undefined {
    if (object === this.i32) return 'i32';
    if (object === this.f64) return 'f64';
    return object === this.u8 ? 'u8' : undefined;
  }

  /** Performs an access that had to wait. */
  perform(access: Access): number {
    this.#value = access.value;
    this.#replacement = access.replacement;
    return this.#performNow(access.view, access.operation, access.index, access.thread);
  }

  /** Performs what the running thread asks for if that concerns nobody else; else it waits in `pending`. */
  #request(view: View, operation: Operation, index: number, site: number): unknown {
    const { thread } = this;
    const first = view === 'i32' ? index : view === 'f64' ? index * 2 : index >>> 2;
    const last = view === 'f64' ? first + 1 : first;
    if (!(last < this.#shared.length)) throw new Error(`${view}[${index}] is outside of the region`);
    if (thread === NOBODY) {
      if (this.#alone++ > MAX_ACCESSES)
        throw new Error('what comes after the threads does not come to an end');
      return this.#perform(view, operation, index);
    }
    if (this.fuse[thread] === this.performed[thread]) {
      this.pending = DEATH;
      return YIELD;
    }
    const writes = operation !== 'load';
    if (!this.#isShared(first, last, writes) && !this.all)
      return this.#performNow(view, operation, index, thread);
    this.pending = {
      thread,
      view,
      operation,
      isAtomic: this.#isAtomic,
      index,
      first,
      last,
      writes,
      value: this.#value,
      replacement: this.#replacement,
      site,
    };
    return YIELD;
  }

  /** Is one of the words used by others, too? */
  #isShared(first: number, last: number, writes: boolean): boolean {
    const isShared = this.#noteUse(first, writes);
    return last === first ? isShared : this.#noteUse(last, writes) || isShared;
  }

  #noteUse(word: number, writes: boolean): boolean {
    if (this.#shared[word] === 1) return true;
    const bit = 1 << this.thread;
    if (writes) this.#writers[word]! |= bit;
    else this.#readers[word]! |= bit;
    const conflicts = this.#writers[word]! | (writes ? this.#readers[word]! : 0);
    if ((conflicts & this.concurrent[this.thread]! & ~bit) === 0) return false;
    this.#shared[word] = 1;
    this.grew = true;
    return true;
  }

  #performNow(view: View, operation: Operation, index: number, thread: number): number {
    if (this.performed[thread]!++ > MAX_ACCESSES) throw new Error('the thread does not come to an end');
    this.trail?.push(thread);
    return this.#perform(view, operation, index);
  }

  #perform(view: View, operation: Operation, index: number): number {
    const array = view === 'i32' ? this.#i32 : view === 'f64' ? this.#f64 : this.#u8;
    if (operation === 'load') return array[index]!;
    if (operation === 'store') return (array[index] = this.#value);
    if (operation === 'compareExchange')
      return Atomics.compareExchange(this.#i32, index, this.#value, this.#replacement);
    return Atomics[operation](this.#i32, index, this.#value);
  }
}

/** Stands for an array of the region in transformed code; everything else that looks into it is a mistake. */
function trap(name: string): unknown {
  const refuse = (_target: object, key: unknown): never => {
    throw new Error(`untransformed code uses ${name}.${String(key)} of the shared region`);
  };
  return new Proxy({}, { get: refuse, set: refuse, has: refuse, getPrototypeOf: () => null });
}
