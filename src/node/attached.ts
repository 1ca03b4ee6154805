/**
 * What `-p PID` loads into each thread of a process that was started without taskperf: counting from now on, until the
 * tool writes its word into the region or is gone. Then everything of ours is taken out again; the modules that were
 * loaded, and the addon, stay in memory and do nothing.
 */
import fs from 'node:fs';
import { isMainThread, resourceLimits } from 'node:worker_threads';
import { CONTROL_DETACH, H_ATTACHED, H_CONTROL } from '../core/index.ts';
import { isAttached, releaseThread } from './attach.ts';
import type { AttachAnswer } from './attach-expression.ts';
import { WorkerWatch } from './attached-workers.ts';
import { startCounting } from './counting.ts';
import type { Counting, CountingOptions } from './counting.ts';

export interface AttachmentOptions extends CountingOptions {
  readonly directory: string;
  /** Start of the tool in clock ticks after boot: its pid may come back as another's. */
  readonly sessionStart: number;
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

  constructor(options: AttachmentOptions) {
    this.#options = options;
    this.#counting = startCounting(options);
    const { words } = this.#counting.thread;
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
    const isAsked = Atomics.load(words, H_CONTROL) === CONTROL_DETACH;
    if (isAsked) this.#detach();
    else if (isMainThread && startOf(this.#options.session) !== this.#options.sessionStart) {
      Atomics.store(words, H_CONTROL, CONTROL_DETACH); // the workers follow
      this.#detach();
      // Nobody else will.
      for (const file of [fileOf(this.#options), this.#options.lock]) fs.rmSync(file, { force: true });
    }
  }

  #detach(): void {
    clearInterval(this.#timer);
    this.#workers.stop();
    this.#counting.stop();
    releaseThread();
  }
}

function fileOf({ directory }: AttachmentOptions): string {
  return `${directory}/${process.pid}`;
}

/** When a process was started, in clock ticks after boot; −1: there is none. */
function startOf(pid: number): number {
  // After the name, which may hold spaces and brackets: state is field 3.
  return Number(textOf(`/proc/${pid}/stat`)?.split(') ').at(-1)!.split(' ')[19] ?? -1);
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
