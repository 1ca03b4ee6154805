/**
 * A region as the core makes it, small, with everything in it that a tool reads: two threads and the slot of a third,
 * names, tasks that ended and tasks that live, their counters, rings that have wrapped, events with a line of their own.
 */
import { Cpu } from '#core/index.js';
import type { Capacities, Layout } from '#core/index.js';
import {
  EVENT_ESTIMATED,
  H_EVENTS,
  H_STATE,
  PROCESS_EXITED,
  Region,
  TASK_CLOCK,
  TASK_SWITCHES,
  V_FLAGS,
  WAIT,
  WALL,
  eventRowWord,
  internName,
  layoutOf,
  lineOf,
} from '#core/index.js';
import { HandPmu } from '../core/hand-pmu.ts';

const CAPACITIES: Capacities = { threads: 3, names: 8, tasks: 16, contexts: 16, counters: 64, ring: 4 };
/** Nobody has the highest pid that there can be. */
export const PID = 4_194_303;
export const SESSION = 42;

export interface Image {
  readonly layout: Layout;
  readonly bytes: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
}

/** As left by a process that ended (`isDead` false) or was killed with tasks in flight. */
export function makeImage(isDead: boolean): Image {
  const layout = layoutOf(CAPACITIES);
  const region = Region.format(new ArrayBuffer(layout.bytes), CAPACITIES, {
    pid: PID,
    session: SESSION,
    nodeVersion: 'v24.0.0',
    startEpochMs: 1.7e12,
    startMono: 5e9,
  });
  const given = lineOf(region, 'alloc-bytes');
  region.i32[eventRowWord(given) + V_FLAGS] = EVENT_ESTIMATED;
  const events = [TASK_CLOCK, WALL, TASK_SWITCHES, WAIT];
  for (const event of [...events, given]) region.i32[H_EVENTS]! |= 1 << event;
  for (const [threadId, name] of ['main', 'worker 1'].entries()) {
    const pmu = new HandPmu(0);
    pmu.advance(6e9);
    const cpu = new Cpu(region, pmu, { threadId, tid: PID + threadId, name });
    for (const event of events) cpu.openCounter({ event, task: cpu.root, inherit: true, inheritStat: true });
    work(cpu, pmu, isDead);
  }
  if (!isDead) region.i32[H_STATE] = PROCESS_EXITED;
  const { u8, i32, f64 } = region;
  return { layout, bytes: u8, i32, f64 };
}

/** Six tasks of three names take turns; four of them end, so that the ring is full once and wraps on the main thread. */
function work(cpu: Cpu, pmu: HandPmu, isDead: boolean): void {
  const { region } = cpu;
  const names = ['GET /users/:id', 'POST /größe', 'job \u001b[2J'].map((text) => internName(region, text));
  const tasks = Array.from({ length: 6 }, (_, i) => cpu.fork(cpu.root, names[i % 3]!));
  for (let round = 1; round <= 3; round++) {
    for (const [i, task] of tasks.entries()) {
      cpu.switchTo(task);
      pmu.advance(1e5 * round + 1e4 * i);
    }
    cpu.switchTo(cpu.root);
    pmu.advance(5e4);
  }
  const lasting = isDead ? 1 : 0;
  for (const task of tasks.slice(lasting)) cpu.exit(task);
  cpu.fold();
  if (isDead) cpu.switchTo(tasks[0]!);
}
