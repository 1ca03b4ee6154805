/**
 * Jobs: code of this thread that works for a task of another one. Where the task is known by a token, plain data that
 * crosses threads with the job, a task of this thread is started for it, whose cost goes to the other (core/job.ts).
 *
 * A token names a slot of the region and the life of it that is meant, so one that comes late is harmless: what it asked
 * for is late work then. It means nothing in another process.
 */
import { H_F64_START_MONO, TaskperfError } from '../core/index.ts';
import type { Patches } from './patch.ts';
import { Task } from './task.ts';
import type { Thread } from './thread.ts';

/** Names a task to other threads of the process; survives structured cloning. */
export interface TaskToken {
  readonly name: string;
  /** Which region, so that a token of another process is known for what it is. */
  readonly region: number;
  readonly slot: number;
  readonly generation: number;
}

const NO_GENERATION = -1;

/** The task's token. */
export function tokenOf(thread: Thread, task: Task): TaskToken {
  const { cpu } = thread;
  // An ended task's slot may be another's: what is done in its name is late work, there too.
  const generation = task.ended ? NO_GENERATION : cpu.generationOf(task.slot);
  thread.doorbell.listen();
  if (!task.ended) thread.tokens.set(tokenKey({ slot: task.slot, generation }), task);
  return { name: thread.nameOf(task), region: regionId(thread), slot: task.slot, generation };
}

/** @throws TaskperfError EINVAL unless it has the shape of a token. */
export function requireToken(value: unknown): TaskToken {
  const token = value as Partial<TaskToken> | null | undefined;
  const isToken =
    typeof token === 'object' &&
    token !== null &&
    typeof token.name === 'string' &&
    typeof token.region === 'number' &&
    Number.isInteger(token.slot) &&
    Number.isInteger(token.generation);
  if (isToken) return token as TaskToken;
  throw new TaskperfError('EINVAL', 'not a token of a task: give what task.token() returned', value);
}

export function isToken(value: unknown): value is TaskToken {
  try {
    return requireToken(value) !== null;
  } catch {
    return false;
  }
}

/** This thread's own task that the token names; undefined for one of another thread, or that has ended. */
export function ownTask(thread: Thread, token: TaskToken): Task | undefined {
  return token.region === regionId(thread) ? thread.tokens.get(tokenKey(token)) : undefined;
}

/** Do this thread and the one that the token is from count in one region? */
export function isReachable(thread: Thread, token: TaskToken): boolean {
  return token.region === regionId(thread);
}

/**
 * The task in whose name a job is done here: the token's own, a new one that works for it, or an ended one if it has ended
 * (what the job does is late work then). Undefined: nothing of it can be counted.
 */
export function jobFor(thread: Thread, token: TaskToken): { task: Task; isNew: boolean } | undefined {
  if (thread.isOff || !isReachable(thread, token)) return undefined;
  const own = ownTask(thread, token);
  if (own !== undefined) return { task: own, isNew: false };
  try {
    const task = startJob(thread, token);
    return task === null ? undefined : { task, isNew: true };
  } catch (error) {
    const code = error instanceof TaskperfError ? error.code : undefined;
    if (code === 'ENOSPC') return undefined; // counted as lost
    if (code !== 'ESRCH') throw error;
    const task = new Task(0, thread.root, thread.names.intern(token.name));
    task.ended = true;
    return { task, isNew: false };
  }
}

/**
 * A task of this thread that works for that one; null when there is no room, or the token is of a thread's own task: what
 * that one does is in no row, and so is what is done for it.
 */
function startJob(thread: Thread, { slot: origin, generation }: TaskToken): Task | null {
  const { cpu } = thread;
  const events = cpu.hold(origin, generation, () => (cpu.isOwn(origin) ? null : cpu.inheritable(origin)));
  if (events === null) return null;
  thread.ownCounters.openAll(events, thread.sources);
  const slot = cpu.forkJob(origin, generation);
  return slot === 0 ? null : thread.started(new Task(slot, thread.root, cpu.nameOf(slot)));
}

/** Runs fn as the task's last act: it ends when fn returns or, if that is a promise, when it settles. */
export function runToEnd<R>(thread: Thread, task: Task, fn: () => R): R {
  return runThen(thread, task, { fn, end: () => thread.exit(task) });
}

function runThen<R>(thread: Thread, task: Task, { fn, end }: { fn: () => R; end: () => void }): R {
  let result: R;
  try {
    result = thread.run(task, fn as never, undefined, []) as R;
  } catch (error) {
    end();
    throw error;
  }
  if (!isThenable(result)) {
    end();
    return result;
  }
  // The derived promise is returned, so that a rejection nobody handles is still reported as one.
  return result.then(
    (value) => {
      end();
      return value;
    },
    (error: unknown) => {
      end();
      throw error;
    },
  ) as R;
}

/** Runs fn for the task that the token names. */
export function runFor<R>(thread: Thread, token: TaskToken, fn: () => R): R {
  const own = thread.isOff ? undefined : ownTask(thread, token);
  if (own !== undefined) return runKnown(thread, own, fn);
  thread.jobs.begin(); // before it opens counters of the thread, which are closed when nobody counts any more
  const job = jobFor(thread, token);
  if (job?.isNew !== true) {
    thread.jobs.end();
    return job === undefined ? fn() : runKnown(thread, job.task, fn);
  }
  const end = (): void => {
    thread.exit(job.task);
    thread.jobs.end();
  };
  return runThen(thread, job.task, { fn, end });
}

/** For a task that does not end with it. */
function runKnown<R>(thread: Thread, task: Task, fn: () => R): R {
  // Nothing else may happen on this thread before it is terminated.
  return runThen(thread, task, { fn, end: () => thread.cpu.fold() });
}

/** Who hears from this thread knows what it has cost up to then. */
export function shipBeforePosts(thread: Thread, job: Task, patches: Patches): void {
  patches.replace(MessagePort.prototype, 'postMessage', (original) => {
    return function postMessage(this: never, ...args: never[]): unknown {
      try {
        thread.ship(job);
      } catch (error) {
        thread.switchOff(error); // it is the program's call
      }
      return Reflect.apply(original, this, args);
    };
  });
}

export function tokenKey({ slot, generation }: { slot: number; generation: number }): string {
  return `${slot}:${generation}`;
}

function regionId(thread: Thread): number {
  return thread.cpu.region.f64[H_F64_START_MONO]! + process.pid;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
