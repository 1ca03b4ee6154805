/**
 * What is evaluated in a thread to load taskperf into it, through the inspector. It may arrive in the middle of the
 * program's JavaScript, even within a loop that never ends, so it does nothing but ask for a turn of the event loop.
 */
import { fileURLToPath } from 'node:url';
import type { AttachmentOptions } from './attached.ts';

/** How the evaluated promise answers, as JSON. */
export interface AttachAnswer {
  /** Why this thread is not counted. */
  readonly error?: string;
  /** It has not begun its program yet: ask again. */
  readonly isEarly?: boolean;
}

/**
 * May `attachExpression` be evaluated? An expression without a side effect. In a thread that is being started there is no
 * event loop yet, and asking for a turn of it is the end of the process (a worker of Node 20 to 26: SIGSEGV in
 * uv_idle_start). `process.pid` is set after the loop is.
 */
export const IS_READY: string = "typeof process === 'object' && typeof process.pid === 'number'";
/** How soon to ask again. */
export const READY_MS: number = 5;

/** Ends the inspector's listening, which kills its connections. In all versions, from a turn of the loop or at once. */
export const CLOSE_INSPECTOR: string =
  "(process.getBuiltinModule?.('node:inspector').close ?? process._debugEnd)()";

/** After the answer has gone out. */
const CLOSE_MS = 20;

/** @param closes the inspector was opened for this, and is closed when the answer has been given. */
export function attachExpression(options: AttachmentOptions, closes: boolean): string {
  const file = JSON.stringify(fileURLToPath(new URL('./attached.js', import.meta.url)));
  const attach = `process.getBuiltinModule('node:module').createRequire(${file})(${file}).attach(${JSON.stringify(options)})`;
  const isOld = "typeof process.getBuiltinModule !== 'function'";
  const old = "{error: 'Node.js ' + process.version + ' is too old for taskperf, which needs 20.19'}";
  // The tool has given up waiting: not even our modules are loaded.
  const isLate = `!process.getBuiltinModule('node:fs').existsSync(${JSON.stringify(options.lock)})`;
  // A worker has its port when its program may begin.
  const threads = "process.getBuiltinModule('node:worker_threads')";
  const isEarly = `!${threads}.isMainThread && ${threads}.parentPort === null`;
  const load = `${isOld} ? ${old} : ${isLate} ? {error: 'its event loop went on only when taskperf had given up; try again'} : ${isEarly} ? {isEarly: true} : ${attach}`;
  const failed = "{error: String((error && error.message) || error).split('\\n', 1)[0]}";
  const close = closes ? `setTimeout(() => ${CLOSE_INSPECTOR}, ${CLOSE_MS});` : '';
  return `new Promise((resolve) => setImmediate(() => {
    let answer;
    try { answer = ${load}; } catch (error) { answer = ${failed}; }
    resolve(JSON.stringify(answer));
    ${close}
  }))`;
}
