/** Tasks as the program sees them: its own, and by their tokens those of other threads. */
import { TaskperfError, nameText } from '../core/index.ts';
import { currentThread } from './attach.ts';
import { isReachable, ownTask, requireToken, runFor, runToEnd, tokenOf } from './jobs.ts';
import type { TaskToken } from './jobs.ts';
import { Task as Carried } from './task.ts';
import type { Thread } from './thread.ts';

/** A flow of asynchronous execution: a request, a job, whatever was spawned. */
export class Task {
  readonly #thread: Thread;
  readonly #task: Carried;
  /** Of a task of another thread (`taskOf`): the slot of #task is its, for as long as it lives. */
  readonly #foreign: TaskToken | null;

  /** Tasks come from `spawn`, `currentTask` and `taskOf`. */
  constructor(thread: Thread, task: Carried, foreign: TaskToken | null = null) {
    this.#thread = thread;
    this.#task = task;
    this.#foreign = foreign;
  }

  get name(): string {
    if (this.#foreign === null) return this.#thread.nameOf(this.#task);
    return this.alive
      ? nameText(this.#thread.cpu.region, this.#thread.cpu.nameOf(this.#foreign.slot))
      : this.#foreign.name;
  }

  /** false once the flow has ended. What still runs in its context is late work of its parent. */
  get alive(): boolean {
    if (this.#foreign === null) return !this.#task.ended;
    return this.#thread.cpu.lives(this.#foreign.slot, this.#foreign.generation);
  }

  /** The task that started it; null for the thread's own, and for one of another thread. */
  get parent(): Task | null {
    return this.#task.parent === null ? null : publicTask(this.#thread, this.#task.parent);
  }

  /**
   * Names the task to other threads: plain data, to post along with a job. The worker does the job with `runAs`, or finds
   * the task with `taskOf`. It keeps nothing alive.
   */
  token(): TaskToken {
    return this.#foreign ?? tokenOf(this.#thread, this.#task);
  }

  /** Runs fn as a part of this task, e.g. a callback that came through a queue; for another thread's as `runAs` does. */
  run<R>(fn: () => R): R {
    if (this.#foreign !== null) return runFor(this.#thread, this.#foreign, fn);
    return this.#thread.run(this.#task, fn as never, undefined, []) as R;
  }

  /** Enables all counters attached to this task (prctl PR_TASK_PERF_EVENTS_ENABLE). */
  enableCounters(): void {
    if (this.alive) Task.use(this, (slot) => this.#thread.cpu.enableCounters(slot));
  }

  disableCounters(): void {
    if (this.alive) Task.use(this, (slot) => this.#thread.cpu.disableCounters(slot));
  }

  /** @internal Is it on the thread that calls? */
  static isForeign(task: Task): boolean {
    return task.#foreign !== null;
  }

  /** @internal Calls `use` with its slot, which stays its until then. @throws TaskperfError ESRCH when it has ended. */
  static use<R>(task: Task, use: (slot: number) => R): R {
    const foreign = task.#foreign;
    if (foreign === null) {
      if (!task.#task.ended) return use(task.#task.slot);
    } else if (task.alive) {
      const { slot, generation } = foreign;
      return task.#thread.cpu.hold(slot, generation, () => {
        const result = use(slot);
        task.#thread.doorbell.ring(task.#thread.cpu.threadOf(slot));
        return result;
      });
    }
    throw new TaskperfError('ESRCH', `task "${task.name}" has ended; open the counter before`, task.name);
  }
}

const publicTasks = new WeakMap<Carried, Task>();

function publicTask(thread: Thread, task: Carried): Task {
  let wrapper = publicTasks.get(task);
  if (wrapper === undefined) publicTasks.set(task, (wrapper = new Task(thread, task)));
  return wrapper;
}

/** What `taskOf` (library.ts) gives. */
export function taskNamed(token: TaskToken): Task {
  const thread = currentThread();
  const { slot, generation, name } = requireToken(token);
  const own = ownTask(thread, token);
  if (own !== undefined) return publicTask(thread, own);
  if (isReachable(thread, token)) {
    thread.doorbell.listen();
    const foreign = { ...token, slot, generation, name };
    return new Task(thread, new Carried(slot, null, 0), foreign);
  }
  const message =
    'the token is of another process, or of a thread that shares no memory with this one (see taskperf doctor)';
  throw new TaskperfError('EINVAL', message, token);
}

/** The task of the code that calls; the thread's own outside of any. */
export function currentTask(): Task {
  const thread = currentThread();
  return publicTask(thread, thread.currentTask());
}

/**
 * Runs fn as a new task, a child of the current one. The task ends when fn returns or, if it returns a promise, when
 * that settles. Returns (or rejects with) what fn does.
 */
export function spawn<R>(name: string, fn: () => R): R {
  const thread = currentThread();
  const task = thread.fork(thread.currentTask(), thread.names.intern(name));
  return task === null ? fn() : runToEnd(thread, task, fn);
}

/**
 * Runs fn for the task that the token names, which may be another thread's: `await runAs(message.task, () => work())` in a
 * worker. What fn costs is added to that task's inheritable counters and its row when fn returns or, if it returns a
 * promise, when that settles. Code of a task that has ended meanwhile is late work. Returns (or rejects with) what fn does.
 * @throws TaskperfError EINVAL when it is no token
 */
export function runAs<R>(token: TaskToken, fn: () => R): R {
  return runFor(currentThread(), requireToken(token), fn);
}
