/**
 * What `taskperf stat` runs in every Node process of the command, and in each of its threads, before the program:
 * opens the region, opens the counters that the tool asked for on the thread's root task (inherited by every request),
 * and makes HTTP requests tasks.
 */
import { isMainThread, threadId } from 'node:worker_threads';
import { H_BLOCKED_MS, H_EVENTS, OWNER_VARIABLE, parseOwner } from '../core/index.ts';
import type { Owner } from '../core/index.ts';
import { loadAddon } from './addon.ts';
import { attachThread } from './attach.ts';
import { calibrateSwitch } from './calibrate.ts';
import { ChildTasks } from './child-tasks.ts';
import { parseEvents } from './events/parse.ts';
import { Http2Tasks } from './http2-tasks.ts';
import { HttpTasks } from './http-tasks.ts';

export function start(): void {
  const asked = process.env['TASKPERF_EVENTS'] ?? '';
  if (asked === '') return;
  const session = Number(process.env['TASKPERF_SESSION'] ?? 0);
  const thread = attachThread({
    addon: loadAddon(),
    directory: process.env['TASKPERF_DIR'] ?? null,
    session,
    name: isMainThread ? 'main' : `worker ${threadId}`,
    owner: takeOwner(),
  });
  thread.words[H_BLOCKED_MS] = Number(process.env['TASKPERF_BLOCKED_MS'] ?? 0);
  thread.watchStacks(process.env['TASKPERF_STACK'] === '1');
  const groups = parseEvents(asked);
  thread.sources.open(groups);
  for (const event of groups.flat()) {
    const counted = thread.lineOf(event);
    // The tool misses its bit in H_EVENTS, and says <not supported>.
    if (counted.errno !== 0) continue;
    thread.ownCounters.open(counted.line);
    Atomics.or(thread.words, H_EVENTS, 1 << counted.line);
  }
  for (const line of thread.sources.missedLines()) thread.ownCounters.open(line);
  thread.count();
  const calibrateAgain = calibrateSwitch(thread.cpu);
  if (isMainThread) process.once('exit', calibrateAgain);
  new HttpTasks(thread).install();
  new Http2Tasks(thread).install();
  new ChildTasks(thread, session).install();
}

/** Who started this process. The program need not know, and what it starts has another owner. */
function takeOwner(): Owner | null {
  const token = process.env[OWNER_VARIABLE];
  if (token === undefined) return null;
  delete process.env[OWNER_VARIABLE];
  return parseOwner(token);
}
