/**
 * Attaches to a process that was started without taskperf: opens its inspector, has it load taskperf, and closes the
 * inspector again. From then on its region is there as that of any other process, until `detach`, or until we are gone: the
 * process watches for that.
 *
 * Nothing is left behind when it fails. A loop that is blocked does not load anything: we wait for it no longer than
 * ATTACH_MS, and when it goes on it finds our lock gone and does nothing.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TaskperfError } from '../../core/errors.ts';
import { CLOSE_INSPECTOR, IS_READY, READY_MS, attachExpression } from '../../node/attach-expression.ts';
import type { AttachAnswer } from '../../node/attach-expression.ts';
import type { CountingOptions } from '../../node/counting.ts';
import { encodeIdentity, ownIdentity, startTicksOf } from '../../node/identity.ts';
import { isRunning, ownersOfFile } from '../stale.ts';
import { directoryFor } from './directory.ts';
import { HeldRegion } from './held-region.ts';
import { Inspector } from './inspector.ts';
import { dropLock, takeLock } from './lock.ts';
import type { Lock } from './lock.ts';
import { listenerOn } from './sockets.ts';
import { findTarget } from './target.ts';
import type { Target } from './target.ts';

/** What is to be counted: see CountingOptions. */
export type Asked = Pick<CountingOptions, 'events' | 'blockedMs' | 'hasStacks'>;

export interface Attached {
  readonly target: Target;
  /** Where its region is; its session is our pid. */
  readonly directory: string;
  readonly region: string;
  /** Its pid may have become another process’s. */
  isAlive(): boolean;
  /** Has the process let go of taskperf. The region's file stays, to be read for the last time. false: it was too busy. */
  detach(): Promise<boolean>;
  /** The region's file, when nobody reads it any more. */
  remove(): void;
}

/** The longest wait for the process to do what it was asked for. */
export const ATTACH_MS: number = 10_000;
const DETACH_MS = 10_000;
const CLOSE_MS = 1000;
const LOOK_MS = 10;

/** @throws TaskperfError in one sentence why not. */
export async function attachTo(pid: number, asked: Asked): Promise<Attached> {
  const target = findTarget(pid);
  const directory = directoryFor(target);
  const region = `${directory}/${pid}`;
  requireUncounted(region, target);
  const lock = takeLock(directory, pid);
  try {
    await load(target, { asked, directory, lock });
  } catch (error) {
    dropLock(lock);
    throw error;
  }
  const held = HeldRegion.open(region);
  const isAlive = (): boolean => startTicksOf(pid) === target.startTicks;
  const detach = async (): Promise<boolean> => {
    const isDone = await letGo(held, isAlive);
    held.close();
    dropLock(lock);
    return isDone;
  };
  const remove = (): void => fs.rmSync(region, { force: true });
  return { target, directory, region, isAlive, detach, remove };
}

/** A region of a process that runs, made for a tool that runs, is being counted. */
function requireUncounted(region: string, { pid }: Target): void {
  const owners = ownersOfFile(region);
  if (owners === undefined) return;
  const { process: counted, session } = owners;
  if (isRunning(counted) && (session.pid === 0 || isRunning(session))) {
    const who = session.pid === 0 ? 'by itself' : `by taskperf ${session.pid}`;
    const message = `process ${pid} is counted already, ${who}; see it with \`taskperf top -p ${pid}\``;
    throw new TaskperfError('EINVAL', message, pid);
  }
  fs.rmSync(region, { force: true });
}

async function load(
  target: Target,
  { asked, directory, lock }: { asked: Asked; directory: string; lock: Lock },
): Promise<void> {
  const untilMs = performance.now() + ATTACH_MS;
  const { inspector, isOurs } = await open(target, untilMs);
  try {
    const { file, token } = lock;
    const sessionStart = encodeIdentity(ownIdentity());
    const tool = { session: process.pid, sessionStart, lock: file, token };
    const options = { ...asked, directory, ...tool };
    const evaluated = whenReady(inspector, attachExpression(options, isOurs));
    const answer = await within(evaluated, untilMs - performance.now());
    if (answer === 'late') {
      dropLock(lock);
      // Also in the middle of a loop that never ends.
      if (isOurs) await within(inspector.evaluate(CLOSE_INSPECTOR), CLOSE_MS);
      // The signal has asked twice: the loop, when it goes on, opens it again.
      if (isOurs) closeLater(target);
      throw refused(
        target,
        `its event loop has been blocked for ${ATTACH_MS / 1000} s; try again when it answers`,
      );
    }
    // The connection may end before the answer: then the region tells.
    if (typeof answer !== 'string') {
      if (ownersOfFile(`${directory}/${target.pid}`)?.session.pid === process.pid) return;
      throw refused(target, 'its inspector hung up; see what the process has written');
    }
    const { error } = JSON.parse(answer) as AttachAnswer;
    if (error !== undefined) throw refused(target, error);
  } finally {
    inspector.close();
  }
}

async function whenReady(inspector: Inspector, expression: string): Promise<unknown> {
  for (;;) {
    const isReady = await inspector.evaluate(IS_READY);
    if (isReady === true) return await inspector.evaluate(expression);
    if (isReady === undefined) return undefined;
    await delay(READY_MS);
  }
}

interface Opened {
  readonly inspector: Inspector;
  /** It was opened for us, and is to be closed. */
  readonly isOurs: boolean;
}

async function open(target: Target, untilMs: number): Promise<Opened> {
  const { pid, inspector } = target;
  const { host, port } = inspector;
  const before = listenerOn(port, pid);
  if (before === 'other') {
    throw refused(
      target,
      `port ${port}, where it would open its inspector, is in use by another process; free that`,
    );
  }
  if (before === 'its') return { inspector: await Inspector.connect(host, port), isOurs: false };
  process.kill(pid, 'SIGUSR1');
  while (listenerOn(port, pid) !== 'its') {
    if (startTicksOf(pid) !== target.startTicks) throw refused(target, 'it has ended');
    if (performance.now() > untilMs) {
      closeLater(target);
      const why = 'it handles SIGUSR1 itself, its inspector listens elsewhere, or it is blocked';
      throw refused(
        target,
        `it has not opened its inspector on port ${port} within ${ATTACH_MS / 1000} s: ${why}`,
      );
    }
    await delay(LOOK_MS);
  }
  return { inspector: await Inspector.connect(host, port), isOurs: true };
}

/** It opens it when it goes on, perhaps soon: somebody who has the time waits for that. */
function closeLater({ pid, startTicks, inspector: { host, port } }: Target): void {
  const file = fileURLToPath(new URL('./close-later.js', import.meta.url));
  const words = [pid, startTicks, host, port].map(String);
  spawn(process.execPath, [file, ...words], { detached: true, stdio: 'ignore' }).unref();
}

async function within(answer: Promise<unknown>, ms: number): Promise<unknown> {
  const timer = new AbortController();
  const late = delay(Math.max(0, ms), 'late', { signal: timer.signal }).catch(() => 'late');
  const first = await Promise.race([answer, late]);
  timer.abort();
  return first;
}

function refused({ pid }: Target, why: string): TaskperfError {
  return new TaskperfError('EINVAL', `cannot attach to process ${pid}: ${why}`, pid);
}

/** Says so until all threads have followed: one that copies its region from plain memory may write over it. */
async function letGo(region: HeldRegion, isAlive: () => boolean): Promise<boolean> {
  const untilMs = performance.now() + DETACH_MS;
  while (isAlive() && !region.isLetGo()) {
    if (performance.now() > untilMs) return false;
    region.sayDetach();
    await delay(LOOK_MS);
  }
  return true;
}
