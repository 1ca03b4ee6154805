/**
 * What `-p PID` loads into each thread of a process that was started without taskperf: counting from now on, until the
 * tool writes its word into the region or is gone. Then everything of ours is taken out again; the modules that were
 * loaded, and the addon, stay in memory and do nothing.
 */
import fs from 'node:fs';
import { isMainThread, resourceLimits } from 'node:worker_threads';
import { CONTROL_DETACH, H_ATTACHED, H_BLOCKED_MS, H_CONTROL, H_SESSION } from '../core/index.ts';
import { loadAddon } from './addon.ts';
import { releaseThread, sessionOfThread } from './attach.ts';
import { CLOSE_MS } from './attach-expression.ts';
import type { AttachAnswer } from './attach-expression.ts';
import { WorkerWatch } from './attached-workers.ts';
import { startCounting } from './counting.ts';
import type { Counting, CountingOptions } from './counting.ts';
import { decodeIdentity, runsStill } from './identity.ts';
import type { Identity } from './identity.ts';
import { markApart } from './marking.ts';
import { followFastify } from './routes/fastify.ts';

export interface AttachmentOptions extends CountingOptions {
  readonly directory: string;
  readonly sessionStart: string;
  /** The tool's mark on this process. It is gone when the tool has given up waiting for this thread. */
  readonly lock: string;
  /** What it says. */
  readonly token: string;
}

/** How soon the tool's word is followed: it waits for that. */
const LOOK_MS = 250;
/** From when on blockages are the program's: the inspector is closed by then. */
const SETTLED_MS = CLOSE_MS + 100;
/** A worker held to less has no room for us. */
const HEAP_MB_MIN = 64;

let current: Attachment | undefined;

/** Never throws. */
export function attach(options: AttachmentOptions): AttachAnswer {
  if (textOf(options.lock) !== options.token)
    return { error: 'its event loop went on only when taskperf had given up; try again' };
  current?.leaveIfOver();
  const session = sessionOfThread();
  if (session !== undefined) return { error: counterOf(session) };
  if ((resourceLimits.maxOldGenerationSizeMb ?? HEAP_MB_MIN) < HEAP_MB_MIN && !isMainThread)
    return { error: `a worker with a heap of less than ${HEAP_MB_MIN} MB` };
  try {
    current = new Attachment(options);
    return {};
  } catch (error) {
    releaseThread();
    if (isMainThread) fs.rmSync(fileOf(options), { force: true });
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

class Attachment {
  readonly #options: AttachmentOptions;
  readonly #counting: Counting;
  readonly #workers: WorkerWatch;
  readonly #timer: NodeJS.Timeout;
  readonly #settling: NodeJS.Timeout;
  readonly #tool: Identity;
  readonly #unfollow: () => void;
  readonly #isMapped = loadAddon() !== null;
  #isOver = false;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.#tool = decodeIdentity(options.session, options.sessionStart);
    markApart();
    // What we do now is not the program's blockage.
    const { blockedMs, ...counted } = options;
    this.#counting = startCounting(counted);
    const { words } = this.#counting.thread;
    const undo = [this.#counting.stop];
    try {
      this.#unfollow = followFastify();
      undo.push(this.#unfollow);
      this.#workers = new WorkerWatch(options);
    } catch (error) {
      for (const stop of undo) stop();
      throw error;
    }
    // So is what closes the inspector, which parks the thread until the inspector's own has ended.
    const begin = (): void => {
      if (!this.#isOver) words[H_BLOCKED_MS] = blockedMs;
    };
    this.#settling = setTimeout(() => setImmediate(begin), SETTLED_MS).unref();
    if (isMainThread) Atomics.store(words, H_ATTACHED, 1);
    this.#timer = setInterval(() => {
      try {
        this.leaveIfOver();
      } catch (error) {
        clearInterval(this.#timer);
        this.#counting.thread.switchOff(error);
      }
    }, LOOK_MS);
    this.#timer.unref(); // never keeps the program alive
  }

  /**
   * Where the tool asks for it, or is gone: then nobody else will remove what it has left. Another may be attaching
   * already, with the same names.
   */
  leaveIfOver(): void {
    if (this.#isOver) return;
    if (this.#isAsked()) this.#detach();
    if (this.#isOver || !isMainThread || runsStill(this.#tool.pid, this.#tool.startTicks)) return;
    Atomics.store(this.#counting.thread.words, H_CONTROL, CONTROL_DETACH); // the workers follow
    this.#detach();
    const { lock, token } = this.#options;
    if (textOf(lock) === token) fs.rmSync(lock, { force: true });
    const file = fileOf(this.#options);
    if (sessionOfFile(file) === this.#tool.pid) fs.rmSync(file, { force: true });
  }

  /** Without the addon nobody can write into our memory: then it is the main thread's file that says it, or its absence. */
  #isAsked(): boolean {
    if (this.#isMapped) return Atomics.load(this.#counting.thread.words, H_CONTROL) === CONTROL_DETACH;
    try {
      return wordOf(fileOf(this.#options), H_CONTROL) === CONTROL_DETACH;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ENOENT';
    }
  }

  #detach(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    clearTimeout(this.#settling);
    this.#workers.stop();
    this.#unfollow();
    this.#counting.stop();
    releaseThread();
  }
}

function fileOf({ directory }: AttachmentOptions): string {
  return `${directory}/${process.pid}`;
}

function counterOf(session: number): string {
  return session === 0
    ? 'the program counts itself with the library taskperf'
    : `taskperf ${session} counts it already`;
}

/** A word of a region's header. Throws what the system says. */
function wordOf(file: string, index: number): number {
  const word = new Int32Array(1);
  const fd = fs.openSync(file, 'r');
  try {
    fs.readSync(fd, word, 0, word.byteLength, index * word.byteLength);
  } finally {
    fs.closeSync(fd);
  }
  return word[0]!;
}

/** The tool that the region was made for. */
function sessionOfFile(file: string): number | undefined {
  try {
    return wordOf(file, H_SESSION);
  } catch {
    return undefined;
  }
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
