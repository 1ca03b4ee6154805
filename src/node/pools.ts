/**
 * piscina and tinypool: a job carries the task that asked for it. Both pools have the same three places, none of which
 * can be reached from outside, so a call is added to their source, on the same line, when it is loaded (routes/modules.ts):
 *
 *     pool     new Worker(…)                             the worker will work for many: it is nobody's child
 *     pool     this.port.postMessage(message, …)         the task's token goes with the pool's own message
 *     worker   await handler(task)                       runs for that task, and ends before the answer is posted
 *
 * A source that does not look as expected is left as it is: its jobs are then code of nobody.
 */
import type { AsyncResource } from 'node:async_hooks';
import { isToken, runFor, tokenOf } from './jobs.ts';
import type { TaskToken } from './jobs.ts';
import type { Thread } from './thread.ts';

const KEY = 'taskperf.pool';
const HOOKS = `globalThis[Symbol.for('${KEY}')]`;

/** The pool's own message about a job; what the user gave is in its `task`. */
interface Message {
  taskperf?: TaskToken;
}

interface Hooks {
  start<R>(create: () => R): R;
  post(message: Message, job: unknown): void;
  run<R>(message: Message, fn: () => R): R;
}

/** True for the files of either pool, in every installed copy; for a path or a URL. */
export function isPoolFile(filename: string): boolean {
  return /[\\/](?:piscina|tinypool)[\\/]dist[\\/].*\.js$/.test(filename);
}

/** piscina 4 and 5, tinypool 0.8 to 2. */
export function instrumentPool(source: string): string {
  return source
    .replace(
      /new (?:\w+\.)?Worker\((?:filename, workerOpts|fileURLToPath\([^()]*\), options|\(0, \w+\.resolve\)\(__dirname, 'worker\.js'\), \{[^}]*\})\)/,
      (found) => `(${HOOKS}?.start(() => ${found}) ?? ${found})`,
    )
    .replace(
      /this\.port\.postMessage\(message, taskInfo\.transferList\)/,
      (found) => `${HOOKS}?.post(message, taskInfo); ${found}`,
    )
    .replace(
      /await handler\(task\)/,
      () => `await (${HOOKS} === undefined ? handler(task) : ${HOOKS}.run(message, () => handler(task)))`,
    );
}

/** Lets instrumented copies call us; returns what undoes that. */
export function installPools(thread: Thread, withoutFork: <R>(fn: () => R) => R): () => void {
  const hooks: Hooks = {
    start: withoutFork,
    post(message, job) {
      const token = tokenFor(thread, job);
      if (token !== null) message.taskperf = token;
    },
    run: (message, fn) => (isToken(message.taskperf) ? runFor(thread, message.taskperf, fn) : fn()),
  };
  Object.defineProperty(globalThis, Symbol.for(KEY), {
    value: hooks,
    enumerable: false,
    configurable: true,
    writable: false,
  });
  return () => void Reflect.deleteProperty(globalThis, Symbol.for(KEY));
}

/** Both pools keep a job as an AsyncResource, made where it was asked for: it knows that task, however late it is posted. */
function tokenFor(thread: Thread, job: unknown): TaskToken | null {
  try {
    const task = (job as AsyncResource).runInAsyncScope(() => thread.currentTask());
    return task.parent === null ? null : tokenOf(thread, task);
  } catch {
    return null;
  }
}
