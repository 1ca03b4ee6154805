/**
 * The directory that holds the regions: private to the user, because whoever can write there could feed us numbers and
 * whoever can read there sees the routes of a server.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { H_MAGIC, HEADER_BYTES, H_SESSION, MAGIC } from '../core/layout.ts';
import { TaskperfError } from '../core/errors.ts';
import { wordsOf } from './reader.ts';

/** Where this user's regions are: TASKPERF_DIR, else the runtime directory, else shared memory. */
export function regionDirectory(env: NodeJS.ProcessEnv): string {
  const own = env['TASKPERF_DIR'];
  if (own !== undefined && own !== '') return path.resolve(own);
  const runtime = env['XDG_RUNTIME_DIR'];
  if (runtime !== undefined && runtime !== '' && isWritable(runtime)) return path.join(runtime, 'taskperf');
  const shared = isWritable('/dev/shm') ? '/dev/shm' : tmpdir();
  return path.join(shared, `taskperf-${process.getuid?.() ?? 'user'}`);
}

/** Makes it with mode 0700. Throws TaskperfError EACCES when it belongs to someone else or others can enter it. */
export function prepareDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { uid, mode } = fs.lstatSync(directory);
    const mine = process.getuid === undefined || uid === process.getuid();
    if (mine && (mode & 0o077) === 0) return;
  } catch (error) {
    throw new TaskperfError(
      'EACCES',
      `cannot make ${directory}: ${messageOf(error)}; set TASKPERF_DIR`,
      directory,
    );
  }
  const message = `${directory} is not private to you; set TASKPERF_DIR to a directory of its own that only you may enter`;
  throw new TaskperfError('EACCES', message, directory);
}

/** The pid a file of the directory speaks of: "4711", "4711.2" (a thread), "4711.error", ".taskperf-4711-…". */
export function pidOfFile(name: string): number | undefined {
  const match = /^(?:\.taskperf-)?([1-9]\d{0,9})(?:$|[.-])/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/** Is it a finished region (not one being made, nor an error message)? */
export function isRegionFile(name: string): boolean {
  return /^[1-9]\d*(?:\.\d+)?$/.test(name);
}

/** Removes what a tool or program left that neither runs any more. A tool that still runs removes its own. */
export function removeStale(directory: string): void {
  for (const name of listFiles(directory)) {
    const pid = pidOfFile(name);
    if (pid === undefined || isAlive(pid)) continue;
    const session = isRegionFile(name) ? sessionOf(path.join(directory, name)) : 0;
    if (session !== undefined && session > 0 && isAlive(session)) continue;
    fs.rmSync(path.join(directory, name), { force: true });
  }
}

export function listFiles(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return []; // removed under us: nothing to read
  }
}

/** The tool a region was made for; undefined when the file is too short or gone, or no region. */
export function sessionOf(file: string): number | undefined {
  let fd: number;
  try {
    fd = fs.openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const header = wordsOf(HEADER_BYTES);
    const read = fs.readSync(fd, header.u8, 0, HEADER_BYTES, 0);
    return read >= 16 && header.i32[H_MAGIC] === MAGIC ? header.i32[H_SESSION] : undefined;
  } finally {
    fs.closeSync(fd);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isWritable(directory: string): boolean {
  try {
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
