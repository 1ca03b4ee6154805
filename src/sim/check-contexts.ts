/** Whose a context is, who counts in it, and which of them may be exchanged. */
import { ownerOf } from '../core/context.ts';
import {
  C_ACTIVE,
  C_FIRST,
  C_PARENT,
  C_PARENT_GENERATION,
  C_PINS,
  C_REFS,
  C_TASK,
  K_CONTEXT,
  K_STATE,
  K_THREAD,
  R_CONTEXT,
  R_LEADER,
  R_NEXT,
  R_PACKED,
  R_PARENT,
  TASK_EXITED,
  TASK_LIVE,
  TOMBSTONE,
} from '../core/index.ts';
import {
  COUNTING,
  EVENT_MASK,
  LISTED,
  RUNNING,
  STATE_EXIT,
  STATE_INACTIVE,
  counterWordOf,
  pack,
  packedOf,
  stateOf,
} from '../core/counter.ts';
import { type Census, USE_COUNTER } from './census.ts';
import type { Machine } from './machine.ts';
import { ModelTask } from './model-owner.ts';
import { demand } from './violation.ts';

/** The bits that hold the state. */
const STATE_BITS = 0xf00;

/** I9: task and context point to each other; I14: a task that never was counted has none. */
export function checkOwners(machine: Machine, census: Census): void {
  const { i32, taskW, contextW } = machine.region;
  for (const { handle, model } of machine.tasks) {
    const context = i32[taskW + (handle << 4) + K_CONTEXT]!;
    if (context <= 0) {
      demand(context === 0 && !model.isCounted, 'I14', () => `task ${handle} has context ${context}`);
      continue;
    }
    demand(model.isCounted, 'I14', () => `task ${handle} was never counted and has context ${context}`);
    const at = contextW + (context << 4);
    const owner = i32[at + C_TASK]!;
    demand(owner === handle, 'I9', () => `task ${handle} has context ${context}, whose task is ${owner}`);
    const thread = ownerOf(machine.region, context);
    const expected = i32[taskW + (handle << 4) + K_THREAD]!;
    demand(
      thread === expected,
      'I9',
      () => `context ${context} is of thread ${thread}, its task of ${expected}`,
    );
  }
  for (let c = 1; c <= census.contextsUsed; c++) {
    const owners = census.contextOwners[c]!;
    demand(owners <= 1, 'I9', () => `context ${c} belongs to ${owners} tasks`);
    if (owners === 0 && i32[contextW + (c << 4) + C_REFS]! > 0) {
      const task = i32[contextW + (c << 4) + C_TASK]!;
      demand(task === TOMBSTONE, 'I9', () => `context ${c} says it is task ${task}'s`);
    }
  }
}

/** I10-I12: what a thread counts is the running task's context, and each is counted by one thread at most. */
export function checkActive(machine: Machine, census: Census): void {
  const { i32, taskW, contextW } = machine.region;
  for (const { core, model, index, isDead } of machine.cpus) {
    if (isDead) continue;
    const { active } = core;
    const running = model.running === undefined ? 0 : machine.simTask(model.running).handle;
    const own = running === 0 ? 0 : i32[taskW + (running << 4) + K_CONTEXT]!;
    demand(active === 0 || active === own, 'I10', () => `thread ${index} counts ${active}, runs ${running}`);
    const on = i32[contextW + (active << 4) + C_ACTIVE]!;
    demand(active === 0 || on === index + 1, 'I12', () => `context ${active}, counted, is on ${on}`);
  }
  for (let c = 1; c <= census.contextsUsed; c++) {
    if (i32[contextW + (c << 4) + C_REFS]! <= 0) continue;
    const on = i32[contextW + (c << 4) + C_ACTIVE]!;
    if (on === 0) continue;
    const cpu = machine.cpus.find(({ index }) => index === on - 1);
    demand(cpu?.core.active === c, 'I11', () => `context ${c} says it is counted by thread ${on - 1}`);
  }
}

/** I13: a dead task holds a tombstone and its originals are final (I35); nothing is added to either. */
export function checkTombstones(machine: Machine, census: Census): void {
  const { i32, taskW } = machine.region;
  for (let t = 1; t <= census.tasksUsed; t++) {
    const at = taskW + (t << 4);
    if (i32[at + K_STATE] !== TASK_EXITED) continue;
    const context = i32[at + K_CONTEXT]!;
    demand(context === TOMBSTONE, 'I13', () => `task ${t} is dead and has context ${context}`);
  }
  for (const { handle, model } of machine.counters) {
    if (model.target.isLive) continue;
    const packed = packedOf(machine.region, handle);
    const isUnderWay = !model.isInstalled && !model.own.isFrozen;
    const isFinal = (packed & LISTED) === 0 && stateOf(packed) === STATE_EXIT;
    demand(
      isUnderWay || isFinal,
      'I35',
      () => `counter ${handle}, of a dead task, is in state ${stateOf(packed)}`,
    );
  }
}

/** I37: contexts that may be exchanged have the same counters of the same families in the same order and state. */
export function checkClones(machine: Machine, census: Census): void {
  const { i32, contextW } = machine.region;
  const firsts: number[] = [];
  for (let c = 1; c <= census.contextsUsed; c++) {
    const at = contextW + (c << 4);
    if (i32[at + C_REFS]! <= 0 || i32[at + C_PARENT] === 0 || i32[at + C_PINS] !== 0) continue;
    const alike = firsts.find((other) => {
      const first = contextW + (other << 4);
      const isSister = i32[first + C_PARENT] === i32[at + C_PARENT];
      return isSister && i32[first + C_PARENT_GENERATION] === i32[at + C_PARENT_GENERATION];
    });
    if (alike === undefined) firsts.push(c);
    else checkAlike(machine, alike, c);
  }
}

function checkAlike(machine: Machine, a: number, b: number): void {
  const { region } = machine;
  const { i32 } = region;
  let x = i32[region.contextW + (a << 4) + C_FIRST]!;
  let y = i32[region.contextW + (b << 4) + C_FIRST]!;
  const word = (counter: number, at: number): number => counterWordOf(region, counter, at);
  for (; x !== 0 && y !== 0; x = word(x, R_NEXT), y = word(y, R_NEXT)) {
    const isSame =
      word(x, R_PARENT) === word(y, R_PARENT) && settled(word(x, R_PACKED)) === settled(word(y, R_PACKED));
    const found = (): string =>
      `clones ${a} and ${b} differ in counters ${x} and ${y}: ${word(x, R_PARENT)} ${word(y, R_PARENT)} ${word(x, R_PACKED).toString(16)} ${word(y, R_PACKED).toString(16)}`;
    demand(isSame, 'I37', found);
    const leads = (word(x, R_LEADER) === x) === (word(y, R_LEADER) === y);
    demand(leads, 'I37', found);
  }
  demand(x === y, 'I37', () => `clones ${a} and ${b} have different numbers of counters`);
}

/** What a counter is, apart from whether it is on the PMU just now. */
function settled(packed: number): number {
  const state = Math.min(stateOf(packed), STATE_INACTIVE);
  return pack(packed & EVENT_MASK, state, packed & ~(EVENT_MASK | STATE_BITS | RUNNING | COUNTING));
}

/** I38, I40: a counter opened on a task stays on the context of that task. */
export function checkPlaces(machine: Machine, census: Census): void {
  const { region } = machine;
  for (const { handle, model } of machine.counters) {
    const context = counterWordOf(region, handle, R_CONTEXT);
    demand(census.counterUse[handle] === USE_COUNTER, 'I4', () => `counter ${handle} is open and no counter`);
    const { target } = model;
    if (!target.isLive || !(target instanceof ModelTask)) continue;
    const task = machine.simTask(target).handle;
    const own = region.i32[region.taskW + (task << 4) + K_CONTEXT]!;
    demand(
      context === own,
      'I38',
      () => `counter ${handle} of task ${task} is on context ${context}, not ${own}`,
    );
    demand(
      region.i32[region.taskW + (task << 4) + K_STATE] === TASK_LIVE,
      'I13',
      () => `task ${task} is dead`,
    );
  }
}
