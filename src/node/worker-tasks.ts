/**
 * Worker threads: `new Worker` inside a task is a fork, and a worker that is gone is reaped.
 *
 * Node hands the environment data (`setEnvironmentData`) to every new worker, cloned in the constructor, in the context of
 * who calls it. A value with a getter is asked right then: it answers with the token of the running task. So nothing is
 * replaced or added on the Worker, which sees its options, arguments and environment as they were given.
 *
 * In the worker the job is what code of no other task belongs to; its requests are children of it.
 */
import { existsSync } from 'node:fs';
import { Worker, getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { THREAD_LIVE, THREAD_STARTING, T_ID, T_STATE, T_TID, threadWord } from '../core/index.ts';
import type { Companion } from './carrier.ts';
import { isReachable, isToken, jobFor, shipBeforePosts, tokenOf } from './jobs.ts';
import type { TaskToken } from './jobs.ts';
import { Patches } from './patch.ts';
import { installPools } from './pools.ts';
import type { Thread } from './thread.ts';

/** Where the token is among the environment data. */
const KEY = 'taskperf';
/** A thread that takes a slot needs microseconds. */
const STARTING_MS = 5000;
/** No worker's id. */
const NOBODY = -1;

interface Inheritance {
  readonly parent: TaskToken | null;
}

/** The task that has started this worker. */
function parentOf(): TaskToken | null {
  if (isMainThread) return null;
  const inherited = getEnvironmentData(KEY) as unknown as Partial<Inheritance> | undefined;
  const parent: unknown = inherited?.parent;
  return isToken(parent) ? parent : null;
}

/** Has a task started this worker that counts in the same region? */
export function hasParent(thread: Thread): boolean {
  const parent = parentOf();
  return parent !== null && isReachable(thread, parent);
}

export class WorkerTasks implements Companion {
  readonly #thread: Thread;
  readonly #patches = new Patches();
  /** Slots seen in the middle of being taken, and when. */
  readonly #starting = new Map<number, number>();
  #suspended = 0;

  constructor(thread: Thread) {
    this.#thread = thread;
  }

  /** Makes workers of this thread children of the task that starts them, and this one the child of its own. */
  install(): void {
    this.#died(NOBODY); // who was terminated while nobody looked
    this.#adopt();
    const before: unknown = getEnvironmentData(KEY);
    setEnvironmentData(KEY, this.#inheritance() as never);
    this.#patches.onUndo(() => setEnvironmentData(KEY, before as never));
    this.#patches.onUndo(installPools(this.#thread, (create) => this.withoutFork(create)));
    const died = (threadId: number): void => this.#died(threadId);
    const ids = new WeakMap<Worker, number>();
    // By `emit`, which is there for every listener anyway: no listener of ours is to be counted or removed.
    this.#patches.replace(Worker.prototype, 'emit', (original) => {
      return function emit(this: Worker, ...args: unknown[]): unknown {
        if (args[0] === 'online') ids.set(this, this.threadId);
        else if (args[0] === 'exit') died(ids.get(this) ?? NOBODY);
        return Reflect.apply(original, this as never, args as never[]);
      } as never;
    });
  }

  uninstall(): void {
    this.#patches.undo();
  }

  /** Workers that fn starts are no task's children. */
  withoutFork<R>(fn: () => R): R {
    this.#suspended++;
    try {
      return fn();
    } finally {
      this.#suspended--;
    }
  }

  #inheritance(): Inheritance {
    const token = (): TaskToken | null => this.#token();
    return {
      get parent() {
        return token();
      },
    };
  }

  /** Called within the Worker's constructor: must not throw. */
  #token(): TaskToken | null {
    const thread = this.#thread;
    try {
      const task = thread.currentTask();
      const isTask = this.#suspended === 0 && task.parent !== null && !task.ended;
      return isTask ? tokenOf(thread, task) : null;
    } catch (error) {
      thread.switchOff(error);
      return null;
    }
  }

  #adopt(): void {
    const thread = this.#thread;
    const parent = parentOf();
    if (parent !== null && thread.root === thread.own) {
      const job = jobFor(thread, parent);
      if (job?.isNew === true) thread.adopt(job.task); // else it has ended, or has no room
    }
    if (thread.root !== thread.own) shipBeforePosts(thread, thread.root, this.#patches);
  }

  #died(threadId: number): void {
    try {
      this.#reap(threadId);
    } catch (error) {
      this.#thread.switchOff(error);
    }
  }

  /** The worker itself, and on the first thread whoever else is gone: workers of a terminated worker have nobody to tell. */
  #reap(threadId: number): void {
    const { cpu } = this.#thread;
    const { i32, layout } = cpu.region;
    const sweeps = cpu.index === 0 && existsSync(`/proc/self/task/${process.pid}`);
    for (let index = 0; index < layout.threads; index++) {
      const at = threadWord(layout, index);
      const state = i32[at + T_STATE]!;
      if (index === cpu.index) continue;
      if (state === THREAD_STARTING && sweeps) this.#unstick(index, at + T_STATE);
      else this.#starting.delete(index);
      if (state !== THREAD_LIVE) continue;
      const tid = i32[at + T_TID]!;
      const isGone = sweeps && tid > 0 && !existsSync(`/proc/self/task/${tid}`);
      if (i32[at + T_ID] === threadId || isGone) cpu.died(index);
    }
  }

  /** Died while it took the slot: nothing is in it yet. */
  #unstick(index: number, stateAt: number): void {
    const since = this.#starting.get(index);
    if (since === undefined) this.#starting.set(index, performance.now());
    else if (performance.now() - since > STARTING_MS) this.#thread.cpu.unstick(stateAt);
  }
}
