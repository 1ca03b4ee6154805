/** Slots taken and given back by several threads. */
import type { Cpu } from '../../core/cpu.ts';
import { KIND_TASK, giveSlot, takeSlot } from '../../core/slab.ts';
import { H_TASKS_USED, K_REFS, K_STATE, TASK_EXITED, TASK_FREE } from '../../core/layout.ts';
import { type Scenario, type World, claim, scenario } from '../scenario.ts';

const CAPACITIES = { threads: 3, tasks: 8 };

/** A task slot that the census takes for one in use, with one reference. */
function mark(w: World, slot: number, state: number): void {
  w.region.i32[w.region.taskW + (slot << 4) + K_STATE] = state;
}

function takeOne(w: World, cpu: Cpu): number {
  return takeSlot(w.region, cpu.index, KIND_TASK);
}

function takeTwo(w: World, cpu: Cpu): number[] {
  return [takeSlot(w.region, cpu.index, KIND_TASK), takeSlot(w.region, cpu.index, KIND_TASK)];
}

interface Slots {
  readonly slots: readonly number[];
}

function giveFirst(_w: World, cpu: Cpu, given: Slots): void {
  giveSlot(cpu, KIND_TASK, given.slots.at(0)!, 0);
}

function giveSecond(_w: World, cpu: Cpu, given: Slots): void {
  giveSlot(cpu, KIND_TASK, given.slots.at(1)!, 0);
}

/** Slots taken must be different ones. They go back before the census looks. */
function giveBack(w: World, _given: unknown, results: readonly unknown[]): void {
  const taken = results.flat() as (number | undefined)[];
  for (const slot of taken) {
    if (slot !== undefined && slot !== 0) giveSlot(w.cpus.at(0)!, KIND_TASK, slot, 0);
  }
}

function areDifferent(_w: World, _given: unknown, results: readonly unknown[]): void {
  const taken = (results.flat() as (number | undefined)[]).filter((slot) => slot !== undefined && slot !== 0);
  claim(new Set(taken).size === taken.length, `slots ${taken.join(', ')} were given out twice`);
}

export const SLAB: readonly Scenario[] = [
  scenario({
    name: 'slab-grow',
    title: 'I2: two threads raise the high-water mark; nobody gets the same slot',
    capacities: CAPACITIES,
    cpus: 2,
    setup: () => ({}),
    threads: [{ body: takeTwo }, { body: takeTwo }],
    check: areDifferent,
    finish: giveBack,
  }),
  scenario({
    name: 'slab-last',
    title: 'I2: two threads want the last slot; one gets it, the other gets 0 and is counted',
    capacities: { ...CAPACITIES, tasks: 3 },
    cpus: 2,
    setup: () => ({}),
    threads: [{ body: takeOne }, { body: takeOne }],
    check(w, given, results) {
      areDifferent(w, given, results);
      claim(w.region.i32[H_TASKS_USED] === 3, 'all slots are in use');
      claim(results.includes(0) && !results.every((slot) => slot === 0), `they got ${results.join(' and ')}`);
    },
    finish: giveBack,
  }),
];
void [mark, giveFirst, giveSecond, TASK_EXITED, TASK_FREE, K_REFS];
