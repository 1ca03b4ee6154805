/**
 * What `taskperf stat` runs in every Node process of the command, and in each of its threads, before the program:
 * opens the region, opens the counters that the tool asked for on the thread's root task (inherited by every request),
 * and makes HTTP requests tasks.
 */
import { OWNER_VARIABLE, parseOwner } from '../core/index.ts';
import type { Owner } from '../core/index.ts';
import { ChildTasks } from './child-tasks.ts';
import { startCounting } from './counting.ts';

export function start(): void {
  const events = process.env['TASKPERF_EVENTS'] ?? '';
  if (events === '') return;
  const session = Number(process.env['TASKPERF_SESSION'] ?? 0);
  const { thread } = startCounting({
    events,
    directory: process.env['TASKPERF_DIR'] ?? null,
    session,
    owner: takeOwner(),
    blockedMs: Number(process.env['TASKPERF_BLOCKED_MS'] ?? 0),
    hasStacks: process.env['TASKPERF_STACK'] === '1',
  });
  new ChildTasks(thread, session).install();
}

/** Who started this process. The program need not know, and what it starts has another owner. */
function takeOwner(): Owner | null {
  const token = process.env[OWNER_VARIABLE];
  if (token === undefined) return null;
  delete process.env[OWNER_VARIABLE];
  return parseOwner(token);
}
