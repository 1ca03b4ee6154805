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
}

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
  const load = `${isOld} ? ${old} : ${isLate} ? {error: 'too late'} : ${attach}`;
  const failed = "{error: String((error && error.message) || error).split('\\n', 1)[0]}";
  const close = closes ? `setTimeout(() => ${CLOSE_INSPECTOR}, ${CLOSE_MS});` : '';
  return `new Promise((resolve) => setImmediate(() => {
    let answer;
    try { answer = ${load}; } catch (error) { answer = ${failed}; }
    resolve(JSON.stringify(answer));
    ${close}
  }))`;
}
