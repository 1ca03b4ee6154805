/**
 * Starts the command with taskperf's bootstrap preloaded, passes signals on, and says how it ended.
 *
 * SIGINT and SIGTERM go to the program first, so that it can end in its own way; a second SIGINT kills it. A Ctrl-C in
 * a terminal reaches the whole foreground group already: then it is not sent again, or the program would take it for
 * the second one.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { OWNER_VARIABLE } from '../core/owner.ts';
import { encodeIdentity, ownIdentity } from '../node/identity.ts';
import { launcherFile, release, startHeld } from './held-start.ts';
import { noUsage } from './os-usage.ts';
import type { Usage } from './os-usage.ts';
import type { Ending } from './report.ts';

export interface Launch {
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** More processes that a forced end must kill, those of a command that is a script: surely of the command. */
  readonly morePids: () => readonly number[];
  /** The process exists. `isHeld`: it has not become the command yet, and does when this returns. */
  readonly onProcess: (pid: number, isHeld: boolean) => void;
}

export interface Running {
  readonly pid: number;
  /** What the process had used before it became the command. */
  readonly before: Usage;
  /** Settles when the command has ended. */
  readonly ended: Promise<Ending>;
}

/** The command could not be started; `status` is the shell's: 127 not found, 126 not executable. */
export class LaunchError extends Error {
  override name = 'LaunchError';
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** A shell that delivers one Ctrl-C twice (to us and to our group) does so within this time. */
const SAME_SIGNAL_MS = 50;

/**
 * Under Node's permission model the program may not read our files: Node 20 would not even start. Such a command runs
 * as it is, uncounted.
 */
export function usesPermissionModel(command: readonly string[], env: NodeJS.ProcessEnv): boolean {
  const flag = /^--(experimental-)?permission$/;
  return [...command, ...(env['NODE_OPTIONS'] ?? '').split(' ')].some((word) => flag.test(word));
}

/** In the environment of every process of the command. */
export const SESSION_MARK: string = `TASKPERF_SESSION=${process.pid}`;

/** What the child needs to count itself: see docs/architecture.md. */
export function childEnv(env: NodeJS.ProcessEnv, events: string, directory: string): NodeJS.ProcessEnv {
  const bootstrap = fileURLToPath(new URL('../node/bootstrap.cjs', import.meta.url));
  const preload = `--require ${quoted(bootstrap)}`;
  const options = env['NODE_OPTIONS'] ?? '';
  return {
    ...env,
    // Of a taskperf that counts this one: its tasks own this process, and nothing of ours.
    [OWNER_VARIABLE]: undefined,
    NODE_OPTIONS: options.includes(preload) ? options : `${options} ${preload}`.trim(),
    TASKPERF_SESSION: String(process.pid),
    TASKPERF_SESSION_START: encodeIdentity(ownIdentity()),
    TASKPERF_EVENTS: events,
    TASKPERF_DIR: directory,
  };
}

/** Starts it. Throws LaunchError when that is impossible. */
export async function launch(options: Launch): Promise<Running> {
  const [file, ...args] = options.command;
  if (file === '') throw new LaunchError("command not found: ''; name a program after --", 127);
  const held = await launchHeld(file!, options);
  if (held !== undefined) return held;
  const child = spawn(file!, args, { stdio: 'inherit', env: options.env });
  const ended = endOf(child, options.morePids);
  try {
    await spawned(child);
  } catch (error) {
    throw launchError(file!, error as NodeJS.ErrnoException);
  }
  options.onProcess(child.pid!, false);
  return { pid: child.pid!, before: noUsage(), ended };
}

/** Through the launcher; undefined when there is none that runs. */
async function launchHeld(file: string, options: Launch): Promise<Running | undefined> {
  const launcher = launcherFile(options.env);
  if (launcher === undefined) return undefined;
  const child = startHeld(launcher, options.command, options.env);
  const ended = endOf(child, options.morePids);
  try {
    await spawned(child);
  } catch {
    return undefined;
  }
  options.onProcess(child.pid!, true);
  const { before, error } = await release(child, file);
  if (error !== undefined) throw launchError(file, error);
  return { pid: child.pid!, before, ended };
}

/** Passes signals on to it from now on, and tells how it ends. */
function endOf(child: ChildProcess, morePids: () => readonly number[]): Promise<Ending> {
  return new Promise<Ending>((resolve) => {
    const stop = forwardSignals((signal) => child.kill(signal), morePids);
    child.once('exit', (code, signal) => resolve({ code, signal, forced: stop() }));
    child.once('error', () => stop());
  });
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}

/** The status a shell would report: the program's own, or 128 + the signal's number. */
export function exitStatus({ code, signal }: Ending): number {
  if (signal === null) return code ?? 1;
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}

/** NODE_OPTIONS is split at spaces; double quotes keep a path together. */
function quoted(file: string): string {
  return /[\s"\\]/.test(file) ? `"${file.replace(/["\\]/g, '\\$&')}"` : file;
}

function launchError(file: string, error: NodeJS.ErrnoException): LaunchError {
  if (error.code === 'ENOENT')
    return new LaunchError(`command not found: '${file}'; check its name and PATH`, 127);
  if (error.code === 'EACCES') {
    return new LaunchError(
      `'${file}' is not executable; check its permissions (chmod +x) or name its interpreter`,
      126,
    );
  }
  return new LaunchError(`cannot start '${file}': ${error.message}`, 126);
}

/** Passes signals on until the returned function is called, which says whether the end was forced. */
function forwardSignals(
  send: (signal: NodeJS.Signals) => void,
  morePids: () => readonly number[],
): () => boolean {
  let interruptedMs: number | undefined;
  let forced = false;
  const onInterrupt = (): void => {
    const nowMs = performance.now();
    if (interruptedMs === undefined) {
      interruptedMs = nowMs;
      if (!inForeground()) send('SIGINT');
    } else if (nowMs - interruptedMs > SAME_SIGNAL_MS) {
      forced = true;
      // Asked before: without their parent they are harder to find.
      const pids = morePids();
      send('SIGKILL');
      for (const pid of pids) kill(pid);
    }
  };
  const onTerminate = (): void => send('SIGTERM');
  const onHangup = (): void => {
    if (!inForeground()) send('SIGHUP');
  };
  let over = false;
  const unlessOver = (handler: () => void) => (): void => {
    // Stays installed: a late Ctrl-C must not kill us while the table is being written.
    if (!over) handler();
  };
  process.on('SIGINT', unlessOver(onInterrupt));
  process.on('SIGTERM', unlessOver(onTerminate));
  process.on('SIGHUP', unlessOver(onHangup));
  for (const signal of ['SIGUSR2', 'SIGQUIT'] as const)
    process.on(
      signal,
      unlessOver(() => send(signal)),
    );
  return () => {
    over = true;
    return forced;
  };
}

/** Are we in the foreground group of a terminal, so that Ctrl-C reached the command as well? */
function inForeground(): boolean {
  try {
    // After the command name, which may hold spaces and brackets: state, ppid, pgrp, session, tty_nr, tpgid.
    const fields = fs.readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ');
    return fields[4] !== '0' && fields[2] === fields[5];
  } catch {
    return process.stdin.isTTY || process.stderr.isTTY; // no /proc: the terminal itself is the best hint
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
