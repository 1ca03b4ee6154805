/** What must hold of a thread's schedule whenever no operation is under way (invariants I12, I15-I17, I21-I24, I28). */
import assert from 'node:assert/strict';
import {
  C_ACTIVE,
  C_COUNT,
  C_FIRST,
  C_SLOTTED,
  type ContextHandle,
  type CounterHandle,
  type Cpu,
  H_TASKS_USED,
  K_CONTEXT,
  K_STATE,
  R_LEADER,
  R_NEXT,
  R_PACKED,
  type Region,
  TASK_LIVE,
  T_CONTEXT,
  threadWord,
} from '#core/index.js';
import {
  EVENT_MASK,
  EXCLUSIVE,
  GATED,
  LISTED,
  PINNED,
  SLOTTED,
  STATE_ACTIVE,
  STATE_ERROR,
  STATE_INACTIVE,
  STATE_OFF,
  WANTED,
  stateOf,
} from '#core/counter.js';
import { type World, contextWord, counterWord, makeWorld, taskWord } from './world.ts';

export const STATES: Readonly<Record<number, string>> = {
  [STATE_ERROR]: 'ERROR',
  [STATE_OFF]: 'OFF',
  [STATE_INACTIVE]: 'INACTIVE',
  [STATE_ACTIVE]: 'ACTIVE',
};

export const byNumber = (a: number, b: number): number => a - b;

/** A world whose PMU has so many slots. */
export const makeSlots = (slots: number): World => makeWorld(undefined, slots);

const packedOf = (region: Region, counter: CounterHandle): number => counterWord(region, counter, R_PACKED);

export const stateName = ({ region }: World, counter: CounterHandle): string =>
  STATES[stateOf(packedOf(region, counter))] ?? 'EXIT';

/** The states of all the counters, by name. */
export const states = (world: World, counters: readonly CounterHandle[]): string[] =>
  counters.map((counter) => stateName(world, counter));

function chainOf(region: Region, context: ContextHandle): CounterHandle[] {
  const chain: CounterHandle[] = [];
  for (let c = contextWord(region, context, C_FIRST); c !== 0; c = counterWord(region, c, R_NEXT))
    chain.push(c);
  return chain;
}

/** Contexts of all living tasks and of the thread. */
function contextsOf(region: Region, cpu: Cpu): ContextHandle[] {
  const contexts = [region.i32[threadWord(region.layout, cpu.index) + T_CONTEXT]!];
  for (let task = 1; task <= region.i32[H_TASKS_USED]!; task++) {
    if (taskWord(region, task, K_STATE) === TASK_LIVE) contexts.push(taskWord(region, task, K_CONTEXT));
  }
  return contexts.filter((context) => context > 0);
}

export function assertSchedule({ region, cpu, pmu }: World): void {
  const active: CounterHandle[] = [];
  for (const context of contextsOf(region, cpu)) {
    const listed = chainOf(region, context).filter((c) => (packedOf(region, c) & LISTED) !== 0);
    assert.equal(contextWord(region, context, C_COUNT), listed.length, 'I15');
    const slotted = listed.filter((c) => (packedOf(region, c) & SLOTTED) !== 0);
    assert.equal(contextWord(region, context, C_SLOTTED), slotted.length);
    const isOn = context === cpu.active || context === cpu.threadContext;
    if (context !== cpu.threadContext)
      assert.equal(contextWord(region, context, C_ACTIVE), isOn ? cpu.index + 1 : 0, 'I12');
    const on = listed.filter((c) => stateOf(packedOf(region, c)) === STATE_ACTIVE);
    if (!isOn) assert.deepEqual(on, [], 'I21: nothing of a context that is off is ACTIVE');
    active.push(...on);
    for (const leader of listed) {
      if (counterWord(region, leader, R_LEADER) === leader) assertGroup(region, leader, { listed, isOn });
    }
  }
  const taking = active.filter((c) => (packedOf(region, c) & SLOTTED) !== 0);
  const events = taking.map((c) => packedOf(region, c) & EVENT_MASK);
  assert.deepEqual(
    events.toSorted(byNumber),
    pmu.on.toSorted(byNumber),
    'I21: what is programmed is what is ACTIVE',
  );
  assert.equal(cpu.slotsTaken, events.length, 'I16');
  assert.ok(events.length <= pmu.slots, 'I28');
  const exclusive = active.filter((c) => (packedOf(region, c) & EXCLUSIVE) !== 0);
  assert.equal(cpu.exclusive, exclusive[0] ?? 0, 'I23');
  if (exclusive.length === 0) return;
  const others = active.filter((c) => counterWord(region, c, R_LEADER) !== exclusive[0]);
  assert.deepEqual(others, [], 'I23: nothing beside an exclusive group');
}

interface ContextState {
  readonly listed: readonly CounterHandle[];
  readonly isOn: boolean;
}

function assertGroup(region: Region, leader: CounterHandle, { listed, isOn }: ContextState): void {
  const members = listed.filter((c) => counterWord(region, c, R_LEADER) === leader);
  const packed = packedOf(region, leader);
  const gated = members.some((c) => (packedOf(region, c) & SLOTTED) !== 0);
  assert.equal((packed & GATED) !== 0, gated);
  const state = stateOf(packed);
  for (const member of members) {
    const own = stateOf(packedOf(region, member));
    if (state === STATE_ACTIVE) assert.notEqual(own, STATE_INACTIVE, 'I22: the group is on as a whole');
    else assert.notEqual(own, STATE_ACTIVE, 'I22: no member without its leader');
    const wanted = state >= STATE_INACTIVE && own >= STATE_INACTIVE;
    assert.equal((packedOf(region, member) & WANTED) !== 0, wanted, 'the effective state');
  }
  if (isOn && gated && (packed & PINNED) !== 0) assert.notEqual(state, STATE_INACTIVE, 'I24');
}
