/** Ends of tasks and threads against whoever still holds them, and the memory they leave. */
import { STATE_DEAD, STATE_EXIT, packedOf, stateOf } from '../../core/counter.ts';
import type { Cpu } from '../../core/cpu.ts';
import { TaskperfError } from '../../core/errors.ts';
import { TASK_CLOCK } from '../../core/events.ts';
import { K_PARENT, K_STATE, TASK_LIVE, THREAD_EXITED, T_STATE, threadWord } from '../../core/layout.ts';
import { taskWordOf } from '../../core/task.ts';
import { type Scenario, type World, claim, scenario } from '../scenario.ts';

interface Lives {
  readonly task: number;
  readonly counter: number;
}

/** A counted task of the last thread, kept by whoever works on it. */
function onLast(w: World): Lives {
  const cpu = w.cpus.at(-1)!;
  const task = cpu.fork(cpu.root, 0);
  cpu.retain(task);
  const counter = cpu.openCounter({ event: TASK_CLOCK, task });
  return { task, counter };
}

/** A task of thread 0 with a living child. */
function parentAndChild(w: World): Lives {
  const cpu = w.cpus[0]!;
  const parent = cpu.fork(cpu.root, 0);
  const task = cpu.fork(parent, 0);
  cpu.retain(task);
  cpu.exit(parent);
  return { task, counter: 0 };
}

/** A clone whose link is the last reference on its parent's context. */
function lastClone(w: World): Lives {
  const cpu = w.cpus[0]!;
  const parent = cpu.fork(cpu.root, 0);
  const original = cpu.openCounter({ event: TASK_CLOCK, task: parent, inherit: true });
  const first = cpu.fork(parent, 0);
  const task = cpu.fork(first, 0);
  cpu.exit(first);
  cpu.exit(parent);
  cpu.retain(task);
  return { task, counter: original };
}

function end(_w: World, cpu: Cpu): void {
  cpu.shutdown();
}

/** What the first thread does when the system says that the last one is gone. */
function reapLast(_w: World, cpu: Cpu): void {
  cpu.reap(2);
}

function exit(_w: World, cpu: Cpu, { task }: Lives): void {
  cpu.exit(task);
}

function exitAndLetGo(_w: World, cpu: Cpu, { task }: Lives): void {
  cpu.exit(task);
  cpu.release(task);
}

function letGoOfIt(_w: World, cpu: Cpu, { task }: Lives): void {
  cpu.release(task);
}

function forkFrom(_w: World, cpu: Cpu, { task }: Lives): number {
  return cpu.fork(task, 0);
}

function open(_w: World, cpu: Cpu, { task }: Lives): number | string {
  try {
    return cpu.openCounter({ event: TASK_CLOCK, task });
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function close(_w: World, cpu: Cpu, { counter }: Lives): string | undefined {
  try {
    cpu.close(counter);
    return undefined;
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function enable(_w: World, cpu: Cpu, { counter, task }: Lives): void {
  cpu.disable(counter);
  cpu.disableCounters(task);
}

function letGo(w: World, { task }: Lives): void {
  w.cpus.at(0)!.release(task);
}

function nothing(): void {
  // Let go by a body already.
}

function isOver(w: World, { task }: Lives): void {
  const last = w.cpus.at(-1)!;
  const state = w.region.i32[threadWord(w.region.layout, last.index) + T_STATE];
  claim(state === THREAD_EXITED, `the thread is in state ${state}`);
  claim(taskWordOf(w.region, task, K_STATE) !== TASK_LIVE, 'its task has exited');
}

function endsWithIt(w: World, given: Lives, results: readonly unknown[]): void {
  isOver(w, given);
  const [counter] = results.filter((result) => typeof result === 'number');
  if (counter === undefined) return;
  const state = stateOf(packedOf(w.region, counter));
  claim(state === STATE_EXIT, `the counter on the dead thread's task is in state ${state}`);
}

function isClosed(w: World, given: Lives): void {
  isOver(w, given);
  const state = stateOf(packedOf(w.region, given.counter));
  claim(state === STATE_DEAD, `the counter was closed and is in state ${state}`);
}

const ENDS = { cpus: 2, warm: 4, setup: onLast, finish: letGo } as const;
const REAPED = { cpus: 3, warm: 4, setup: onLast, finish: letGo } as const;

export const LIFECYCLE: readonly Scenario[] = [
  scenario({
    ...ENDS,
    name: 'end-open',
    title: 'I44, I6: a thread ends while a counter is opened on its task; it ends with the task, or ESRCH',
    threads: [{ body: open }, { body: end }],
    check: endsWithIt,
  }),
  scenario({
    ...ENDS,
    name: 'end-close',
    title: 'I44, I6: a thread ends while a counter on its task is closed by another',
    threads: [{ body: close }, { body: end }],
    check: isClosed,
  }),
  scenario({
    ...ENDS,
    name: 'end-disable',
    title: 'I44, I6: a thread ends while counters on its task are disabled by another',
    threads: [{ body: enable }, { body: end }],
    check: isOver,
  }),
  scenario({
    ...REAPED,
    name: 'reap-open',
    title: 'H2, I6: a dead thread is reaped while a third opens a counter on its task',
    threads: [{ body: reapLast }, { body: open }],
    check: endsWithIt,
  }),
  scenario({
    ...REAPED,
    name: 'reap-close',
    title: 'I4, I6: a dead thread is reaped while a third closes a counter on its task',
    threads: [{ body: reapLast }, { body: close }],
    check: isClosed,
  }),
  scenario({
    ...REAPED,
    name: 'reap-disable',
    title: 'I44, I6: a dead thread is reaped while a third disables counters on its task',
    threads: [{ body: reapLast }, { body: enable }],
    check: isOver,
  }),
  scenario({
    name: 'task-last-reference',
    title: 'I2: a task exits while another thread lets go of it; its slot is freed once',
    cpus: 2,
    setup: onLastOfFirst,
    threads: [{ body: exit }, { body: letGoOfIt }],
    finish: nothing,
  }),
  scenario({
    name: 'task-chain',
    title:
      'I2: the last child of a dead task exits while another thread lets go of the child; both slots go once',
    cpus: 2,
    setup: parentAndChild,
    threads: [{ body: exit }, { body: letGoOfIt }],
    finish: nothing,
  }),
  scenario({
    name: 'fork-elsewhere',
    title: 'I2, I3: a thread starts a task whose parent, on another thread, exits',
    cpus: 2,
    warm: 3,
    setup: onFirst,
    threads: [{ body: exitAndLetGo }, { body: forkFrom }],
    check(w, { task }, results) {
      const child = results[1] as number;
      const parent = taskWordOf(w.region, child, K_PARENT);
      const roots = w.cpus.map(({ root }) => root);
      claim([task, ...roots].includes(parent), `the parent of task ${child} is ${parent}`);
    },
    finish: letGo,
  }),
  scenario({
    name: 'clone-cascade',
    title: 'H21, H44, I3: the last clone exits while another thread attaches to it; parents are freed once',
    cpus: 2,
    warm: 4,
    setup: lastClone,
    threads: [{ body: exit }, { body: open }],
    finish: letGo,
  }),
  scenario({
    name: 'clone-fork',
    title: 'H9, H44: a clone forks while another thread attaches to it, which ends its being a clone',
    cpus: 2,
    warm: 4,
    setup: lastClone,
    threads: [{ body: forkFrom }, { body: open }],
    finish: letGo,
  }),
];

/** A counted task of thread 0, kept once. */
function onLastOfFirst(w: World): Lives {
  return onLast({ ...w, cpus: w.cpus.slice(0, 1) });
}

/** The same, kept by both threads. */
function onFirst(w: World): Lives {
  const given = onLastOfFirst(w);
  w.cpus[0]!.retain(given.task);
  return given;
}
