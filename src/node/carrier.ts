/**
 * How the running task is carried through asynchronous code and how its changes are seen. Two ways, found by trying:
 * async context frames (frame-carrier.ts) or AsyncLocalStorage with async_hooks (hook-carrier.ts).
 */
import type { Task } from './task.ts';

/** What a carrier tells: this task has the thread now (null: nobody's code). */
export interface Scheduler {
  /** Called at every point where the owner may have changed and at least one of owner or charging did. */
  onOwner(task: Task | null): void;
  /** The last owner told. */
  readonly running: Task;
  readonly root: Task;
  /** The region's words and the index of this thread's T_CHARGING. */
  readonly words: Int32Array;
  readonly charging: number;
}

/** T_CHARGING: nobody's code runs, and the scheduler knows. */
export const CHARGING_NOBODY: number = 2;

/** The scheduler knows already that this is who runs. */
export function isKnown(scheduler: Scheduler, task: Task | null): boolean {
  const charging = scheduler.words[scheduler.charging]!;
  if (task === null && charging === CHARGING_NOBODY) return true;
  return charging === 1 && (task ?? scheduler.root) === scheduler.running;
}

export interface Carrier {
  readonly kind: 'frames' | 'hooks';
  /** Starts seeing switches. Nothing is installed before. */
  install(): void;
  uninstall(): void;
  /** No task is alive and nothing is counted: nothing needs to be carried until the next `run` or `enter`. */
  rest(): void;
  /** Finds out who runs now and tells the scheduler. */
  look(): void;
  /** The task of the code that is running, null for nobody's. */
  owner(): Task | null;
  /** Calls fn in the task's context and returns to the present one. */
  run(task: Task, fn: (...args: never[]) => unknown, receiver: unknown, args: ArrayLike<unknown>): unknown;
  /** Makes the rest of the present callback, and all that follows from it, the task's. */
  enter(task: Task): void;
}

/** What is installed while something is counted. */
export interface Companion {
  install(): void;
  uninstall(): void;
}
