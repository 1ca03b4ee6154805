/** Slots taken and given back by several threads (I2, I4, I18). */
import { Cpu } from '../../core/cpu.ts';
import { TaskperfError } from '../../core/errors.ts';
import { H_LOST_TASKS, H_TASKS_USED } from '../../core/layout.ts';
import { KIND_TASK, giveSlot, takeSlot } from '../../core/slab.ts';
import { type Scenario, type World, claim, scenario } from '../scenario.ts';
import { StepPmu } from '../step-pmu.ts';

/** Slots that a thread holds at the start. */
type Slots = readonly number[];

function takeOne(w: World, cpu: Cpu): number {
  return takeSlot(w.region, cpu.index, KIND_TASK);
}

function takeTwo(w: World, cpu: Cpu): number[] {
  return [takeSlot(w.region, cpu.index, KIND_TASK), takeSlot(w.region, cpu.index, KIND_TASK)];
}

function giveFirstHome(_w: World, cpu: Cpu, given: Slots): void {
  giveSlot(cpu, KIND_TASK, given.at(0)!, 0);
}

function giveSecondHome(_w: World, cpu: Cpu, given: Slots): void {
  giveSlot(cpu, KIND_TASK, given.at(1)!, 0);
}

function giveBothHome(_w: World, cpu: Cpu, given: Slots): void {
  giveSlot(cpu, KIND_TASK, given.at(0)!, 0);
  giveSlot(cpu, KIND_TASK, given.at(1)!, 0);
}

function end(_w: World, cpu: Cpu): void {
  cpu.shutdown();
}

/** A new thread, which takes the place of the dead one, and a slot for its own task if one is left. */
function startThread(w: World): number {
  try {
    const cpu = new Cpu(w.region, new StepPmu(), { threadId: 9, tid: 0, name: 't9' });
    w.cpus.push(cpu);
    return cpu.root;
  } catch (error) {
    if (error instanceof TaskperfError) return 0;
    throw error;
  }
}

function takenBy(results: readonly unknown[]): number[] {
  return (results.flat() as (number | undefined)[]).filter(
    (slot) => slot !== undefined && slot !== 0,
  ) as number[];
}

/** What the bodies took goes back before the census looks. */
function giveBack(w: World, _given: unknown, results: readonly unknown[]): void {
  for (const slot of results.flat() as (number | undefined)[]) {
    if (slot !== undefined && slot !== 0) giveSlot(w.cpus.at(0)!, KIND_TASK, slot, 0);
  }
}

/** As above; the new thread's slot is in use. */
function giveBackFirst(w: World, _given: unknown, results: readonly unknown[]): void {
  const slot = results.at(0) as number;
  if (slot !== 0) giveSlot(w.cpus.at(0)!, KIND_TASK, slot, 0);
}

function areDifferent(_w: World, _given: unknown, results: readonly unknown[]): void {
  const taken = takenBy(results);
  claim(new Set(taken).size === taken.length, `slots ${taken.join(', ')} were given out twice`);
}

/** Thread 0 took these; its free list is empty. */
function takenByFirst(w: World): Slots {
  const [first] = w.cpus;
  return [takeSlot(w.region, first!.index, KIND_TASK), takeSlot(w.region, first!.index, KIND_TASK)];
}

/** The last thread has three free slots and is gone; nothing else is free. */
function deadHasAll(w: World): Slots {
  const dead = w.cpus.pop()!;
  const slots = [1, 2].map(() => takeSlot(w.region, dead.index, KIND_TASK));
  for (const slot of slots) giveSlot(dead, KIND_TASK, slot, dead.index);
  dead.shutdown();
  return [];
}

export const SLAB: readonly Scenario[] = [
  scenario({
    name: 'slab-grow',
    title: 'I2: two threads raise the high-water mark; nobody gets the same slot',
    cpus: 2,
    setup: () => [],
    threads: [{ body: takeTwo }, { body: takeTwo }],
    check: areDifferent,
    finish: giveBack,
  }),
  scenario({
    name: 'slab-grow-3',
    title: 'I2: three threads raise the high-water mark',
    cpus: 3,
    setup: () => [],
    threads: [{ body: takeOne }, { body: takeOne }, { body: takeOne }],
    check: areDifferent,
    finish: giveBack,
  }),
  scenario({
    name: 'slab-last',
    title: 'I2: two threads want the last slot; one gets it, the other 0, and the loss is counted',
    capacities: { tasks: 3 },
    cpus: 2,
    setup: () => [],
    threads: [{ body: takeOne }, { body: takeOne }],
    check(w, given, results) {
      areDifferent(w, given, results);
      claim(takenBy(results).length === 1, `they got ${results.join(' and ')}`);
      claim(
        w.region.i32[H_TASKS_USED] === 3 && w.region.i32[H_LOST_TASKS] === 1,
        'one is used, one counted as lost',
      );
    },
    finish: giveBack,
  }),
  scenario({
    name: 'slab-remote-free',
    title: 'I2: a thread takes slots while another gives two of its back',
    cpus: 2,
    setup: takenByFirst,
    threads: [{ body: takeTwo }, { body: giveBothHome }],
    check: areDifferent,
    finish: giveBack,
  }),
  scenario({
    name: 'slab-remote-free-3',
    title: 'I2: a thread takes slots while two others give one back each',
    cpus: 3,
    setup: takenByFirst,
    threads: [{ body: takeTwo }, { body: giveFirstHome }, { body: giveSecondHome }],
    check: areDifferent,
    finish: giveBack,
  }),
  scenario({
    name: 'slab-home-ends',
    title: 'I2: a slot is given back to a thread that ends at that moment; it is not lost',
    cpus: 2,
    setup(w) {
      const home = w.cpus[1]!;
      return [takeSlot(w.region, home.index, KIND_TASK)];
    },
    threads: [{ body: giveToSecond }, { body: end }],
  }),
  scenario({
    name: 'slab-adopt',
    title: 'I2: two threads take over what a dead one had free',
    capacities: { tasks: 5 },
    cpus: 3,
    setup: deadHasAll,
    threads: [{ body: takeOne }, { body: takeTwo }],
    check(w, given, results) {
      areDifferent(w, given, results);
      claim(w.region.i32[H_TASKS_USED] === 5, 'the slab is full');
    },
    finish: giveBack,
  }),
  scenario({
    name: 'slab-adopt-restart',
    title: 'I2: free slots of a dead thread are taken over while a new thread takes its place',
    capacities: { tasks: 4, threads: 2 },
    cpus: 2,
    setup: deadHasAll,
    threads: [{ body: takeOne }, { body: startThread }],
    check: areDifferent,
    finish: giveBackFirst,
  }),
  scenario({
    name: 'slab-adopt-end',
    title: 'I2: a thread ends and another takes its place while a third takes over what it left',
    capacities: { tasks: 4, threads: 2 },
    cpus: 2,
    setup(w) {
      const ending = w.cpus[1]!;
      const slots = [1, 2].map(() => takeSlot(w.region, ending.index, KIND_TASK));
      for (const slot of slots) giveSlot(ending, KIND_TASK, slot, ending.index);
      return [];
    },
    threads: [{ body: takeOne }, { body: end }, { body: startThread, cpu: 1, after: 1 }],
    check: (w, given, results) => areDifferent(w, given, [results[0], results[2]]),
    finish: giveBackFirst,
  }),
];

function giveToSecond(_w: World, cpu: Cpu, given: Slots): void {
  giveSlot(cpu, KIND_TASK, given.at(0)!, 1);
}
