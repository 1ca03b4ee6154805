/**
 * Where a process that is attached to makes its region: the directory of its user. Root becomes that user, for good: what
 * that user may not do must not be done, and what is found in a directory of theirs is not for root to trust.
 */
import { prepareDirectory, regionDirectory } from '../directory.ts';
import type { Target } from './target.ts';

/** @throws TaskperfError EACCES when it cannot be made or is not private. */
export function directoryFor({ uid, gid }: Target): string {
  // What the environment names is root's.
  const env = uid === process.geteuid?.() ? process.env : {};
  if (env !== process.env) {
    process.setgroups!([gid]);
    process.setgid!(gid);
    process.setuid!(uid);
  }
  const directory = regionDirectory(env);
  prepareDirectory(directory);
  return directory;
}
