/** Where a process that is attached to makes its region: a directory that its user may enter, and only that one. */
import fs from 'node:fs';
import { TaskperfError } from '../../core/errors.ts';
import { prepareDirectory, regionDirectory } from '../directory.ts';
import type { Target } from './target.ts';

/** @throws TaskperfError EACCES when it cannot be made or is not private. */
export function directoryFor({ uid, gid }: Target): string {
  if (uid === process.getuid?.()) {
    const directory = regionDirectory(process.env);
    prepareDirectory(directory);
    return directory;
  }
  // We are root: theirs, where taskperf of that user would have it by default.
  const directory = `/dev/shm/taskperf-${uid}`;
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
    fs.lchownSync(directory, uid, gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const found = fs.lstatSync(directory);
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0) return directory;
  throw new TaskperfError('EACCES', `${directory} is not private to user ${uid}; remove it`, directory);
}
