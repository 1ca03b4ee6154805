/**
 * What `taskperf stat` runs in every Node process of the command, and in each of its threads, before the program:
 * opens the region, opens the counters that the tool asked for on the thread's root task (inherited by every request),
 * and makes HTTP requests tasks.
 */
import { isMainThread, threadId } from 'node:worker_threads';
import { H_EVENTS, TaskperfError, eventByName, isSoftware } from '../core/index.ts';
import { loadAddon } from './addon.ts';
import { attachThread } from './attach.ts';
import { calibrateSwitch } from './calibrate.ts';
import { Http2Tasks } from './http2-tasks.ts';
import { HttpTasks } from './http-tasks.ts';

export function start(): void {
  const events = (process.env['TASKPERF_EVENTS'] ?? '').split(',').filter((name) => name !== '');
  if (events.length === 0) return;
  const thread = attachThread({
    addon: loadAddon(),
    directory: process.env['TASKPERF_DIR'] ?? null,
    session: Number(process.env['TASKPERF_SESSION'] ?? 0),
    name: isMainThread ? 'main' : `worker ${threadId}`,
  });
  for (const name of events) {
    const event = eventByName(name);
    if (event === undefined)
      throw new TaskperfError('ENOENT', `unknown event "${name}" in TASKPERF_EVENTS`, name);
    // The tool misses its bit in H_EVENTS, and says <not supported>.
    if (!isSoftware(event.id) && !thread.cpu.pmu.events.includes(event.id)) continue;
    thread.cpu.openCounter({ event: event.id, task: thread.root.slot, inherit: true, inheritStat: true });
    Atomics.or(thread.words, H_EVENTS, 1 << event.id);
  }
  thread.count();
  calibrateSwitch(thread.cpu);
  new HttpTasks(thread).install();
  new Http2Tasks(thread).install();
}
