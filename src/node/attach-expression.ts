/**
 * What is evaluated in a thread to load taskperf into it, through the inspector. It may arrive in the middle of the
 * program's JavaScript, even within a loop that never ends, so it does nothing but ask for a turn of the event loop.
 */
import { fileURLToPath } from 'node:url';
import type { AttachmentOptions } from './attached.ts';
import { decodeIdentity } from './identity.ts';

/** How the evaluated promise answers, as JSON. */
export interface AttachAnswer {
  /** Why this thread is not counted. */
  readonly error?: string;
  /** It has not begun its program yet: ask again. */
  readonly isEarly?: boolean;
}

/** The value where the thread has no event loop yet: ask again. */
export const NOT_READY: boolean = false;
/** How soon to ask again. */
export const READY_MS: number = 5;

/**
 * In a thread that is being started asking for a turn of the event loop is the end of the process (a worker of Node 20 to 26:
 * SIGSEGV in uv_idle_start). `process.pid` is set after the loop is.
 */
const IS_READY = "typeof process === 'object' && typeof process.pid === 'number'";

/** Ends the inspector's listening, which kills its connections. In all versions, from a turn of the loop or at once. */
export const CLOSE_INSPECTOR: string =
  "(process.getBuiltinModule?.('node:inspector').close ?? process._debugEnd)()";

/** When the tool has long hung up, and the inspector has seen it. */
export const CLOSE_MS: number = 300;
/** In the flags of /proc/PID/stat: it ends, its connections are about to (PF_EXITING). */
const EXITING = 4;

/** How the thread is talked to: by its own process, or through a port that was open, or was opened for this. */
export type Channel = 'within' | 'open' | 'opened';

/**
 * A tool that was killed may be the end of the process: Node's inspector writes to a connection that ended in the same turn
 * of its own loop (nodejs/node#34833, SIGSEGV in Node 20 to 26). So as little as possible is written: that all went well is
 * told by the region, only errors are answered, and to a tool that is there; and the inspector is closed when the tool has
 * hung up. A promise that nobody can resolve any more would be answered, too, when it is collected: it is held until then.
 */
export function attachExpression(options: AttachmentOptions, channel: Channel): string {
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
  const isSaid = channel === 'within' ? 'true' : `answer.error !== undefined && ${isThere(options)}`;
  return `!(${IS_READY}) ? ${NOT_READY} : new Promise((resolve) => setImmediate(() => {
    let answer;
    try { answer = ${load}; } catch (error) { answer = ${failed}; }
    if (${isSaid}) resolve(JSON.stringify(answer));
    ${AFTERWARDS[channel]}
  }))`;
}

/** By channel: a worker, which is always answered, needs nothing. */
const AFTERWARDS: Readonly<Record<Channel, string>> = {
  within: '',
  open: `setTimeout(() => void resolve, ${CLOSE_MS}).unref?.();`,
  // The next inspector may have been opened by somebody else.
  opened: `
    const url = () => process.getBuiltinModule?.('node:inspector').url();
    const opened = url();
    setTimeout(() => { void resolve; if (url() === opened) ${CLOSE_INSPECTOR}; }, ${CLOSE_MS}).unref?.();`,
};

/** Does the tool run? Of one that cannot be looked at it is not said that it is gone. */
function isThere({ session, sessionStart }: AttachmentOptions): string {
  const { startTicks } = decodeIdentity(session, sessionStart);
  return `(() => {
    try {
      const text = process.getBuiltinModule('node:fs').readFileSync('/proc/${session}/stat', 'latin1');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const isGone = fields[0] === 'Z' || fields[0] === 'X' || (fields[6] & ${EXITING}) !== 0;
      return !isGone && (${startTicks} === 0 || Number(fields[19]) === ${startTicks});
    } catch (error) {
      return (error.code !== 'ENOENT' && error.code !== 'ESRCH') || !process.getBuiltinModule('node:fs').existsSync('/proc/1/stat');
    }
  })()`;
}
