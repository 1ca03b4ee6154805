/**
 * A process of its own, started before the signal is sent: it closes the inspectors that were opened for a tool that has
 * given up, or was killed, and those that the workers of a cluster open because their primary did. A program that is
 * blocked outside of JavaScript opens its own only when it goes on.
 *
 *     node close-later.js '{"target": {"pid": …, "startTicks": …, "sockets": […]}, "workers": […]}'
 *
 * The tool holds its stdin. It says DONE there when the target needs nobody; that it ends without is its end.
 */
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { CLOSE_INSPECTOR, CLOSE_MS } from '../../node/attach-expression.ts';
import { runsStill } from '../../node/identity.ts';
import { DONE } from './closer.ts';
import type { Errand, Signalled } from './closer.ts';
import { isLoopIdle } from './idle.ts';
import { Inspector } from './inspector.ts';
import { isLocked, removeStaleLock } from './lock.ts';
import { hasClient, listenersOf } from './sockets.ts';
import type { Listener } from './sockets.ts';

/** A program that has not gone on by then is hung. */
const WAIT_MS = 60_000;
/** One whose loop is seen waiting for events after this time opens nothing more, for instance because it handles SIGUSR1. */
const SETTLED_MS = 3000;
/** For so long a tool that attaches may leave it without a connection. */
const UNUSED_MS = 5000;
const LOOK_MS = 100;

const { target, workers } = JSON.parse(process.argv[2]!) as Errand;
let fromMs = Number.POSITIVE_INFINITY;
const said = text(process.stdin).catch(() => '');
const ended = said.then(async (word) => {
  fromMs = performance.now();
  if (word === DONE) return undefined;
  removeStaleLock(target.lock); // of a tool that was killed
  await delay(CLOSE_MS + LOOK_MS); // mostly the target does that itself
  return closeOpened(target);
});
await Promise.all([ended, ...workers.map(closeOpened)]);

async function closeOpened({ pid, startTicks, sockets, lock }: Signalled): Promise<void> {
  const known = new Set(sockets);
  let [closedMs, usedMs] = [0, 0];
  while (runsStill(pid, startTicks)) {
    await delay(LOOK_MS);
    const nowMs = performance.now();
    const passedMs = nowMs - Math.max(fromMs, closedMs);
    if (passedMs > WAIT_MS) return;
    const opened = listenersOf(pid)?.find(({ inode }) => !known.has(inode));
    if (opened === undefined) {
      usedMs = nowMs;
      if (passedMs > SETTLED_MS && isLoopIdle(pid)) return;
      continue;
    }
    const isLockedNow = isLocked(lock);
    if (hasClient(opened.port)) {
      // Somebody debugs it by now.
      if (!isLockedNow) return;
      usedMs = nowMs;
    }
    // The next tool has opened it, or has found it open.
    if (isLockedNow && nowMs - usedMs < UNUSED_MS) continue;
    known.add(opened.inode);
    // It may open it again: the signal has asked its loop as well, which may be blocked still.
    if (await close(opened)) closedMs = performance.now();
  }
}

/** false: it was no inspector. */
async function close({ host, port }: Listener): Promise<boolean> {
  try {
    const inspector = await Inspector.connect(host, port);
    await Promise.race([inspector.evaluate(CLOSE_INSPECTOR), delay(WAIT_MS, undefined, { ref: false })]);
    inspector.close();
    return true;
  } catch {
    return false;
  }
}
