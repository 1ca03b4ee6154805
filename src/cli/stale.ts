/**
 * Which files of the directory are nobody's any more, and their removal. A region is kept while its process or its tool
 * runs; both are told by pid, start and pid namespace (src/node/identity.ts), so that a pid used again keeps nothing.
 *
 * Other tools run beside us. A file is therefore first taken out of the way (renamed to a name of ours), then looked at,
 * and put back if it is not what was judged: a process that makes a region in this very moment does not lose it.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { HEADER_BYTES, H_MAGIC, H_PID, H_SESSION, H_VERSION, LAYOUT_VERSION, MAGIC } from '../core/layout.ts';
import {
  H_ATTACHED,
  H_F64_NAMESPACE,
  H_F64_PROCESS_START,
  H_F64_SESSION_NAMESPACE,
  H_F64_SESSION_START,
} from '../core/outside.ts';
import { ownIdentity, runsStill } from '../node/identity.ts';
import type { Identity } from '../node/identity.ts';
import { isLockFile, removeStaleLock } from './attach/lock.ts';
import {
  PrivateDirectory,
  isAlive,
  isRegionFile,
  pidOfFile,
  removeFile,
  sessionOfError,
} from './directory.ts';
import { wordsOf } from './reader.ts';
import type { Words } from './reader.ts';
import { openFile } from './source.ts';

/** From here on a header is all of this version. */
const FIRST_IDENTITY_F64 = H_F64_PROCESS_START;

/** Who made a region, and for whom. */
export interface Owners {
  readonly process: Identity;
  readonly session: Identity;
}

/** Removes what programs and tools left that no longer run. A tool that still runs removes its own. */
export function removeStale(path: string): void {
  const directory = PrivateDirectory.open(path);
  for (const name of directory.names()) {
    const pid = pidOfFile(name);
    if (pid === undefined) continue;
    if (isRegionFile(name)) removeIfStale(directory, name, pid);
    else if (isLockFile(name)) removeStaleLock(directory.at(name));
    // Half made (a random name that no other process takes) or why nothing was made: that its tool still wants to read.
    else if (!isAlive(pid) && !isAlive(sessionOfError(name))) removeFile(directory.at(name));
  }
  directory.close();
}

/** Does this very process run? Of one whose start is not known the pid alone decides. */
export function isRunning({ pid, startTicks, namespace }: Identity): boolean {
  if (pid <= 0) return false;
  const own = ownNamespace();
  // In another namespace the number means another process: from here nobody can tell, so it is left alone.
  if (namespace !== 0 && own !== 0 && namespace !== own) return true;
  if (!isAlive(pid)) return false;
  return startTicks === 0 || runsStill(pid, startTicks);
}

export function ownersOf({ i32, f64 }: Words): Owners {
  // A damaged number is an unknown one.
  const known = (value: number): number => (Number.isSafeInteger(value) && value > 0 ? value : 0);
  return {
    process: {
      pid: i32[H_PID]!,
      startTicks: known(f64[H_F64_PROCESS_START]!),
      namespace: known(f64[H_F64_NAMESPACE]!),
    },
    session: {
      pid: i32[H_SESSION]!,
      startTicks: known(f64[H_F64_SESSION_START]!),
      namespace: known(f64[H_F64_SESSION_NAMESPACE]!),
    },
  };
}

/** Undefined when the file is gone, no region, or not to be trusted. Another version's region has pids only. */
export function ownersOfFile(file: string): Owners | undefined {
  const header = headerOfFile(file);
  return header && ownersOf(header);
}

/** Is it the region of a process that has loaded taskperf for this tool, and counts? */
export function countsFor(file: string, tool: number): boolean {
  const header = headerOfFile(file);
  return header !== undefined && ownersOf(header).session.pid === tool && header.i32[H_ATTACHED] === 1;
}

function headerOfFile(file: string): Words | undefined {
  const header = wordsOf(HEADER_BYTES);
  try {
    const source = openFile(file, 'private');
    try {
      if (source.read(header.u8, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
    } finally {
      source.close();
    }
  } catch {
    return undefined;
  }
  if (header.i32[H_MAGIC] !== MAGIC) return undefined;
  if (header.i32[H_VERSION] !== LAYOUT_VERSION) header.f64.fill(0, FIRST_IDENTITY_F64);
  return header;
}

function removeIfStale(directory: PrivateDirectory, name: string, pid: number): void {
  const file = directory.at(name);
  if (!isStale(file, pid)) return;
  const taken = directory.at(`${process.pid}.${randomBytes(6).toString('hex')}`);
  try {
    fs.renameSync(file, taken);
  } catch {
    return; // another tool was faster
  }
  if (isStale(taken, pid)) removeFile(taken);
  else putBack(taken, file);
}

/** What is no region that can be read is stale with the process it is named after: its content tells nothing. */
function isStale(file: string, pid: number): boolean {
  const owners = ownersOfFile(file);
  if (owners === undefined) return !isAlive(pid);
  const { process: program, session } = owners;
  return program.pid !== pid ? !isAlive(pid) : !isRunning(program) && !isRunning(session);
}

/** Unless there is one again by now. */
function putBack(taken: string, file: string): void {
  try {
    if (fs.existsSync(file)) removeFile(taken);
    else fs.renameSync(taken, file);
  } catch {
    // Its owner or the directory is gone: nobody misses it.
  }
}

let namespace: number | undefined;

function ownNamespace(): number {
  return (namespace ??= ownIdentity().namespace);
}
