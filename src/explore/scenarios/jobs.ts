/** Jobs for tasks of another thread: what they cost arrives once, whatever ends meanwhile, and the books balance. */
import type { Cpu } from '../../core/cpu.ts';
import { TaskperfError } from '../../core/errors.ts';
import { TASK_CLOCK } from '../../core/events.ts';
import { readFamily } from '../../core/family.ts';
import {
  C_FIRST,
  K_CONTEXT,
  K_GENERATION,
  K_STATE,
  NT_F64_SUM,
  R_F64_COUNT,
  TASK_LIVE,
  T_F64_LATE,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  nameTotalF64,
  threadF64,
} from '../../core/layout.ts';
import { taskWordOf } from '../../core/task.ts';
import { type Scenario, type World, claim, scenario } from '../scenario.ts';

/** A task of thread 0 with an inheritable counter, and a job for it on thread 1, which has run for a while. */
interface Work {
  readonly origin: number;
  readonly generation: number;
  readonly counter: number;
  readonly job: number;
}

function work(w: World): Work {
  const first = w.cpus[0]!;
  for (const cpu of w.cpus)
    cpu.openCounter({ event: TASK_CLOCK, task: cpu.root, inherit: true, inheritStat: true });
  const origin = first.fork(first.root, 1);
  const counter = first.openCounter({ event: TASK_CLOCK, task: origin, inherit: true });
  const generation = taskWordOf(w.region, origin, K_GENERATION);
  first.retain(origin);
  const cpu = w.cpus[1]!;
  const job = cpu.forkJob(origin, generation);
  cpu.switchTo(job);
  cpu.fold();
  cpu.switchTo(cpu.root);
  return { origin, generation, counter, job };
}

/** And a task that the job has started, which has run, too. */
function withChild(w: World): Work {
  const given = work(w);
  const cpu = w.cpus[1]!;
  const child = cpu.fork(given.job, 2);
  cpu.switchTo(child);
  cpu.switchTo(cpu.root);
  cpu.exit(child);
  return given;
}

function exitsJob(_w: World, cpu: Cpu, { job }: Work): void {
  cpu.exit(job);
}

function exitsOrigin(_w: World, cpu: Cpu, { origin }: Work): void {
  cpu.exit(origin);
}

function ships(_w: World, cpu: Cpu, { job }: Work): void {
  cpu.ship(job);
}

function folds(_w: World, cpu: Cpu): void {
  cpu.fold();
}

function ends(_w: World, cpu: Cpu): void {
  cpu.end();
}

function reads(_w: World, cpu: Cpu, { counter }: Work): number[] {
  return [cpu.read(counter).value, cpu.read(counter).value];
}

function reaps(_w: World, cpu: Cpu): void {
  cpu.reap(1);
}

/** 0: no job, since the task has ended. */
function forks(_w: World, cpu: Cpu, { origin, generation }: Work): number {
  try {
    const job = cpu.forkJob(origin, generation);
    cpu.switchTo(job);
    cpu.switchTo(cpu.root);
    cpu.exit(job);
    return job;
  } catch (error) {
    if (error instanceof TaskperfError && error.code === 'ESRCH') return 0;
    throw error;
  }
}

function closes(_w: World, cpu: Cpu, { counter }: Work): void {
  cpu.close(counter);
}

function letGo(w: World, { origin }: Work): void {
  w.cpus.at(0)!.release(origin);
}

/** On each thread: total = tasks + unattributed + late, and the names have what tasks have that no task alive has. */
function balances(w: World, given: Work): void {
  const { f64, layout } = w.region;
  let booked = 0;
  let named = 0;
  for (const cpu of w.cpus) {
    const at = threadF64(layout, cpu.index) + TASK_CLOCK;
    const tasks = f64[at + T_F64_TASKS]!;
    const total = f64[at + T_F64_TOTAL]!;
    const others = f64[at + T_F64_UNATTRIBUTED]! + f64[at + T_F64_LATE]!;
    claim(
      total === tasks + others,
      `thread ${cpu.index} used ${total} ns, ${tasks} and ${others} are booked`,
    );
    booked += tasks;
    for (let name = 0; name < layout.names; name++)
      named += f64[nameTotalF64(layout, cpu.index, name) + NT_F64_SUM + TASK_CLOCK]!;
  }
  for (const task of [given.origin, given.job]) named += ownCount(w, task);
  claim(named === booked, `tasks used ${booked} ns, ${named} are in the rows`);
}

/** What the task, if it lives, has on the first counter of its context: its row. */
function ownCount(w: World, task: number): number {
  const { i32, f64, taskW, contextW, counterF } = w.region;
  const context = i32[taskW + task * 16 + K_CONTEXT]!;
  if (context <= 0 || i32[taskW + task * 16 + K_STATE] !== TASK_LIVE) return 0;
  const counter = i32[contextW + context * 16 + C_FIRST]!;
  return counter === 0 ? 0 : f64[counterF + counter * 8 + R_F64_COUNT]!;
}

function arrivedOnce(w: World, { counter }: Work): void {
  const { value } = readFamily(w.region, counter, 0, w.region.layout.counters);
  const used = w.cpus.reduce((sum, cpu) => sum + cpu.now, 0);
  claim(value <= used, `the counter has ${value} ns, ${used} were used`);
}

const BASE = { cpus: 2, warm: 6, setup: work, finish: letGo } as const;
const JOB = { ...BASE, check: balances } as const;
const DIES = { ...BASE, dies: 0, mayLose: 4, checkDead: arrivedOnce } as const;

export const JOBS: readonly Scenario[] = [
  scenario({
    ...JOB,
    name: 'job-exit',
    title: 'a job ends while its origin, on another thread, ends: its cost is in the row or late, once',
    threads: [{ body: exitsOrigin }, { body: exitsJob }],
  }),
  scenario({
    ...JOB,
    name: 'job-child',
    title: 'the same for a job that has started a task, which has a row of its own',
    setup: withChild,
    threads: [{ body: exitsOrigin }, { body: exitsJob }],
  }),
  scenario({
    ...JOB,
    name: 'job-ship',
    title: 'a job ships what it has cost while its origin comes to safepoints and is read',
    threads: [{ body: reads }, { body: ships }],
    check(w, given, results) {
      const [before, after] = results[0] as [number, number];
      claim(before <= after, `the counter went from ${before} back to ${after}`);
      balances(w, given);
    },
  }),
  scenario({
    ...JOB,
    name: 'job-fork',
    title: 'a job is started while its origin ends: it works for that one, or is told that it has ended',
    threads: [{ body: exitsOrigin }, { body: forks }],
  }),
  scenario({
    ...JOB,
    name: 'job-close',
    title: 'a job ends while the counter that would have its cost is closed',
    threads: [{ body: closes }, { body: exitsJob }],
  }),
  scenario({
    ...JOB,
    name: 'job-end',
    title: 'the thread of a job ends while the origin ends',
    threads: [{ body: exitsOrigin }, { body: ends }],
  }),
  scenario({
    ...JOB,
    name: 'job-two',
    title: 'two threads ship to one origin while its thread comes to safepoints',
    cpus: 3,
    threads: [{ body: folds }, { body: exitsJob }, { body: forks }],
    bound: 1,
  }),
  scenario({
    ...DIES,
    name: 'die-job',
    title: 'a thread dies while its job ends; what had been counted arrives at most once',
    setup: withChild,
    threads: [{ body: exitsJob, cpu: 1 }],
  }),
  scenario({
    ...DIES,
    name: 'die-ship',
    title: 'a thread dies while its job ships',
    threads: [{ body: ships, cpu: 1 }],
  }),
  scenario({
    ...DIES,
    name: 'die-job-fork',
    title: 'a thread dies while it starts a job',
    threads: [{ body: forks, cpu: 1 }],
  }),
  scenario({
    ...DIES,
    name: 'die-job-exit',
    title: 'a thread dies while its job ends, is reaped, and the origin ends meanwhile',
    threads: [
      { body: exitsJob, cpu: 1 },
      { body: reaps, cpu: 0, after: 0 },
    ],
    bound: 0,
  }),
];
