/**
 * Node ≥ 24 (or an older one run with --experimental-async-context-frame): the async context is one immutable Map, the
 * frame, which V8 restores for every continuation. The running task is an entry of it.
 *
 * Switches are seen where the frame changes, which is cheaper than async_hooks (no JavaScript per boundary) and misses
 * less (`als.run` inside one callback fires no hook at all):
 *  - JavaScript entered from the loop: the native boundary compares frames and asks us only about a new one;
 *  - timers, immediates, ticks, AsyncResource, als.run: all go through AsyncContextFrame.set / .exchange, wrapped here;
 *  - promise continuations: V8 restores the frame without a call, so a `before` promise hook remains.
 *
 * Between two callbacks of Node's own queues (ticks, timers, immediates) the frame goes back to none for a moment in which
 * next to no code runs but the queue's (bare microtasks are told by #tellMicrotask). Nothing is told then: the next callback mostly is the same task's, and telling
 * "nobody" and the task again cost two readings each time (15 of the 28 of a request with ten awaits).
 *
 * The frame class is internal to Node. It is reached through the addon, checked by trying, and if anything is not as
 * expected the hook carrier takes over.
 */
import { AsyncLocalStorage, AsyncResource, executionAsyncResource } from 'node:async_hooks';
import { promiseHooks } from 'node:v8';
import type { Addon } from './addon.ts';
import { isKnown } from './carrier.ts';
import { Patches } from './patch.ts';
import type { Carrier, Scheduler } from './carrier.ts';
import type { Task } from './task.ts';

interface Frame {
  get(key: unknown): unknown;
}
interface FrameClass {
  new (key: unknown, value: unknown): Frame;
  current(): Frame | undefined;
  set(frame: Frame | undefined): void;
  exchange(frame: Frame | undefined): Frame | undefined;
}

export class FrameCarrier implements Carrier {
  readonly kind = 'frames' as const;
  readonly #scheduler: Scheduler;
  readonly #frames: FrameClass;
  readonly #key: AsyncLocalStorage<Task>;
  readonly #patches = new Patches();
  readonly #set: (this: FrameClass, frame: Frame | undefined) => void;
  /** The frame that was current when the owner was last told. */
  #last: Frame | undefined = undefined;
  /** The first task of this stretch of JavaScript was entered by a queue: below it on the stack is no code of nobody's. */
  #inQueue = false;
  #stopPromiseHook: (() => void) | null = null;

  /** null where this runtime has no frames that can be watched. */
  static create(scheduler: Scheduler, addon: Addon): FrameCarrier | null {
    const key = new AsyncLocalStorage<Task>();
    const frames = findFrameClass(addon);
    return frames === null ? null : new FrameCarrier(scheduler, key, frames);
  }

  private constructor(scheduler: Scheduler, key: AsyncLocalStorage<Task>, frames: FrameClass) {
    this.#scheduler = scheduler;
    this.#key = key;
    this.#frames = frames;
    this.#set = frames.set;
  }

  install(): void {
    const { words, charging } = this.#scheduler;
    const frames = this.#frames;
    const set = this.#set;
    const changed = (frame: Frame | undefined, exchanged: boolean): void => this.#changed(frame, exchanged);
    const isLast = (frame: Frame | undefined): boolean => frame === this.#last;
    this.#last = undefined;
    this.#inQueue = false;
    const isInQueue = (): boolean => this.#inQueue && words[charging] === 1;
    define(frames, 'set', (frame: Frame | undefined): void => {
      set.call(frames, frame);
      if (isLast(frame) && words[charging] !== 0) return;
      if (frame !== undefined || !isInQueue()) changed(frame, false);
    });
    define(frames, 'exchange', (frame: Frame | undefined): Frame | undefined => {
      const prior = frames.current();
      set.call(frames, frame);
      if (!isLast(frame) || words[charging] === 0) changed(frame, true);
      return prior;
    });
    this.#patches.replace(globalThis, 'queueMicrotask', (original) => this.#tellMicrotask(original as never));
    this.#stopPromiseHook = promiseHooks.createHook({
      before: () => {
        const frame = frames.current();
        if (!isLast(frame) || words[charging] === 0) changed(frame, false);
      },
    }) as unknown as () => void;
  }

  /** Without a frame Node enqueues the bare callback, which no exchange and no promise hook would tell of. */
  #tellMicrotask(original: (callback: () => void) => void): () => void {
    const frames = this.#frames;
    const { look } = this;
    const queueMicrotask = (callback: () => void): void => {
      if (typeof callback !== 'function' || frames.current() !== undefined) original(callback);
      else
        original(() => {
          look();
          callback();
        });
    };
    return queueMicrotask as () => void;
  }

  uninstall(): void {
    this.#patches.undo();
    this.#stopPromiseHook?.();
    this.#stopPromiseHook = null;
    restore(this.#frames, 'set');
    restore(this.#frames, 'exchange');
  }

  rest(): void {} // a frame costs nothing until it is looked at

  owner(): Task | null {
    return this.#taskOf(this.#frames.current());
  }

  /** Also what the native boundary calls when it found a frame that it does not know. */
  readonly look = (): void => this.#changed(this.#frames.current(), false);

  run(task: Task, fn: (...args: never[]) => unknown, receiver: unknown, args: ArrayLike<unknown>): unknown {
    const frames = this.#frames;
    const prior = frames.current();
    if (prior !== undefined && prior.get(this.#key) === task) return Reflect.apply(fn, receiver, args);
    const frame = this.#frameFor(task, prior);
    frames.set(frame);
    try {
      return Reflect.apply(fn, receiver, args);
    } finally {
      frames.set(frames.current() === frame ? prior : this.#withoutTask(prior));
    }
  }

  enter(task: Task): void {
    this.#frames.set(this.#frameFor(task, this.#frames.current()));
  }

  /** fn changed the context (enterWith), which must outlast it as it does without us: only our entry is put back. */
  #withoutTask(prior: Frame | undefined): Frame {
    return new this.#frames(this.#key, prior?.get(this.#key));
  }

  /** The prior frame plus the task: a user's own AsyncLocalStorage sees exactly what it saw before. */
  #frameFor(task: Task, prior: Frame | undefined): Frame {
    if (task.frame !== null && task.base === prior) return task.frame as Frame;
    const frame = new this.#frames(this.#key, task);
    if (task.frame === null) {
      task.frame = frame;
      task.base = prior;
    }
    return frame;
  }

  #taskOf(frame: Frame | undefined): Task | null {
    return frame === undefined ? null : ((frame.get(this.#key) as Task | undefined) ?? null);
  }

  #changed(frame: Frame | undefined, exchanged: boolean): void {
    const { words, charging } = this.#scheduler;
    if (words[charging] === 0) this.#inQueue = exchanged && !isInAsyncResource();
    this.#last = frame;
    const task = this.#taskOf(frame);
    if (task === null) this.#inQueue = false;
    if (isKnown(this.#scheduler, task)) return;
    this.#scheduler.onOwner(task);
  }
}

/** AsyncResource calls `exchange`, too, but code that goes on afterwards may have called it. */
function isInAsyncResource(): boolean {
  return executionAsyncResource() instanceof AsyncResource;
}

/**
 * Replaces a method where it is: on the class (Node 26) or on what that inherits from (Node 24). To add a property to
 * the class and to delete it again makes V8 keep its properties in a hash table for ever, which cost each request 1 us,
 * also after all was put back.
 */
function define(frames: FrameClass, name: 'set' | 'exchange', value: unknown): void {
  let holder: object = frames;
  while (!Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder) as object;
  (holder as Record<string, unknown>)[name] = value;
}

const originals = new WeakMap<object, Pick<FrameClass, 'set' | 'exchange'>>();

function restore(frames: FrameClass, name: 'set' | 'exchange'): void {
  define(frames, name, originals.get(frames)![name]);
}

/** Would FrameCarrier.create find frames here? */
export function hasFrames(addon: Addon): boolean {
  return findFrameClass(addon) !== null;
}

/** The class of the current frame, if it has the shape we rely on and its `set` is what als.run really calls. */
function findFrameClass(addon: Addon): FrameClass | null {
  const probe = new AsyncLocalStorage<number>();
  const prior = addon.frame();
  const frame = probe.run(1, () => addon.frame()) as { constructor?: unknown } | undefined;
  probe.disable(); // without frames it would be propagated to every promise from now on
  if (typeof frame !== 'object' || frame === null || typeof frame.constructor !== 'function') return null;
  const frames = frame.constructor as unknown as FrameClass;
  for (const method of [frames.current, frames.set, frames.exchange])
    if (typeof method !== 'function') return null;
  frames.set(prior as Frame | undefined); // als.run leaves a frame with an empty entry behind
  originals.set(frames, { set: frames.set, exchange: frames.exchange });
  return setIsCalled(frames) ? frames : null;
}

function setIsCalled(frames: FrameClass): boolean {
  const probe = new AsyncLocalStorage<number>();
  const set = frames.set;
  let calls = 0;
  define(frames, 'set', (frame: Frame | undefined): void => {
    calls++;
    set.call(frames, frame);
  });
  const prior = frames.current();
  try {
    const seen = probe.run(2, () => frames.current()?.get(probe));
    const built = new frames(probe, 3);
    return seen === 2 && calls >= 2 && built.get(probe) === 3;
  } catch {
    return false;
  } finally {
    restore(frames, 'set');
    set.call(frames, prior);
  }
}
