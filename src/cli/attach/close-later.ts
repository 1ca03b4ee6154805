/**
 * A process of its own, started when the tool has given up: a program that was blocked outside of JavaScript opens the
 * inspector that it was asked for when it goes on. Then it is closed, so that no port stays open.
 *
 *     node close-later.js PID START-TICKS HOST PORT
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CLOSE_INSPECTOR } from '../../node/attach-expression.ts';
import { startTicksOf } from '../../node/identity.ts';
import { Inspector } from './inspector.ts';
import { listenerOn } from './sockets.ts';

/** A program that has not gone on by then handles SIGUSR1 itself, or is hung. */
const WAIT_MS = 60_000;
const LOOK_MS = 100;

const [pid, startTicks, host, port] = process.argv.slice(2);
const isOpen = (): boolean => listenerOn(Number(port), Number(pid)) === 'its';
const isThere = (): boolean => startTicksOf(Number(pid)) === Number(startTicks);

while (isThere() && !isOpen() && performance.now() < WAIT_MS) await delay(LOOK_MS);
if (isThere() && isOpen()) {
  const inspector = await Inspector.connect(host!, Number(port));
  await Promise.race([inspector.evaluate(CLOSE_INSPECTOR), delay(WAIT_MS, undefined, { ref: false })]);
  inspector.close();
}
