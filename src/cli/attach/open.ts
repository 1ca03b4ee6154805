/**
 * Opens the inspector of a process, or finds it open. Where it listens is not guessed from the words of the program, which
 * may be its script's, or gone: it is the socket that was not there before the signal.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { runsStill } from '../../node/identity.ts';
import { startCloser } from './closer.ts';
import type { Closer } from './closer.ts';
import { Inspector, NotInspector } from './inspector.ts';
import { lockFileOf } from './lock.ts';
import { isTaken, listenersOf } from './sockets.ts';
import type { Listener } from './sockets.ts';
import { refused, requireCaught } from './target.ts';
import type { Target } from './target.ts';

export interface Opened {
  readonly inspector: Inspector;
  /** It was opened for us, and is to be closed. Undefined: it was open. */
  readonly closer: Closer | undefined;
  /** Does it still listen? */
  readonly isOpen: () => boolean;
}

const LOOK_MS = 10;
/** So long what a tool before us has opened may take to be closed. */
const CLOSING_MS = 2000;

/** @throws TaskperfError in one sentence why not. */
export async function openInspector(
  target: Target,
  { directory, untilMs }: { directory: string; untilMs: number },
): Promise<Opened> {
  const { pid, startTicks } = target;
  const { before, opened: there } = await look(target);
  if (there !== undefined) return there;
  const sockets = before.map(({ inode }) => inode);
  const closer = startCloser({ pid, startTicks, sockets, lock: lockFileOf(directory, pid) }, directory);
  try {
    if (!runsStill(pid, startTicks)) throw refused(target, 'it has ended');
    requireCaught(pid);
  } catch (error) {
    closer.done();
    throw error;
  }
  process.kill(pid, 'SIGUSR1');
  try {
    const { inspector, opened } = await connectNew(target, new Set(sockets), untilMs);
    return { inspector, closer, isOpen: () => isOpen(pid, opened) };
  } catch (error) {
    closer.later();
    throw error;
  }
}

/**
 * Where the process listens, and its inspector where that is open. Before us there may have been a tool that has just ended,
 * or was killed: what was opened for that is about to be closed, here or in the program that has started this one.
 */
async function look(target: Target): Promise<{ before: Listener[]; opened?: Opened }> {
  const { pid, startTicks, inspector: expected } = target;
  for (const untilMs = performance.now() + CLOSING_MS; ; await delay(LOOK_MS)) {
    const before = listenersOf(pid);
    if (!runsStill(pid, startTicks)) throw refused(target, 'it has ended');
    if (before === undefined) throw refused(target, HIDDEN_BY_LINUX);
    const there = before.find(({ port }) => port === expected.port);
    const found = there === undefined ? obstacleTo(target) : await openedThere(target, there);
    if (found === undefined) return { before };
    if (typeof found !== 'string') return { before, opened: found };
    if (performance.now() > untilMs) throw refused(target, found);
  }
}

/** Why it cannot open its inspector now; undefined: it can. */
function obstacleTo(target: Target): string | undefined {
  const { isHidden, isGuess, port } = target.inspector;
  if (isHidden) throw refused(target, HIDDEN_BY_ITSELF);
  if (isGuess || !isTaken(port)) return undefined;
  return `port ${port}, where it would open its inspector, is in use by another process; free that`;
}

/** The inspector that is there, or why it cannot be asked now. */
async function openedThere(target: Target, there: Listener): Promise<Opened | string> {
  const inspector = await asked(there);
  if (inspector instanceof Inspector)
    return { inspector, closer: undefined, isOpen: () => isOpen(target.pid, there) };
  const obstacle = `it listens on port ${there.port} itself, where its inspector would, and no inspector answers there; start it with another --inspect-port`;
  if (inspector === 'other') throw refused(target, obstacle);
  return obstacle;
}

function isOpen(pid: number, { inode }: Listener): boolean {
  return listenersOf(pid)?.some((one) => one.inode === inode) === true;
}

const HIDDEN_BY_LINUX =
  'Linux hides it from its own user, because it has changed its user or has capabilities; start it under `taskperf stat --`';
const HIDDEN_BY_ITSELF =
  'it keeps the address of its inspector to itself; start it without --inspect-publish-uid';

async function connectNew(
  target: Target,
  known: Set<string>,
  untilMs: number,
): Promise<{ inspector: Inspector; opened: Listener }> {
  const { pid, startTicks } = target;
  const withinMs = untilMs - performance.now();
  let reason = 'it handles SIGUSR1 itself, its inspector was open already, or it is blocked';
  while (performance.now() < untilMs) {
    if (!runsStill(pid, startTicks)) throw refused(target, 'it has ended');
    for (const opened of (listenersOf(pid) ?? []).filter(({ inode }) => !known.has(inode))) {
      const inspector = await asked(opened);
      if (inspector instanceof Inspector) return { inspector, opened };
      // Its program may have begun to listen in this moment. What does not answer yet is asked again.
      if (inspector === 'other') known.add(opened.inode);
      else reason = `nothing answers on its port ${opened.port}`;
    }
    await delay(LOOK_MS);
  }
  throw refused(target, `it has not opened its inspector within ${Math.round(withinMs / 1000)} s: ${reason}`);
}

async function asked({ host, port }: Listener): Promise<Inspector | 'other' | 'silent'> {
  try {
    return await Inspector.connect(host, port);
  } catch (error) {
    return error instanceof NotInspector ? 'other' : 'silent';
  }
}
