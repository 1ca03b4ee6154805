/**
 * The region of this process: a mapped file that the tool reads while we write, or, without the addon, plain memory
 * whose used parts are copied to that file now and then.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { isMainThread, threadId } from 'node:worker_threads';
import {
  CPU_CLOCK,
  DEFAULT_CAPACITIES,
  H_BYTE_MESSAGE,
  H_BYTE_MESSAGE_SIZE,
  HEADER_BYTES,
  H_ESTIMATED,
  H_MAGIC,
  H_F64_NAMESPACE,
  H_F64_PROCESS_START,
  H_F64_SESSION_NAMESPACE,
  H_F64_SESSION_START,
  H_OFF,
  H_REASON,
  H_STATE,
  MAGIC,
  PROCESS_EXITED,
  PROCESS_RUNNING,
  REASON_NO_ADDON,
  REASON_NO_CLOCK,
  Region,
  TASK_CLOCK,
  TaskperfError,
  assert,
  describeProcess,
  layoutOf,
  ownerIn,
  threadF64,
} from '../core/index.ts';
import type { Capacities, Owner } from '../core/index.ts';
import type { Addon } from './addon.ts';
import { Flusher } from './flusher.ts';
import { decodeIdentity, ownIdentity } from './identity.ts';
import { monotonicNs } from './js-clock-pmu.ts';
import { scriptOfProcess } from './script.ts';

export interface RegionOptions {
  readonly addon: Addon | null;
  /** Where the file goes (a directory of mode 0700); null: nobody outside will look. */
  readonly directory: string | null;
  /** Pid of the tool that asked, 0 if none. */
  readonly session: number;
  /** Without a directory: shares nothing with other threads. */
  readonly isAlone?: boolean;
  /** The task that started this process. */
  readonly owner?: Owner | null;
  /** What else tells which process the tool is (identity.ts); default: TASKPERF_SESSION_START. */
  readonly sessionStart?: string;
}

const { EAGAIN } = constants.errno;

/** A region that nobody outside looks at: one for all threads of the process, so that they can count for each other. */
const SHARED_CAPACITIES: Capacities = { ...DEFAULT_CAPACITIES, ring: 1024 };
/** The same for a thread that finds no room there. */
const PRIVATE_CAPACITIES: Capacities = { ...SHARED_CAPACITIES, threads: 1 };

/** Without the addon every page of the region is ordinary memory of the program: keep it small. */
const SMALL_CAPACITIES: Capacities = {
  ...DEFAULT_CAPACITIES,
  threads: 1,
  tasks: 8192,
  contexts: 8192,
  counters: 65_536,
  ring: 8192,
};

export class ProcessRegion {
  readonly region: Region;
  readonly addon: Addon | null;
  readonly #flusher: Flusher | null;
  readonly #file: string | null;
  readonly #title: string = process.title;

  constructor(options: RegionOptions) {
    const { addon, directory } = options;
    this.addon = addon;
    if (directory !== null) checkPrivate(directory);
    if (addon === null) {
      this.#file = null;
      this.region = format(new ArrayBuffer(layoutOf(SMALL_CAPACITIES).bytes), SMALL_CAPACITIES, options);
      this.region.i32[H_REASON] = REASON_NO_ADDON;
      this.noteEstimated();
      this.#flusher = directory === null ? null : new Flusher(this.region, ownFile(directory));
      return;
    }
    this.#flusher = null;
    this.#file = directory === null ? null : `${directory}/${process.pid}`;
    this.region = this.#file === null ? createOwn(addon, options) : openOrCreate(addon, this.#file, options);
  }

  /** Starts the calling thread's clock on its slot, and claims room for its ring. */
  openThread(thread: number): void {
    const { addon, region } = this;
    const { layout } = region;
    assert(addon !== null, 'threads are opened by the addon');
    if (this.#file !== null && thread > 0) {
      reserve(addon, this.#file, {
        offset: layout.ringsAt + thread * layout.ringBytes,
        bytes: layout.ringBytes,
      });
    }
    const errno = addon.open(region.buffer, threadF64(layout, thread) * 8);
    if (errno === 0) return;
    region.i32[H_REASON] = REASON_NO_CLOCK;
    this.noteEstimated();
  }

  /** A tool may ask for the JavaScript stack of a blocked thread: from now on, or from its first request on. */
  watchStacks(now: boolean): void {
    if (this.#file !== null && isMainThread) this.addon?.stacks(this.#file, now);
  }

  noteEstimated(): void {
    Atomics.or(this.region.i32, H_ESTIMATED, (1 << TASK_CLOCK) | (1 << CPU_CLOCK));
  }

  noteOff(message: string): void {
    const { u8, i32 } = this.region;
    const text = new TextEncoder().encode(message).subarray(0, H_BYTE_MESSAGE_SIZE - 1);
    u8.set(text, H_BYTE_MESSAGE);
    u8[H_BYTE_MESSAGE + text.length] = 0;
    Atomics.store(i32, H_OFF, 1);
    this.#flusher?.flush();
  }

  /** The program may have named itself: those who look from outside see that only if they look in time. */
  #noteTitle(): void {
    const title = `${process.title}`;
    if (title !== this.#title) describeProcess(this.region, title, ownerIn(this.region));
  }

  noteExit(): void {
    if (isMainThread) this.#noteTitle();
    if (isMainThread || this.addon === null) Atomics.store(this.region.i32, H_STATE, PROCESS_EXITED);
    this.#flusher?.stop();
  }
}

function format(buffer: ArrayBufferLike, capacities: Capacities, options: RegionOptions): Region {
  const region = Region.format(buffer, capacities, {
    pid: process.pid,
    session: options.session,
    nodeVersion: process.version,
    startEpochMs: Date.now(),
    startMono: monotonicNs(),
  });
  if (options.directory !== null) {
    identify(region, options);
    describeProcess(region, scriptOfProcess(), options.owner ?? null);
  }
  return region;
}

/** So that the file is known to be nobody's once both are gone, whoever has their pids then. */
function identify({ f64 }: Region, { session, sessionStart }: RegionOptions): void {
  const own = ownIdentity();
  const tool = decodeIdentity(session, sessionStart ?? process.env['TASKPERF_SESSION_START']);
  f64[H_F64_PROCESS_START] = own.startTicks;
  f64[H_F64_NAMESPACE] = own.namespace;
  f64[H_F64_SESSION_START] = tool.startTicks;
  f64[H_F64_SESSION_NAMESPACE] = tool.namespace;
}

/** Made by others: another user's, or one that others can enter. The process that asked has looked; so do we. */
function checkPrivate(directory: string): void {
  const { uid, mode } = fs.lstatSync(directory);
  const isMine = process.geteuid === undefined || uid === process.geteuid();
  if (isMine && (mode & (fs.constants.S_IFMT | 0o077)) === fs.constants.S_IFDIR) return;
  throw new TaskperfError('EACCES', `${directory} is not private to this user; set TASKPERF_DIR`, directory);
}

/** Without the addon threads share no memory: each has a file of its own. */
function ownFile(directory: string): string {
  return isMainThread ? `${directory}/${process.pid}` : `${directory}/${process.pid}.${threadId}`;
}

function openOrCreate(addon: Addon, file: string, options: RegionOptions): Region {
  return (isMainThread ? null : openExisting(addon, file)) ?? createMapped(addon, file, options);
}

/** The main thread's region; null when it has none (then this thread makes its own). */
function openExisting(addon: Addon, file: string): Region | null {
  let bytes: number;
  try {
    bytes = fs.statSync(file).size;
  } catch {
    return null;
  }
  return Region.open(mapped(addon, file, bytes, false));
}

function createOwn(addon: Addon, options: RegionOptions): Region {
  const buffer = options.isAlone === true ? EAGAIN : addon.share(layoutOf(SHARED_CAPACITIES).bytes);
  if (typeof buffer === 'number') return createPrivate(addon, options);
  const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
  if (Atomics.compareExchange(header, H_STATE, 0, PROCESS_RUNNING) === 0)
    return format(buffer, SHARED_CAPACITIES, options);
  // Another thread is about to make it: no reason to wait for that.
  return Atomics.load(header, H_MAGIC) === MAGIC ? Region.open(buffer) : createPrivate(addon, options);
}

function createPrivate(addon: Addon, options: RegionOptions): Region {
  const buffer = mapped(addon, '', layoutOf(PRIVATE_CAPACITIES).bytes, true);
  return format(buffer, PRIVATE_CAPACITIES, options);
}

function createMapped(addon: Addon, file: string, options: RegionOptions): Region {
  const layout = layoutOf(DEFAULT_CAPACITIES);
  // Made under another name and renamed when complete: a reader never sees half a region.
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  const buffer = mapped(addon, temporary, layout.bytes, true);
  try {
    reserve(addon, temporary, { offset: 0, bytes: layout.ringsAt + layout.ringBytes });
    const region = format(buffer, DEFAULT_CAPACITIES, options);
    fs.renameSync(temporary, file);
    return region;
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
}

function mapped(addon: Addon, file: string, bytes: number, create: boolean): ArrayBuffer {
  const buffer = addon.map(file, bytes, create);
  if (typeof buffer === 'number') {
    throw new TaskperfError(
      'EACCES',
      `cannot map ${file}: ${getSystemErrorName(-buffer)}; set TASKPERF_DIR to a directory you may write`,
      file,
    );
  }
  return buffer;
}

/** A touched page that the file system has no room for would kill the program (SIGBUS): claim the room first. */
function reserve(addon: Addon, file: string, part: { offset: number; bytes: number }): void {
  const errno = addon.reserve(file, part.offset, part.bytes);
  if (errno === 0) return;
  throw new TaskperfError(
    'ENOSPC',
    `no room for ${part.bytes} bytes at ${file}: ${getSystemErrorName(-errno)}; ` +
      'set TASKPERF_DIR to a directory on another file system',
    file,
  );
}
