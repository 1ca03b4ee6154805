/**
 * The machine as the doctor sees it: files of /proc and /sys, the environment, and what the probe found by trying. Tests
 * hand in a fabricated tree and a probe of their own.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { layoutOf, DEFAULT_CAPACITIES } from '../../core/layout.ts';
import { messageOf, prepareDirectory, regionDirectory } from '../directory.ts';
import type { Probe } from './probe.ts';

/** The directory of the counts. */
export interface DirectoryFacts {
  readonly path: string;
  /** Why `stat` cannot use it; null when it can. */
  readonly refused: string | null;
  readonly freeBytes: number;
  /** What one process claims there, and each of its worker threads. */
  readonly processBytes: number;
  readonly workerBytes: number;
}

export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** Of the Node that runs this. */
  readonly node: string;
  readonly execPath: string;
  readonly env: NodeJS.ProcessEnv;
  readonly directory: DirectoryFacts;
  /** What trying told, or how the probe ended instead ("killed by SIGSYS"). */
  readonly probe: Probe | string;
  /** Text of a file without the final newline; undefined where there is none that can be read. */
  read(file: string): string | undefined;
  /** Names in a folder; empty where there is none that can be read. */
  list(folder: string): readonly string[];
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    node: process.version,
    execPath: process.execPath,
    env: process.env,
    directory: directoryFacts(regionDirectory(process.env)),
    probe: runProbe(),
    ...treeAt('/'),
  };
}

/** Files below a root other than `/`, for tests. */
export function treeAt(root: string): Pick<Machine, 'read' | 'list'> {
  return {
    read: (file) => {
      try {
        return fs.readFileSync(path.join(root, file), 'utf8').replace(/\n$/, '');
      } catch {
        return undefined;
      }
    },
    list: (folder) => {
      try {
        return fs.readdirSync(path.join(root, folder)).sort();
      } catch {
        return [];
      }
    },
  };
}

export function directoryFacts(directory: string): DirectoryFacts {
  const layout = layoutOf(DEFAULT_CAPACITIES);
  const claims = { processBytes: layout.ringsAt + layout.ringBytes, workerBytes: layout.ringBytes };
  try {
    prepareDirectory(directory);
    fs.accessSync(directory, fs.constants.W_OK | fs.constants.X_OK);
    const { bavail, bsize } = fs.statfsSync(directory);
    return { path: directory, refused: null, freeBytes: bavail * bsize, ...claims };
  } catch (error) {
    return { path: directory, refused: messageOf(error), freeBytes: 0, ...claims };
  }
}

/** Does a seccomp filter kill who opens a perf event? Only where there is a filter that is worth a try. */
export function isPerfDeadly(): boolean {
  const mode = /^Seccomp:\s+(\d)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))?.[1];
  if (mode === undefined || mode === '0') return false;
  return tryProbe({}) === KILLED_BY_FILTER;
}

/** A filter that kills for perf events takes the probe with it: what else there is, is asked without them. */
function runProbe(): Probe | string {
  const first = tryProbe({});
  if (first !== KILLED_BY_FILTER) return first;
  const second = tryProbe({ TASKPERF_NO_PERF: '1' });
  return typeof second === 'string' ? second : { ...second, perfKills: true };
}

const KILLED_BY_FILTER = 'killed by SIGSYS';

function tryProbe(extra: NodeJS.ProcessEnv): Probe | string {
  const script = fileURLToPath(new URL('./probe.js', import.meta.url));
  const env = { ...process.env, ...extra };
  const { status, signal, stdout, error } = spawnSync(process.execPath, [script], { env, encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout) as Probe;
  if (error !== undefined) return `not started: ${error.message}`;
  return signal === null ? `gone with exit code ${status}` : `killed by ${signal}`;
}
