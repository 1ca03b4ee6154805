/**
 * The way of every Node: AsyncLocalStorage carries the task, async_hooks' `before` shows the switches. On Node 20 and
 * 22 `before` sees promises too; where promises can be left out of it (`trackPromises: false`) the cheaper promise hook
 * shows those. Without the native boundaries `after` tells when control returns to the loop.
 */
import { AsyncLocalStorage, AsyncResource, createHook, executionAsyncResource } from 'node:async_hooks';
import type { AsyncHook, HookCallbacks } from 'node:async_hooks';
import { promiseHooks } from 'node:v8';
import { Patches } from './patch.ts';
import { isKnown } from './carrier.ts';
import type { Carrier, Scheduler } from './carrier.ts';
import type { Task } from './task.ts';

export class HookCarrier implements Carrier {
  readonly kind = 'hooks' as const;
  readonly #scheduler: Scheduler;
  readonly #storage = new AsyncLocalStorage<Task>();
  readonly #onLeave: (() => void) | null;
  #hook: AsyncHook | null = null;
  #stopPromiseHook: (() => void) | null = null;
  #depth = 0;
  readonly #patches = new Patches();

  /** @param onLeave called when the outermost callback has returned; null when the native boundaries tell that. */
  constructor(scheduler: Scheduler, onLeave: (() => void) | null) {
    this.#scheduler = scheduler;
    this.#onLeave = onLeave;
  }

  install(): void {
    const before = (): void => this.#check();
    const callbacks: HookCallbacks & { trackPromises?: boolean } = { before };
    if (this.#onLeave !== null) this.#seeLeaving(callbacks, this.#onLeave);
    if (contextIsRightInPromiseHook()) {
      callbacks.trackPromises = false;
      this.#stopPromiseHook = promiseHooks.createHook({ before }) as unknown as () => void;
    }
    this.#hook = createHook(callbacks).enable();
    this.#seeReturns();
  }

  /**
   * A resource entered from within another callback (AsyncResource.bind, EventEmitterAsyncResource, snapshots): `before`
   * shows the entry, but an `after` for the return would cost every callback.
   */
  #seeReturns(): void {
    const check = (): void => this.#check();
    this.#patches.replace(AsyncResource.prototype, 'runInAsyncScope', (original) => {
      return function runInAsyncScope(this: never, ...args: never[]): unknown {
        try {
          return Reflect.apply(original, this, args);
        } finally {
          check();
        }
      };
    });
  }

  #seeLeaving(callbacks: HookCallbacks, onLeave: () => void): void {
    callbacks.before = (): void => {
      this.#depth++;
      this.#check();
    };
    callbacks.after = (): void => {
      this.#depth = Math.max(0, this.#depth - 1);
      if (this.#depth === 0) onLeave();
    };
  }

  /** Tasks go on being carried, so that a counter opened later finds the right one; `rest` ends that. */
  uninstall(): void {
    this.#patches.undo();
    this.#hook?.disable();
    this.#stopPromiseHook?.();
    this.#hook = null;
    this.#stopPromiseHook = null;
  }

  /** Without frames a storage in use is propagated to every new promise and resource. */
  rest(): void {
    this.#storage.disable();
  }

  look(): void {
    this.#check();
  }

  owner(): Task | null {
    return this.#storage.getStore() ?? null;
  }

  run(task: Task, fn: (...args: never[]) => unknown, receiver: unknown, args: ArrayLike<unknown>): unknown {
    if (this.#storage.getStore() === task) return Reflect.apply(fn, receiver, args);
    const outer = this.owner();
    return this.#storage.run(task, () => {
      this.#scheduler.onOwner(task);
      try {
        return Reflect.apply(fn, receiver, args);
      } finally {
        this.#scheduler.onOwner(outer);
      }
    });
  }

  enter(task: Task): void {
    this.#storage.enterWith(task);
    this.#scheduler.onOwner(task);
  }

  #check(): void {
    const task = this.#storage.getStore() ?? null;
    if (!isKnown(this.#scheduler, task)) this.#scheduler.onOwner(task);
  }
}

/**
 * True where promise hooks already run in the promise's own context: with async context frames. Without them als.run
 * leaves its store as a property of the executing resource, which is how the two are told apart. Tried once: without
 * frames every storage that ever ran is propagated to every new promise until it is disabled.
 */
function contextIsRightInPromiseHook(): boolean {
  return (isContextRight ??= tryContext());
}

let isContextRight: boolean | undefined;

function tryContext(): boolean {
  const probe = new AsyncLocalStorage<object>();
  const marker = {};
  const isRight = probe.run(marker, () => {
    const resource = executionAsyncResource() as Record<PropertyKey, unknown>;
    return !Reflect.ownKeys(resource).some((key) => resource[key] === marker);
  });
  probe.disable();
  return isRight;
}
