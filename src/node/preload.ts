/**
 * What `taskperf stat` runs in every Node process of the command, and in each of its threads, before the program:
 * opens the region, opens the counters that the tool asked for on the thread's root task (inherited by every request),
 * and makes HTTP requests tasks.
 */
import { startCounting } from './counting.ts';

export function start(): void {
  const events = process.env['TASKPERF_EVENTS'] ?? '';
  if (events === '') return;
  startCounting({
    events,
    directory: process.env['TASKPERF_DIR'] ?? null,
    session: Number(process.env['TASKPERF_SESSION'] ?? 0),
    blockedMs: Number(process.env['TASKPERF_BLOCKED_MS'] ?? 0),
    hasStacks: process.env['TASKPERF_STACK'] === '1',
  });
}
