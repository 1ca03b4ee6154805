/**
 * The directory that holds the regions: private to the user, because whoever can write there could feed us numbers and
 * whoever can read there sees the routes of a server.
 *
 * It is opened once, without following a link, and what was opened is looked at. All that the tool does in it goes through
 * that descriptor (/proc/self/fd; Node has no openat), so whoever can rename it, because the directory above is open to
 * all, cannot make the tool read or remove anything elsewhere: the tool only misses what is written to the other one.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TaskperfError } from '../core/errors.ts';
import { printable } from './printable.ts';

/** Where this user's regions are: TASKPERF_DIR, else the runtime directory, else shared memory. */
export function regionDirectory(env: NodeJS.ProcessEnv): string {
  const own = env['TASKPERF_DIR'];
  if (own !== undefined && own !== '') return path.resolve(own);
  const runtime = env['XDG_RUNTIME_DIR'];
  if (runtime !== undefined && runtime !== '' && isWritable(runtime)) return path.join(runtime, 'taskperf');
  const shared = isWritable('/dev/shm') ? '/dev/shm' : tmpdir();
  return path.join(shared, `taskperf-${process.getuid?.() ?? 'user'}`);
}

/** Makes it with mode 0700. Throws TaskperfError EACCES like `PrivateDirectory.open`. */
export function prepareDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannot('make', directory, error);
  }
  PrivateDirectory.open(directory).close();
}

export class PrivateDirectory {
  /** Its name when it was opened: for messages. */
  readonly path: string;
  readonly #fd: number;
  /** How its entries are reached. */
  readonly #base: string;

  private constructor(directory: string, fd: number, base: string) {
    this.path = directory;
    this.#fd = fd;
    this.#base = base;
  }

  /** Throws TaskperfError EACCES when it is none, a link, another user's, or others can enter it. */
  static open(directory: string): PrivateDirectory {
    const fd = openDirectory(directory);
    const { uid, mode, ino } = fs.fstatSync(fd);
    const isMine = process.geteuid === undefined || uid === process.geteuid();
    if (!isMine || (mode & 0o077) !== 0) {
      fs.closeSync(fd);
      throw notPrivate(directory);
    }
    const base = `/proc/self/fd/${fd}`;
    const isReached = fs.statSync(base, { throwIfNoEntry: false })?.ino === ino;
    return new PrivateDirectory(directory, fd, isReached ? base : directory);
  }

  /** By which the entry is opened, renamed or removed; not to be shown. */
  at(name: string): string {
    return `${this.#base}/${name}`;
  }

  shown(name: string): string {
    return path.join(this.path, name);
  }

  /** None once it was removed under us. */
  names(): string[] {
    return listFiles(this.#base);
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}

function openDirectory(directory: string): number {
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = fs.constants;
  try {
    return fs.openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A link (ENOTDIR on Linux), or no directory at all; EACCES: another user's.
    if (code === 'ELOOP' || code === 'ENOTDIR' || code === 'EACCES') throw notPrivate(directory);
    throw cannot('use', directory, error);
  }
}

function notPrivate(directory: string): TaskperfError {
  const what = `${printable(directory)} is not private to you`;
  const message = `${what}; set TASKPERF_DIR to a directory of its own that only you may enter`;
  return new TaskperfError('EACCES', message, directory);
}

function cannot(what: string, directory: string, error: unknown): TaskperfError {
  const message = `cannot ${what} ${printable(directory)}: ${messageOf(error)}; set TASKPERF_DIR`;
  return new TaskperfError('EACCES', message, directory);
}

/** The pid a file of the directory speaks of: "4711", "4711.2" (a thread), "4711.42.error" (of session 42), ".taskperf-4711-…". */
export function pidOfFile(name: string): number | undefined {
  const match = /^(?:\.taskperf-)?([1-9]\d{0,9})(?:$|[.-])/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Is it a finished region (not one being made, nor an error message)? */
export function isRegionFile(name: string): boolean {
  return /^[1-9]\d{0,9}(?:\.\d{1,9})?$/.test(name);
}

/** The tool that is told by "4711.42.error" why there is no region; 0 for every other file. */
export function sessionOfError(name: string): number {
  return Number(/^[1-9]\d{0,9}\.([1-9]\d{0,9})\.error$/.exec(name)?.[1] ?? 0);
}

/** For who only looks; who opens or removes what is in it uses a PrivateDirectory. */
export function listFiles(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

/** A file of ours, or whatever is in its place: also a directory, which somebody must have planted. Never throws. */
export function removeFile(file: string): void {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // A directory of that name: it stays, and is refused wherever it is met.
  }
}

export function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false; // 0 and below would mean groups of processes
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}

function isWritable(directory: string): boolean {
  try {
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
