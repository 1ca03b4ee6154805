/** Thread slots and names: taken by two threads at once. */
import { Cpu } from '../../core/cpu.ts';
import { TASK_CLOCK } from '../../core/events.ts';
import { TaskperfError } from '../../core/errors.ts';
import {
  H_LOST_THREADS,
  H_NAMES_USED,
  H_THREADS_USED,
  THREAD_LIVE,
  T_ID,
  T_ROOT,
  T_STATE,
  threadWord,
} from '../../core/layout.ts';
import { internName, nameText } from '../../core/names.ts';
import { type Scenario, type World, claim, scenario } from '../scenario.ts';
import { StepPmu } from '../step-pmu.ts';

function startA(w: World): number | string {
  return start(w, 7);
}

function startB(w: World): number | string {
  return start(w, 8);
}

function start(w: World, threadId: number): number | string {
  try {
    const cpu = new Cpu(w.region, new StepPmu(), { threadId, tid: 0, name: `t${threadId}` });
    w.cpus.push(cpu);
    return cpu.index;
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

/** A thread with a task, on both of which it counts, and a job for the first thread's task: it has something to send. */
function ending(w: World): void {
  const [first, cpu] = w.cpus as [Cpu, Cpu];
  for (const one of [first, cpu]) one.openCounter({ event: TASK_CLOCK, task: one.root, inherit: true });
  const origin = first.fork(first.root, 0);
  cpu.switchTo(cpu.forkJob(origin, first.generationOf(origin)));
  cpu.fold();
}

function ends(_w: World, cpu: Cpu): void {
  cpu.end();
}

/** Takes the slot as soon as it is free, if it ever is, and counts in it. */
function startsAndCounts(w: World): number {
  if (typeof start(w, 8) === 'string') return 0;
  const cpu = w.cpus.at(-1)!;
  const counter = cpu.openCounter({ event: TASK_CLOCK, task: cpu.root });
  const seq = w.region.i32[cpu.seqAt]!;
  cpu.fold();
  const changes = w.region.i32[cpu.seqAt]! - seq;
  cpu.close(counter);
  return changes;
}

function hasItsSlot(w: World, index: unknown, threadId: number): void {
  if (typeof index !== 'number') return;
  const at = threadWord(w.region.layout, index);
  const { i32 } = w.region;
  claim(
    i32[at + T_STATE] === THREAD_LIVE && i32[at + T_ID] === threadId,
    `slot ${index} is not thread ${threadId}'s`,
  );
  claim(i32[at + T_ROOT] !== 0, `thread ${threadId} has no task of its own`);
}

function internFirst(w: World): number {
  return internName(w.region, 'ab');
}

function internSecond(w: World): number {
  return internName(w.region, 'cd');
}

function readNames(w: World): string[] {
  const texts: string[] = [];
  // Slot 0 is "(other)", 1 the first thread's name, which all of this scenario's share.
  texts.push(nameText(w.region, 2), nameText(w.region, 3));
  return texts;
}

function oneThread(w: World): void {
  w.cpus.length = 1;
}

export const THREADS: readonly Scenario[] = [
  scenario({
    name: 'thread-start',
    title: 'two threads begin at once; each has a slot of its own',
    capacities: { threads: 3 },
    cpus: 1,
    setup: oneThread,
    threads: [{ body: startA }, { body: startB }],
    check(w, _given, results) {
      claim(results[0] !== results[1], `both got thread slot ${String(results[0])}`);
      hasItsSlot(w, results[0], 7);
      hasItsSlot(w, results[1], 8);
      claim(
        w.region.i32[H_THREADS_USED] === 3,
        `${w.region.i32[H_THREADS_USED]} thread slots are used, not 3`,
      );
    },
  }),
  scenario({
    name: 'thread-start-last',
    title: 'two threads want the last slot; one is refused and counted',
    capacities: { threads: 2 },
    cpus: 1,
    setup: oneThread,
    threads: [{ body: startA }, { body: startB }],
    check(w, _given, results) {
      claim(results.includes(1) && results.includes('ENOSPC'), `they got ${results.join(' and ')}`);
      hasItsSlot(w, results[0], 7);
      hasItsSlot(w, results[1], 8);
      claim(w.region.i32[H_LOST_THREADS] === 1, 'the refused one is counted');
    },
  }),
  scenario({
    name: 'thread-end-start',
    title:
      'a thread ends, and another takes its slot as soon as it is free: the first writes nothing to it any more',
    capacities: { threads: 2 },
    cpus: 2,
    warm: 6,
    setup: ending,
    threads: [
      { body: ends, cpu: 1 },
      { body: startsAndCounts, cpu: 0 },
    ],
    check(_w, _given, results) {
      const changes = results[1] as number;
      claim(changes === 0 || changes === 2, `a change was begun and ended by ${changes} writes`);
    },
  }),
  scenario({
    name: 'names-intern',
    title: 'two threads intern texts, one of them the same; each number has its text',
    capacities: { names: 5 },
    cpus: 1,
    setup: () => ({}),
    threads: [{ body: internFirst }, { body: internSecond }],
    check(w, _given, results) {
      claim(nameText(w.region, results[0] as number) === 'ab', `name ${String(results[0])} is not "ab"`);
      claim(nameText(w.region, results[1] as number) === 'cd', `name ${String(results[1])} is not "cd"`);
      claim(results[0] !== results[1] && w.region.i32[H_NAMES_USED] === 4, 'two names are taken');
    },
  }),
  scenario({
    name: 'names-read',
    title: 'a name is read while it is written: it is empty or whole',
    capacities: { names: 5 },
    cpus: 1,
    setup: () => ({}),
    threads: [{ body: internFirst }, { body: readNames, cpu: 0 }],
    check(_w, _given, results) {
      const [first, second] = results[1] as [string, string];
      claim(first === '' || first === 'ab', `a reader saw the name ${JSON.stringify(first)}`);
      claim(second === '', `a reader saw the name ${JSON.stringify(second)}, which nobody gave`);
    },
  }),
];
