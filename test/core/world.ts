/** A small region with hand-driven CPUs, and the questions tests ask of it. */
import assert from 'node:assert/strict';
import {
  type Capacities,
  type ContextHandle,
  Cpu,
  CPU_CLOCK,
  type CounterHandle,
  C_NEXT,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_TASKS_USED,
  K_CONTEXT,
  K_NEXT,
  K_REFS,
  K_STATE,
  R_NEXT,
  Region,
  R_CONTEXT,
  TASK_CLOCK,
  TASK_FREE,
  T_F64_LATE,
  T_F64_TASKS,
  T_F64_UNATTRIBUTED,
  T_FREE_TASK,
  T_REMOTE_TASK,
  type TaskHandle,
  layoutOf,
  threadF64,
  threadWord,
} from '#core/index.js';
import { HandPmu } from './hand-pmu.ts';

export const SMALL: Capacities = { threads: 4, names: 8, tasks: 64, contexts: 64, counters: 256, ring: 16 };
export const HEADER = { pid: 4711, session: 42, nodeVersion: 'v24.0.0', startEpochMs: 1000, startMono: 2000 };

export function makeRegion(capacities: Capacities = SMALL): Region {
  return Region.format(new SharedArrayBuffer(layoutOf(capacities).bytes), capacities, HEADER);
}

export interface World {
  readonly region: Region;
  readonly pmu: HandPmu;
  readonly cpu: Cpu;
}

export function makeWorld(capacities: Capacities = SMALL, slots: number = 0): World {
  const region = makeRegion(capacities);
  return { region, ...addCpu(region, 0, slots) };
}

export function addCpu(region: Region, threadId: number, slots: number = 0): { pmu: HandPmu; cpu: Cpu } {
  const pmu = new HandPmu(slots);
  const cpu = new Cpu(region, pmu, {
    threadId,
    tid: 0,
    name: threadId === 0 ? 'main' : `worker ${threadId}`,
  });
  return { pmu, cpu };
}

/** Lets the task run for `ns`. */
export function run({ cpu, pmu }: { cpu: Cpu; pmu: HandPmu }, task: TaskHandle, ns: number): void {
  cpu.switchTo(task);
  pmu.advance(ns);
}

export const taskWord = (region: Region, task: TaskHandle, word: number): number =>
  region.i32[region.taskW + task * 16 + word]!;
export const contextWord = (region: Region, context: ContextHandle, word: number): number =>
  region.i32[region.contextW + context * 16 + word]!;
export const counterWord = (region: Region, counter: CounterHandle, word: number): number =>
  region.i32[region.counterW + counter * 16 + word]!;
export const contextOf = (region: Region, task: TaskHandle): ContextHandle =>
  taskWord(region, task, K_CONTEXT);
export const contextOfCounter = (region: Region, counter: CounterHandle): ContextHandle =>
  counterWord(region, counter, R_CONTEXT);

/** Slots in use: those ever taken, less those on any free list. `refs` is the sum of all references to tasks. */
export function liveSlots(region: Region): {
  tasks: number;
  contexts: number;
  counters: number;
  refs: number;
} {
  let refs = 0;
  for (let h = 1; h <= region.i32[H_TASKS_USED]!; h++) {
    if (taskWord(region, h, K_STATE) !== TASK_FREE) refs += taskWord(region, h, K_REFS);
  }
  const tasks = region.i32[H_TASKS_USED]! - freeSlots(region, 0, region.taskW + K_NEXT);
  const contexts = region.i32[H_CONTEXTS_USED]! - freeSlots(region, 1, region.contextW + C_NEXT);
  const counters = region.i32[H_COUNTERS_USED]! - freeSlots(region, 2, region.counterW + R_NEXT);
  return { tasks, contexts, counters, refs };
}

function freeSlots(region: Region, kind: number, nextAt: number): number {
  let count = 0;
  for (let thread = 0; thread < region.layout.threads; thread++) {
    for (const head of [T_FREE_TASK, T_REMOTE_TASK]) {
      let slot = region.i32[threadWord(region.layout, thread) + head + kind]!;
      for (; slot !== 0; slot = region.i32[nextAt + slot * 16]!) count++;
    }
  }
  return count;
}

/** I6: everything closed and exited, so only the threads' own tasks are left. */
export function assertQuiet(region: Region, threads: number = 1): void {
  assert.deepEqual(liveSlots(region), { tasks: threads, contexts: 0, counters: 0, refs: threads });
}

/** The thread's books: all that was chargeable is in tasks, unattributed or late, to the ns. */
export function assertBooks({ region, cpu, pmu }: World): void {
  cpu.fold();
  const at = threadF64(region.layout, cpu.index);
  for (const event of [TASK_CLOCK, CPU_CLOCK]) {
    const booked =
      region.f64[at + T_F64_TASKS + event]! +
      region.f64[at + T_F64_UNATTRIBUTED + event]! +
      region.f64[at + T_F64_LATE + event]!;
    assert.equal(booked, pmu.counts[event]!, `the books of event ${event} balance`);
  }
}
