/** One tool at a time: a file beside the region names the tool that is attached to the process. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { TaskperfError } from '../../core/errors.ts';
import { startTicksOf } from '../../node/identity.ts';

export interface Lock {
  readonly file: string;
  /** What the file says: pid and start of the tool, and a word that nobody knows beforehand. */
  readonly token: string;
}

/** @throws TaskperfError EINVAL when another tool that runs has it. */
export function takeLock(directory: string, pid: number): Lock {
  const file = `${directory}/${pid}.attach`;
  const token = `${process.pid} ${startTicksOf(process.pid)} ${randomBytes(16).toString('hex')}`;
  for (;;) {
    try {
      const fd = fs.openSync(file, 'wx', 0o600);
      fs.writeSync(fd, token);
      fs.closeSync(fd);
      return { file, token };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const [tool, start] = read(file).split(' ').map(Number);
    if (tool !== undefined && tool > 0 && startTicksOf(tool) === start) {
      const message = `cannot attach to process ${pid}: taskperf ${tool} is attached to it already; end that first`;
      throw new TaskperfError('EINVAL', message, pid);
    }
    fs.rmSync(file, { force: true }); // of a tool that was killed
  }
}

export function dropLock({ file, token }: Lock): void {
  if (read(file) === token) fs.rmSync(file, { force: true });
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
