/** I1-I8: who is referenced how often, and every slot in exactly one place. */
import { C_PINS, C_REFS, K_REFS, K_STATE, R_PACKED, TASK_FREE } from '../core/index.ts';
import { type Census, USE_COUNTER, USE_FREE } from './census.ts';
import type { Machine } from './machine.ts';
import { demand } from './violation.ts';

/** I1: a context has one reference per owner, counter and clone; I3, I5: one that has none is free. */
export function checkContextReferences(machine: Machine, census: Census): void {
  const { i32, contextW } = machine.region;
  for (let c = 1; c <= census.contextsUsed; c++) {
    const at = contextW + (c << 4);
    const refs = i32[at + C_REFS]!;
    const expected = census.contextRefs[c]!;
    demand(refs === expected, 'I1', () => `context ${c} has ${refs} references, ${expected} are held`);
    demand(
      (refs === 0) === (census.contextFree[c] !== 0),
      'I3',
      () => `context ${c}, ${refs} references, free`,
    );
    if (refs === 0) continue;
    const pins = i32[at + C_PINS]!;
    demand(
      pins === census.contextPins[c],
      'I38',
      () => `context ${c} is pinned ${pins} times, ${census.contextPins[c]} expected`,
    );
  }
}

/** I2, I4: a slot is in use or on one free list, never both, never neither. */
export function checkSlots(machine: Machine, census: Census): void {
  demand(census.faults.length === 0, 'I2', () => census.faults.join('; '));
  const { i32, counterW } = machine.region;
  for (let r = 1; r <= census.countersUsed; r++) {
    const isFree = census.counterFree[r] !== 0;
    const isUsed = census.counterUse[r] !== USE_FREE;
    demand(isFree !== isUsed, 'I4', () => `counter slot ${r} is ${isFree ? 'used and free' : 'lost'}`);
    demand(!isFree || i32[counterW + (r << 4) + R_PACKED] === 0, 'I4', () => `free slot ${r} is a counter`);
    const chains = census.counterChains[r]!;
    const isOnChain = chains === 0 || (chains === 1 && census.counterUse[r] === USE_COUNTER);
    demand(isOnChain, 'I17', () => `slot ${r} is on ${chains} chains`);
  }
}

/** I8: a task's slot is kept by its life, its children, requests, and who holds on to it. */
export function checkTaskReferences(machine: Machine, census: Census): void {
  const { i32, taskW } = machine.region;
  for (const { handle, held } of machine.tasks) census.taskRefs[handle]! += held;
  for (const { handle, held } of machine.ghosts) census.taskRefs[handle]! += held;
  for (let t = 1; t <= census.tasksUsed; t++) {
    const at = taskW + (t << 4);
    const isFree = i32[at + K_STATE] === TASK_FREE;
    demand(isFree === (census.taskFree[t] !== 0), 'I2', () => `task slot ${t} is used and free, or lost`);
    const refs = i32[at + K_REFS]!;
    const expected = census.taskRefs[t]!;
    demand(isFree || refs === expected, 'I8', () => `task ${t} has ${refs} references, ${expected} are held`);
  }
}

/** I6: nothing is left. */
export function checkLeaks(machine: Machine, census: Census): void {
  const leaked = (free: Uint8Array, used: number): number[] =>
    Array.from({ length: used }, (_, i) => i + 1).filter((slot) => free[slot] === 0);
  const tasks = leaked(census.taskFree, census.tasksUsed);
  const contexts = leaked(census.contextFree, census.contextsUsed);
  const counters = leaked(census.counterFree, census.countersUsed);
  const isQuiet = tasks.length + contexts.length + counters.length === 0;
  const found = (): string =>
    `left over: tasks [${tasks.join(' ')}], contexts [${contexts.join(' ')}], counters [${counters.join(' ')}]`;
  demand(isQuiet && machine.tasks.length + machine.ghosts.length === 0, 'I6', found);
}
