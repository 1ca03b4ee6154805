/**
 * What `-p PID` loads into each thread of a process that was started without taskperf: counting from now on, until the
 * tool writes its word into the region or is gone. Then everything of ours is taken out again; the modules that were
 * loaded, and the addon, stay in memory and do nothing.
 */
import fs from 'node:fs';
import { isMainThread, resourceLimits } from 'node:worker_threads';
import { CONTROL_DETACH, H_ATTACHED, H_BLOCKED_MS, H_CONTROL } from '../core/index.ts';
import { loadAddon } from './addon.ts';
import { isAttached, releaseThread } from './attach.ts';
import type { AttachAnswer } from './attach-expression.ts';
import { WorkerWatch } from './attached-workers.ts';
import { startCounting } from './counting.ts';
import type { Counting, CountingOptions } from './counting.ts';
import { decodeIdentity, startTicksOf } from './identity.ts';
import type { Identity } from './identity.ts';
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
/** A worker held to less has no room for us. */
const HEAP_MB_MIN = 64;

/** Never throws. */
export function attach(options: AttachmentOptions): AttachAnswer {
  if (textOf(options.lock) !== options.token) return { error: 'too late' };
  if (isAttached()) return { error: 'the program counts itself with the library taskperf' };
  if ((resourceLimits.maxOldGenerationSizeMb ?? HEAP_MB_MIN) < HEAP_MB_MIN && !isMainThread)
    return { error: `a worker with a heap of less than ${HEAP_MB_MIN} MB` };
  try {
    new Attachment(options);
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
  readonly #tool: Identity;
  readonly #unfollow: () => void;
  readonly #isMapped = loadAddon() !== null;

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.#tool = decodeIdentity(options.session, options.sessionStart);
    // What we do now is not the program's blockage. (The words are the whole process's: a worker finds them set.)
    this.#counting = startCounting({ ...options, blockedMs: isMainThread ? 0 : options.blockedMs });
    const { words } = this.#counting.thread;
    setImmediate(() => (words[H_BLOCKED_MS] = options.blockedMs));
    this.#unfollow = followFastify();
    if (isMainThread) Atomics.store(words, H_ATTACHED, 1);
    this.#workers = new WorkerWatch(options);
    this.#timer = setInterval(() => {
      try {
        this.#look();
      } catch (error) {
        clearInterval(this.#timer);
        this.#counting.thread.switchOff(error);
      }
    }, LOOK_MS);
    this.#timer.unref(); // never keeps the program alive
  }

  #look(): void {
    const { words } = this.#counting.thread;
    if (this.#isAsked()) this.#detach();
    else if (isMainThread && startTicksOf(this.#tool.pid) !== this.#tool.startTicks) {
      Atomics.store(words, H_CONTROL, CONTROL_DETACH); // the workers follow
      this.#detach();
      // Nobody else will.
      for (const file of [fileOf(this.#options), this.#options.lock]) fs.rmSync(file, { force: true });
    }
  }

  /** Without the addon nobody can write into our memory: then it is the main thread's file that says it, or its absence. */
  #isAsked(): boolean {
    if (this.#isMapped) return Atomics.load(this.#counting.thread.words, H_CONTROL) === CONTROL_DETACH;
    const word = new Int32Array(1);
    try {
      const fd = fs.openSync(fileOf(this.#options), 'r');
      fs.readSync(fd, word, 0, 4, H_CONTROL * 4);
      fs.closeSync(fd);
    } catch {
      return true;
    }
    return word[0] === CONTROL_DETACH;
  }

  #detach(): void {
    clearInterval(this.#timer);
    this.#workers.stop();
    this.#unfollow();
    this.#counting.stop();
    releaseThread();
  }
}

function fileOf({ directory }: AttachmentOptions): string {
  return `${directory}/${process.pid}`;
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
