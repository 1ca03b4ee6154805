/**
 * Attaches to a process that was started without taskperf: opens its inspector, has it load taskperf, and closes the
 * inspector again. From then on its region is there as that of any other process, until `detach`, or until we are gone: the
 * process watches for that.
 *
 * Nothing is left behind when it fails. A loop that is blocked does not load anything: we wait for it no longer than
 * ATTACH_MS, and when it goes on it finds our lock gone and does nothing.
 */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { TaskperfError } from '../../core/errors.ts';
import { CLOSE_INSPECTOR, NOT_READY, READY_MS, attachExpression } from '../../node/attach-expression.ts';
import type { AttachAnswer } from '../../node/attach-expression.ts';
import type { CountingOptions } from '../../node/counting.ts';
import { encodeIdentity, ownIdentity, runsStill } from '../../node/identity.ts';
import { UsageError } from '../options.ts';
import { isAsleep } from '../os-proc.ts';
import { countsFor, isRunning, ownersOfFile, removeStale } from '../stale.ts';
import { placeFor } from './directory.ts';
import { HeldRegion } from './held-region.ts';
import type { Inspector } from './inspector.ts';
import { dropLock, takeLock } from './lock.ts';
import type { Lock } from './lock.ts';
import { openInspector } from './open.ts';
import type { Opened } from './open.ts';
import { findTarget, refused } from './target.ts';
import type { Target } from './target.ts';

/** What is to be counted: see CountingOptions. */
export type Asked = Pick<CountingOptions, 'events' | 'blockedMs' | 'hasStacks'>;

export interface Attached {
  readonly target: Target;
  /** Where its region is; its session is our pid. */
  readonly directory: string;
  readonly region: string;
  /** For a command beside it. */
  readonly env: NodeJS.ProcessEnv;
  /** Its pid may have become another process’s. */
  isAlive(): boolean;
  /** Has it let go of taskperf, or ended? Not because we asked: its region is of no more use. */
  hasLeft(): boolean;
  /** Has the process let go of taskperf. The region's file stays, to be read for the last time. false: it was too busy. */
  detach(): Promise<boolean>;
  /** The region's file, when nobody reads it any more. */
  remove(): void;
}

/** The longest wait for the process to do what it was asked for. */
export const ATTACH_MS: number = 10_000;
const DETACH_MS = 10_000;
/** A worker that sleeps for so long does not look four times a second, as one does whose loop waits. */
const PARKED_MS = 1000;
const CLOSE_MS = 1000;
/** The target closes its inspector within a third of a second, if its loop lets it. */
const CLOSED_MS = 2000;
const LOOK_MS = 10;

/** @throws TaskperfError in one sentence why not. */
export async function attachTo(pid: number, asked: Asked): Promise<Attached> {
  const target = findTarget(pid);
  const { directory, env } = placeFor(target);
  removeStale(directory);
  const region = `${directory}/${pid}`;
  requireUncounted(region, target);
  const lock = takeLock(directory, pid);
  let loaded: Loaded;
  try {
    loaded = await load(target, { asked, directory, lock });
  } catch (error) {
    dropLock(lock);
    throw error;
  }
  const held = HeldRegion.open(region);
  const isAlive = (): boolean => runsStill(pid, target.startTicks);
  const detach = async (): Promise<boolean> => {
    const isDone = await letGo(held, { pid, isAlive });
    held.close();
    await loaded.closed; // the next tool would find it open, and lose it
    dropLock(lock);
    return isDone;
  };
  const remove = (): void => fs.rmSync(region, { force: true });
  const hasLeft = (): boolean => !isAlive() || held.isLetGo();
  return { target, directory, region, env, isAlive, hasLeft, detach, remove };
}

/** @throws UsageError in one sentence why not. */
export async function attachOrRefuse(pid: number, asked: Asked): Promise<Attached> {
  try {
    return await attachTo(pid, asked);
  } catch (error) {
    if (error instanceof TaskperfError) throw new UsageError(error.message);
    throw error;
  }
}

/** Settles with 0 when the user has seen enough. We stay: whoever is attached to must be let go first. */
export function signalled(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve(0));
  });
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

interface Loaded {
  /** Settles when the inspector is closed again, or cannot be yet. */
  readonly closed: Promise<void>;
}

/** @throws TaskperfError why not; then the inspector is closed, or will be. */
async function load(
  target: Target,
  { asked, directory, lock }: { asked: Asked; directory: string; lock: Lock },
): Promise<Loaded> {
  const untilMs = performance.now() + ATTACH_MS;
  const tool = { session: process.pid, sessionStart: encodeIdentity(ownIdentity()) };
  const options = { ...asked, directory, ...tool, lock: lock.file, token: lock.token };
  const region = `${directory}/${target.pid}`;
  for (let isAgain = false; ; isAgain = true) {
    const opened = await openInspector(target, { directory, untilMs });
    const { inspector, closer } = opened;
    const expression = attachExpression(options, closer === undefined ? 'open' : 'opened');
    const answer = await whenLoaded(inspector, expression, { region, untilMs });
    if (answer === 'late') throw await giveUp(target, opened, lock);
    inspector.close(); // before the target closes it: see attachExpression
    const closed = whenClosed(opened);
    // It was open for a tool that was killed, and has been closed after it.
    if (answer === undefined && closer === undefined && !isAgain && !countsFor(region, process.pid)) continue;
    try {
      requireLoaded(answer, target, region);
    } catch (error) {
      await closed;
      throw error;
    }
    return { closed };
  }
}

async function giveUp(target: Target, { inspector, closer }: Opened, lock: Lock): Promise<TaskperfError> {
  dropLock(lock);
  // Also in the middle of a loop that never ends.
  if (closer !== undefined) await within(inspector.evaluate(CLOSE_INSPECTOR), CLOSE_MS);
  inspector.close();
  // A blocked loop was asked twice by the signal: it opens it again.
  closer?.later();
  return refused(
    target,
    `its event loop has been blocked for ${ATTACH_MS / 1000} s; try again when it answers`,
  );
}

async function whenClosed({ closer, isOpen }: Opened): Promise<void> {
  if (closer === undefined) return;
  for (const untilMs = performance.now() + CLOSED_MS; isOpen(); await delay(LOOK_MS))
    if (performance.now() > untilMs) return closer.later();
  closer.done();
}

function requireLoaded(answer: unknown, target: Target, region: string): void {
  // The connection may have ended before the region was looked at.
  if (answer === 'loaded' || (answer === undefined && countsFor(region, process.pid))) return;
  if (typeof answer !== 'string')
    throw refused(target, 'its inspector hung up; see what the process has written');
  throw refused(target, (JSON.parse(answer) as AttachAnswer).error!);
}

/** 'loaded', 'late', why not as JSON, or undefined: the connection has ended. */
async function whenLoaded(
  inspector: Inspector,
  expression: string,
  { region, untilMs }: { region: string; untilMs: number },
): Promise<unknown> {
  const over = new AbortController();
  const loaded = (async () => {
    while (!over.signal.aborted && !countsFor(region, process.pid)) await delay(LOOK_MS);
    return 'loaded';
  })();
  const evaluated = whenReady(inspector, expression, over.signal);
  const answer = await within(Promise.race([evaluated, loaded]), untilMs - performance.now());
  over.abort();
  return answer;
}

async function whenReady(inspector: Inspector, expression: string, over: AbortSignal): Promise<unknown> {
  while (!over.aborted) {
    const answer = await inspector.evaluate(expression);
    if (answer !== NOT_READY) return answer;
    await delay(READY_MS);
  }
  return undefined;
}

async function within(answer: Promise<unknown>, ms: number): Promise<unknown> {
  const timer = new AbortController();
  const late = delay(Math.max(0, ms), 'late', { signal: timer.signal }).catch(() => 'late');
  const first = await Promise.race([answer, late]);
  timer.abort();
  return first;
}

/**
 * Says so until all threads have followed: one that copies its region from plain memory may write over it. A worker that is
 * parked (Atomics.wait, as the idle ones of a pool) follows when it is woken: it is not waited for.
 */
async function letGo(
  region: HeldRegion,
  { pid, isAlive }: { pid: number; isAlive: () => boolean },
): Promise<boolean> {
  const untilMs = performance.now() + DETACH_MS;
  let awakeMs = performance.now();
  while (isAlive() && !region.isLetGo()) {
    const nowMs = performance.now();
    const staying = region.staying();
    if (staying.length === 0 || !staying.every((tid) => tid !== pid && isAsleep(pid, tid) === true))
      awakeMs = nowMs;
    if (nowMs - awakeMs > PARKED_MS) return true;
    if (nowMs > untilMs) return false;
    region.sayDetach();
    await delay(LOOK_MS);
  }
  return true;
}
