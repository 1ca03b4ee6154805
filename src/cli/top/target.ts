/**
 * What can be watched: the regions of the user's processes, as they are found. A target is asked again at every look,
 * because workers of a cluster come and go.
 */
import fs from 'node:fs';
import path from 'node:path';
import { TaskperfError } from '../../core/errors.ts';
import { isRegionFile, listFiles, pidOfFile, prepareDirectory, regionDirectory } from '../directory.ts';
import { isRunning, ownersOfFile } from '../stale.ts';
import { commandOf } from './command.ts';

export interface Target {
  /** What it is, for a title and a list to choose from. */
  readonly title: string;
  readonly pids: readonly number[];
  /** The regions that belong to it now. */
  files(): string[];
}

interface Found {
  readonly file: string;
  readonly pid: number;
  readonly session: number;
}

/** One per session of `taskperf stat`, and one per process that counts itself. Throws TaskperfError EACCES. */
export function offered(env: NodeJS.ProcessEnv): Target[] {
  const directory = directoryOf(env);
  const found = running(directory);
  const sessions = new Set(found.map(({ session }) => session).filter((session) => session !== 0));
  const targets = [
    ...[...sessions].map((session) => ofSession(directory, session, found)),
    ...found.filter(({ session }) => session === 0).map(ofProcess),
  ];
  return targets.sort((a, b) => a.pids[0]! - b.pids[0]!);
}

/**
 * The process `pid`; for the pid of a `taskperf stat` all of its processes. Undefined: it does not run under taskperf.
 * @throws TaskperfError ESRCH (no such process), EACCES (another user's).
 */
export function openTarget(pid: number, env: NodeJS.ProcessEnv): Target | undefined {
  requireProcess(pid);
  const directory = directoryOf(env);
  const all = running(directory);
  const own = all.find((one) => one.pid === pid);
  if (own !== undefined) return ofProcess(own);
  const file = mappedRegion(pid);
  if (file !== undefined) return ofProcess({ file, pid });
  return all.some((one) => one.session === pid) ? ofSession(directory, pid, all) : undefined;
}

export function ofProcess({ file, pid }: Pick<Found, 'file' | 'pid'>): Target {
  return { title: commandOf(pid), pids: [pid], files: () => [file] };
}

function ofSession(directory: string, session: number, found: readonly Found[]): Target {
  const pids = found.flatMap((one) => (one.session === session ? [one.pid] : [])).sort((a, b) => a - b);
  return {
    title: commandOf(pids[0]!),
    pids,
    files: () => running(directory).flatMap((one) => (one.session === session ? [one.file] : [])),
  };
}

function directoryOf(env: NodeJS.ProcessEnv): string {
  const directory = regionDirectory(env);
  // Not made by us: where there is none, nothing runs under taskperf.
  if (fs.existsSync(directory)) prepareDirectory(directory);
  return directory;
}

/** Regions of processes that run; what others left behind is not ours to remove. */
function running(directory: string): Found[] {
  return listFiles(directory).flatMap((name) => {
    const file = path.join(directory, name);
    const pid = pidOfFile(name);
    if (pid === undefined || !isRegionFile(name)) return [];
    const owners = ownersOfFile(file);
    if (owners === undefined || !isRunning(owners.process)) return [];
    return [{ file, pid, session: owners.session.pid }];
  });
}

function requireProcess(pid: number): void {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') {
      const message = `process ${pid} belongs to another user; run taskperf as that user`;
      throw new TaskperfError('EACCES', message, pid);
    }
    const message = `there is no process ${pid}; \`taskperf top\` without -p lists what runs under taskperf`;
    throw new TaskperfError('ESRCH', message, pid);
  }
}

/** The region that the process has mapped, wherever it lies: its program may have named a directory of its own. */
function mappedRegion(pid: number): string | undefined {
  let maps: string;
  try {
    maps = fs.readFileSync(`/proc/${pid}/maps`, 'utf8');
  } catch {
    return undefined;
  }
  for (const line of maps.split('\n')) {
    const file = line.slice(line.indexOf('/'));
    const isNamed = line.includes('/') && pidOfFile(path.basename(file)) === pid;
    if (isNamed && ownersOfFile(file) !== undefined) return file;
  }
  return undefined;
}
