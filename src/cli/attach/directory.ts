/**
 * Where a process that is attached to makes its region: the directory of its user. Root becomes that user, for good: what
 * that user may not do must not be done, and what is found in a directory of theirs is not for root to trust.
 */
import { prepareDirectory, regionDirectory } from '../directory.ts';
import type { Target } from './target.ts';

export interface Place {
  readonly directory: string;
  /** For what runs as that user: what root's environment holds is not for them, and they can read it. */
  readonly env: NodeJS.ProcessEnv;
}

/** By which a command finds programs and a terminal. */
const HANDED_ON = ['PATH', 'TERM', 'LANG', 'LC_ALL', 'TZ'];

/** @throws TaskperfError EACCES when it cannot be made or is not private. */
export function placeFor({ uid, gid }: Target): Place {
  const isOwn = uid === process.geteuid?.();
  const kept = HANDED_ON.flatMap((name) =>
    process.env[name] === undefined ? [] : [[name, process.env[name]]],
  );
  const env = isOwn ? process.env : (Object.fromEntries(kept) as NodeJS.ProcessEnv);
  if (!isOwn) {
    process.setgroups!([gid]);
    process.setgid!(gid);
    process.setuid!(uid);
  }
  const directory = regionDirectory(env);
  prepareDirectory(directory);
  return { directory, env };
}
