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
    if (object === this.i32) return this.#request('i32', 'load', index, site, 0, 0, false);
    if (object === this.f64) return this.#request('f64', 'load', index, site, 0, 0, false);
    if (object === this.u8) return this.#request('u8', 'load', index, site, 0, 0, false);
    return (object as Record<number, unknown>)[index];
  };

  /** `object[index] = value`. */
  readonly write = (object: unknown, index: number, value: unknown, site: number): unknown => {
    if (object === this.i32) return this.#request('i32', 'store', index, site, value as number, 0, false);
    if (object === this.f64) return this.#request('f64', 'store', index, site, value as number, 0, false);
    if (object === this.u8) return this.#request('u8', 'store', index, site, value as number, 0, false);
    (object as Record<number, unknown>)[index] = value;
    return value;
  };

  /** `Atomics.operation(object, index, value, replacement)`. */
  readonly atomic = (
    operation: string,
    site: number,
    object: unknown,
    index: number,
    value: number = 0,
    replacement: number = 0,
  ): unknown => {
    if (object !== this.i32) throw new Error(`Atomics.${operation} on something that is not the region's words`);
    return this.#request('i32', operation as Operation, index, site, value, replacement, true);
  };

  /** Performs an access that had to wait. */
  perform(access: Access): number {
    if (this.performed[access.thread]!++ > MAX_ACCESSES) throw new Error('the thread does not come to an end');
    this.trail?.push(access.thread);
    return this.#perform(access);
  }

  #request(
    view: View,
    operation: Operation,
    index: number,
    site: number,
    value: number,
    replacement: number,
    isAtomic: boolean,
  ): unknown {
    const { thread } = this;
    const first = view === 'i32' ? index : view === 'f64' ? index * 2 : index >>> 2;
    const last = view === 'f64' ? first + 1 : first;
    if (!(last < this.#shared.length)) throw new Error(`${view}[${index}] is outside of the region`);
    const writes = operation !== 'load';
    const access = {
      thread, view, operation, isAtomic, index, first, last, writes, value, replacement, site,
    }; // prettier-ignore
    if (thread === NOBODY) {
      if (this.#alone++ > MAX_ACCESSES) throw new Error('what comes after the threads does not come to an end');
      return this.#perform(access);
    }
    if (this.fuse[thread] === this.performed[thread]) {
      this.pending = DEATH;
      return YIELD;
    }
    if (this.all || this.#isShared(access)) {
      this.pending = access;
      return YIELD;
    }
    return this.perform(access);
  }

  #isShared({ thread, first, last, writes }: Access): boolean {
    let isShared = this.#shared[first]! + this.#shared[last]! > 0;
    const others = this.concurrent[thread]! & ~(1 << thread);
    for (let word = first; word <= last; word++) {
      if (writes) this.#writers[word]! |= 1 << thread;
      else this.#readers[word]! |= 1 << thread;
      const conflicts = this.#writers[word]! | (writes ? this.#readers[word]! : 0);
      if ((conflicts & others) === 0 || this.#shared[word] === 1) continue;
      this.#shared[word] = 1;
      this.grew = true;
      isShared = true;
    }
    return isShared;
  }

  #perform({ view, operation, index, value, replacement }: Access): number {
    if (view === 'f64') {
      if (operation === 'store') this.#f64[index] = value;
      return operation === 'store' ? value : this.#f64[index]!;
    }
    if (view === 'u8') {
      if (operation === 'store') this.#u8[index] = value;
      return operation === 'store' ? value : this.#u8[index]!;
    }
    switch (operation) {
      case 'load':
        return this.#i32[index]!;
      case 'store':
        this.#i32[index] = value;
        return value;
      case 'compareExchange':
        return Atomics.compareExchange(this.#i32, index, value, replacement);
      default:
        return Atomics[operation](this.#i32, index, value);
    }
  }
}

/** Stands for an array of the region in transformed code; everything else that looks into it is a mistake. */
function trap(name: string): unknown {
  const refuse = (_target: object, key: unknown): never => {
    throw new Error(`untransformed code uses ${name}.${String(key)} of the shared region`);
  };
  return new Proxy({}, { get: refuse, set: refuse, has: refuse, getPrototypeOf: () => null });
}
