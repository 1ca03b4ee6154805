/** One tool at a time: a file beside the region names the tool that is attached to the process. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { TaskperfError } from '../../core/errors.ts';
import { runsStill, startTicksOf } from '../../node/identity.ts';

const LOCK_SUFFIX = '.attach';

export function isLockFile(name: string): boolean {
  return name.endsWith(LOCK_SUFFIX);
}

export function lockFileOf(directory: string, pid: number): string {
  return `${directory}/${pid}${LOCK_SUFFIX}`;
}

/** By a tool that runs. */
export function isLocked(file: string): boolean {
  return isHeld(read(file));
}

export interface Lock {
  readonly file: string;
  /** What the file says: pid and start of the tool, and a word that nobody knows beforehand. */
  readonly token: string;
}

/**
 * Complete when it appears (a link to a file of our own): another tool that reads it half written would take it for
 * nobody's. @throws TaskperfError EINVAL when another tool that runs has it.
 */
export function takeLock(directory: string, pid: number): Lock {
  const file = lockFileOf(directory, pid);
  const own = `${directory}/${process.pid}.${randomBytes(6).toString('hex')}`;
  const token = `${process.pid} ${startTicksOf(process.pid)} ${randomBytes(16).toString('hex')}`;
  fs.writeFileSync(own, token, { flag: 'wx', mode: 0o600 });
  try {
    while (!isLinked(own, file)) {
      const text = read(file);
      if (isHeld(text)) {
        const tool = text.split(' ', 1)[0]!;
        const message = `cannot attach to process ${pid}: taskperf ${tool} is attached to it already; end that first`;
        throw new TaskperfError('EINVAL', message, pid);
      }
      removeStaleLock(file);
    }
  } finally {
    fs.rmSync(own, { force: true });
  }
  return { file, token };
}

export function dropLock({ file, token }: Lock): void {
  if (read(file) === token) fs.rmSync(file, { force: true });
}

/** Of a tool that was killed. Two may find it at once: it is taken out of the way first, and put back if it is another's. */
export function removeStaleLock(file: string): void {
  if (isHeld(read(file))) return;
  const taken = path.join(path.dirname(file), `${process.pid}.${randomBytes(6).toString('hex')}`);
  try {
    fs.renameSync(file, taken);
    if (isHeld(read(taken))) isLinked(taken, file);
    fs.rmSync(taken, { force: true });
  } catch {
    // Another tool was faster.
  }
}

/** false: there is one of that name. */
function isLinked(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** By a tool that runs. */
function isHeld(text: string): boolean {
  const [tool, start] = text.split(' ').map(Number);
  return tool !== undefined && tool > 0 && runsStill(tool, start ?? 0);
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
