/**
 * The directory that holds the regions: private to the user, because whoever can write there could feed us numbers and
 * whoever can read there sees the routes of a server.
 *
 * It is looked at once and then used by its name. Nobody can put another in its place in between: it is ours, so where the
 * directories above it are not open to all, or keep their entries to the owners (the sticky bit of /tmp and /dev/shm),
 * only we and root can rename it. Where they are open it is refused.
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

/**
 * Makes it with mode 0700. Throws TaskperfError EACCES when it is a link, belongs to someone else, others can enter it, or
 * others can put another directory in its place.
 */
export function prepareDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw refuse(directory, `cannot make ${printable(directory)}: ${messageOf(error)}; set TASKPERF_DIR`);
  }
  checkDirectory(directory);
}

/** The same for one that is there. @throws TaskperfError EACCES. */
export function checkDirectory(directory: string): void {
  const shown = printable(directory);
  let open: string | undefined;
  try {
    const found = fs.lstatSync(directory);
    const isMine = process.geteuid === undefined || found.uid === process.geteuid();
    if (!found.isDirectory() || !isMine || (found.mode & 0o077) !== 0) {
      const message = `${shown} is not private to you; set TASKPERF_DIR to a directory of its own that only you may enter`;
      throw refuse(directory, message);
    }
    open = openAncestor(fs.realpathSync(directory));
  } catch (error) {
    if (error instanceof TaskperfError) throw error;
    throw refuse(directory, `cannot use ${shown}: ${messageOf(error)}; set TASKPERF_DIR`);
  }
  if (open === undefined) return;
  const message = `${shown} could be replaced by any user, since ${printable(open)} is open to all; set TASKPERF_DIR to a directory elsewhere, or set the sticky bit (chmod +t)`;
  throw refuse(directory, message);
}

/** The first directory above in which every user may rename what is not theirs. */
function openAncestor(directory: string): string | undefined {
  for (let at = path.dirname(directory); ; at = path.dirname(at)) {
    const { mode } = fs.statSync(at);
    if ((mode & 0o1002) === 0o0002) return at;
    if (at === path.dirname(at)) return undefined;
  }
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

export function listFiles(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return []; // removed under us: nothing to read
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

function refuse(directory: string, message: string): TaskperfError {
  return new TaskperfError('EACCES', message, directory);
}

function isWritable(directory: string): boolean {
  try {
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
