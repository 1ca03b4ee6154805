/** A context is found, made and published while its task is opened by others, exits, or hands it on (S10-S12, I13, I43). */
import type { Cpu } from '../../core/cpu.ts';
import { TaskperfError } from '../../core/errors.ts';
import { TASK_CLOCK } from '../../core/events.ts';
import { C_REFS, K_CONTEXT, K_STATE, R_CONTEXT, TASK_LIVE } from '../../core/layout.ts';
import { findContext, putContext } from '../../core/context.ts';
import { STATE_EXIT, packedOf, stateOf } from '../../core/counter.ts';
import { type Scenario, type World, claim, scenario } from '../scenario.ts';

interface Target {
  readonly task: number;
  /** Another task of the same thread. */
  readonly other: number;
}

/** The handle, or the code of the refusal. */
function open(_w: World, cpu: Cpu, { task }: Target): number | string {
  try {
    return cpu.openCounter({ event: TASK_CLOCK, task });
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function switchAndExit(_w: World, cpu: Cpu, { task, other }: Target): void {
  cpu.switchTo(other);
  cpu.fork(task, 0);
  cpu.switchTo(task);
  cpu.exit(task);
}

function openTwo(w: World, cpu: Cpu, given: Target): void {
  const first = open(w, cpu, given);
  open(w, cpu, given);
  if (typeof first === 'number') cpu.close(first);
}

function find(_w: World, cpu: Cpu, { task }: Target): number {
  return findContext(cpu, task);
}

function exit(_w: World, cpu: Cpu, { task }: Target): void {
  cpu.exit(task);
}

function exitTwice(_w: World, cpu: Cpu, { task }: Target): void {
  cpu.exit(task);
  cpu.fold();
}

function switchBoth(_w: World, cpu: Cpu, { task, other }: Target): void {
  cpu.switchTo(other);
  cpu.switchTo(task);
}

/** A task of thread 0, which everybody who opens on it keeps (they must be able to see it). */
function oneTask(w: World): Target {
  const cpu = w.cpus[0]!;
  const task = cpu.fork(cpu.root, 0);
  cpu.retain(task);
  return { task, other: cpu.root };
}

/** It has a context already. */
function countedTask(w: World): Target {
  const target = oneTask(w);
  w.cpus[0]!.openCounter({ event: TASK_CLOCK, task: target.task });
  return target;
}

/** It has one without counters: the task's is the only reference. */
function emptiedTask(w: World): Target {
  const target = oneTask(w);
  const cpu = w.cpus[0]!;
  cpu.close(cpu.openCounter({ event: TASK_CLOCK, task: target.task }));
  return target;
}

/** It runs, and may exchange its context with a sister's at a lazy switch. */
function sisters(w: World): Target {
  const cpu = w.cpus[0]!;
  const parent = cpu.fork(cpu.root, 0);
  cpu.openCounter({ event: TASK_CLOCK, task: parent, inherit: true });
  const task = cpu.fork(parent, 0);
  const other = cpu.fork(parent, 0);
  cpu.retain(task);
  cpu.switchTo(task);
  return { task, other };
}

function letGo(w: World, { task }: Target): void {
  w.cpus.at(0)!.release(task);
}

/** The references that `find` took, too. */
function letGoOfAll(w: World, { task }: Target, results: readonly unknown[]): void {
  const cpu = w.cpus.at(0)!;
  for (const context of results) putContext(cpu, context as number);
  cpu.release(task);
}

/** All that were opened are on the task's one context. */
function countOnTask(w: World, { task }: Target, results: readonly unknown[]): void {
  const { i32, taskW, counterW } = w.region;
  if (i32[taskW + task * 16 + K_STATE] !== TASK_LIVE) return;
  const context = i32[taskW + task * 16 + K_CONTEXT]!;
  for (const counter of results) {
    if (typeof counter !== 'number') continue;
    const its = i32[counterW + counter * 16 + R_CONTEXT];
    claim(its === context, `counter ${counter} is in context ${its}, its task has ${context}`);
  }
}

/** S12: as many references as counters, and the task's. */
function areTogether(w: World, given: Target, results: readonly unknown[]): void {
  const { i32, taskW, contextW } = w.region;
  claim(
    results.every((result) => typeof result === 'number'),
    `the opens gave ${results.join(' and ')}`,
  );
  countOnTask(w, given, results);
  const refs = i32[contextW + i32[taskW + given.task * 16 + K_CONTEXT]! * 16 + C_REFS];
  claim(refs === results.length + 1, `the context has ${refs} references`);
}

/** C6: success and it ends with its task, or ESRCH; nothing else. */
function isOpenOrRefused(w: World, given: Target, results: readonly unknown[]): void {
  for (const result of results) {
    if (result === undefined) continue;
    claim(typeof result === 'number' || result === 'ESRCH', `an open gave ${JSON.stringify(result)}`);
    if (typeof result !== 'number') continue;
    const state = stateOf(packedOf(w.region, result));
    claim(state === STATE_EXIT, `counter ${result} of the dead task is in state ${state}`);
  }
  countOnTask(w, given, results);
}

export const ATTACH: readonly Scenario[] = [
  scenario({
    name: 'publish-two',
    title: 'S11, S12: two threads open the first counters of a task; one context, both in it',
    cpus: 3,
    warm: 4,
    setup: oneTask,
    threads: [
      { body: open, cpu: 1 },
      { body: open, cpu: 2 },
    ],
    check: areTogether,
    finish: letGo,
  }),
  scenario({
    name: 'publish-owner',
    title: 'S11, S12: the owner of the task and another thread open its first counters',
    cpus: 2,
    warm: 4,
    setup: oneTask,
    threads: [{ body: open }, { body: open }],
    check: areTogether,
    finish: letGo,
  }),
  scenario({
    name: 'publish-three',
    title: 'S11, S12: three threads want the context of a task that has none; all get the same one',
    cpus: 3,
    warm: 1,
    setup: oneTask,
    threads: [{ body: find }, { body: find }, { body: find }],
    check(_w, _given, results) {
      claim(new Set(results).size === 1, `they found contexts ${results.join(', ')}`);
    },
    finish: letGoOfAll,
  }),
  scenario({
    name: 'attach-three',
    title: 'S12, H6: two threads open counters on a task that is switched and exits',
    cpus: 3,
    warm: 4,
    setup: sisters,
    threads: [{ body: switchAndExit }, { body: openTwo }, { body: openTwo }],
    finish: letGo,
    bound: 1,
  }),
  scenario({
    name: 'publish-no-room',
    title: 'S12, I45: there is room for one context only; the other open shares it or leaves no trace',
    bound: 2,
    capacities: { contexts: 1 },
    cpus: 3,
    setup: oneTask,
    threads: [
      { body: open, cpu: 1 },
      { body: open, cpu: 2 },
    ],
    check(w, given, results) {
      claim(
        results.some((result) => typeof result === 'number'),
        `both opens were refused: ${results.join(', ')}`,
      );
      countOnTask(w, given, results);
    },
    finish: letGo,
  }),
  scenario({
    name: 'publish-no-counters',
    title: 'I45: there is room for one counter and its request; the other open leaves no trace',
    capacities: { counters: 3 },
    cpus: 3,
    setup: oneTask,
    threads: [
      { body: open, cpu: 1 },
      { body: open, cpu: 2 },
    ],
    check: countOnTask,
    finish: letGo,
  }),
  scenario({
    name: 'exit-attach-fresh',
    title: 'H2, H47, I13: a task without a context exits while another thread opens its first counter',
    cpus: 2,
    warm: 4,
    setup: oneTask,
    threads: [{ body: exit }, { body: open }],
    check: isOpenOrRefused,
    finish: letGo,
  }),
  scenario({
    name: 'exit-attach-counted',
    title: 'H2, H26, I3: a task exits while another thread takes a reference on its context',
    cpus: 2,
    warm: 4,
    setup: countedTask,
    threads: [{ body: exitTwice }, { body: open }],
    check: isOpenOrRefused,
    finish: letGo,
  }),
  scenario({
    name: 'exit-attach-empty',
    title: 'H2, I3: a task exits and drops the last reference on its context while another thread takes one',
    cpus: 2,
    warm: 4,
    setup: emptiedTask,
    threads: [{ body: exitTwice }, { body: open }],
    check: isOpenOrRefused,
    finish: letGo,
  }),
  scenario({
    name: 'exit-attach-3',
    title: 'H2, H47: a task exits while two other threads open its first counters',
    cpus: 3,
    warm: 4,
    setup: oneTask,
    threads: [{ body: exit }, { body: open }, { body: open }],
    check: isOpenOrRefused,
    finish: letGo,
  }),
  scenario({
    name: 'swap-attach',
    title:
      'H6, H16, I38: a context changes hands at lazy switches while another thread opens a counter on it',
    cpus: 2,
    warm: 4,
    setup: sisters,
    threads: [{ body: switchBoth }, { body: open }],
    check: countOnTask,
    finish: letGo,
  }),
];
