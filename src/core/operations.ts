/**
 * Enable, disable, reset, close: done on the thread that owns the counter, on every member of the family exactly once
 * (I39), and for a group on each of its members.
 */
import { beginChange, charge, endChange } from './charge.ts';
import { chainDel, contextWordOf, listDel, putContext, unclone } from './context.ts';
import {
  LISTED,
  STATE_EXIT,
  STATE_INACTIVE,
  STATE_OFF,
  clearCount,
  counterWordOf,
  freeCounterSlot,
  packedOf,
  refreshCounting,
  setCounterWord,
  setCounting,
  setState,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { clearFamilyCount, firstChild, nextChild, unlinkChild } from './family.ts';
import {
  C_FIRST,
  C_GENERATION,
  C_TASK,
  C_THREAD,
  K_CONTEXT,
  R_CONTEXT,
  R_FAMILY,
  R_LEADER,
  R_NEXT,
} from './layout.ts';
import { repairActive } from './open.ts';
import { activate } from './switch.ts';
import { taskWordOf } from './task.ts';

export type Operation = 'enable' | 'disable' | 'reset';

/** Applies an operation to a counter's family, or to the families of all members of its group. */
export function operate(s: CpuState, counter: CounterHandle, operation: Operation, group: boolean): void {
  beginChange(s);
  charge(s);
  if (group) operateGroup(s, counter, operation);
  else operateFamily(s, counter, operation);
  endChange(s);
}

/** Closes an original: its living children go with it, what they counted is gone (the modern rule). */
export function closeCounter(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  beginChange(s);
  charge(s);
  for (let child = firstChild(region, counter); child !== 0; child = firstChild(region, counter)) {
    unlinkChild(region, counter, child);
    removeCounter(s, child);
  }
  const family = counterWordOf(region, counter, R_FAMILY);
  const home = contextWordOf(region, counterWordOf(region, counter, R_CONTEXT), C_THREAD);
  removeCounter(s, counter);
  if (family !== 0) freeCounterSlot(s, family, home);
  endChange(s);
}

/** prctl(PERF_COUNTERS_ENABLE): every group attached to the task wants to count. Siblings keep what they want. */
export function enableTask(s: CpuState, task: TaskHandle): void {
  const context = taskWordOf(s.region, task, K_CONTEXT);
  if (context <= 0) return;
  setLeaders(s, context, true);
  repairActive(s, context, task);
}

/**
 * prctl(PERF_COUNTERS_DISABLE). If the task is running its context is no longer being counted (S24), until it is
 * switched to again, or one of its counters is enabled.
 */
export function disableTask(s: CpuState, task: TaskHandle): void {
  const context = taskWordOf(s.region, task, K_CONTEXT);
  if (context <= 0) return;
  setLeaders(s, context, false);
  if (s.active === context) activate(s, 0);
}

function setLeaders(s: CpuState, context: ContextHandle, on: boolean): void {
  const { region } = s;
  beginChange(s);
  charge(s);
  // Its counters are no longer enabled as its sisters' are, nor are the clones made from now on like those before (H7).
  unclone(s, context);
  s.i32[region.contextW + (context << 4) + C_GENERATION]!++;
  for (let c = contextWordOf(region, context, C_FIRST); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if (counterWordOf(region, c, R_LEADER) !== c) continue;
    if (on) enableOne(s, c);
    else disableOne(s, c);
  }
  endChange(s);
}

function operateGroup(s: CpuState, counter: CounterHandle, operation: Operation): void {
  const leader = counterWordOf(s.region, counter, R_LEADER);
  for (let c = firstOf(s, leader); c !== 0; c = counterWordOf(s.region, c, R_NEXT)) {
    if (counterWordOf(s.region, c, R_LEADER) === leader) operateFamily(s, c, operation);
  }
}

function operateFamily(s: CpuState, original: CounterHandle, operation: Operation): void {
  operateOne(s, original, operation);
  const family = counterWordOf(s.region, original, R_FAMILY);
  if (family === 0) return;
  for (let c = firstChild(s.region, original); c !== 0; c = nextChild(s.region, c))
    operateOne(s, c, operation);
  if (operation === 'reset') clearFamilyCount(s.region, family);
}

function operateOne(s: CpuState, counter: CounterHandle, operation: Operation): void {
  if (operation === 'reset') clearCount(s.region, counter, s.now);
  else if (operation === 'enable') enableOne(s, counter);
  else disableOne(s, counter);
}

/** Of a counter whose task is gone the state is final (I44). */
function enableOne(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  const state = stateOf(packedOf(region, counter));
  if (state >= STATE_INACTIVE || state <= STATE_EXIT) return;
  setState(region, counter, STATE_INACTIVE);
  refreshGroup(s, counter);
  const context = counterWordOf(region, counter, R_CONTEXT);
  repairActive(s, context, contextWordOf(region, context, C_TASK));
}

function disableOne(s: CpuState, counter: CounterHandle): void {
  if (stateOf(packedOf(s.region, counter)) < STATE_INACTIVE) return;
  setState(s.region, counter, STATE_OFF);
  refreshGroup(s, counter);
}

/** A leader's state decides for its siblings, too. */
function refreshGroup(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  if ((packedOf(region, counter) & LISTED) === 0) return;
  refreshCounting(region, counter, s.now);
  for (let c = firstOf(s, counter); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if (c !== counter && counterWordOf(region, c, R_LEADER) === counter) refreshCounting(region, c, s.now);
  }
}

/** Takes a counter out of context and group, frees it, and drops its reference. Siblings go on as singletons. */
function removeCounter(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  const context = counterWordOf(region, counter, R_CONTEXT);
  setCounting(region, counter, false, s.now);
  listDel(region, context, counter);
  chainDel(region, context, counter);
  for (let c = contextWordOf(region, context, C_FIRST); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if (counterWordOf(region, c, R_LEADER) !== counter) continue;
    setCounterWord(region, c, R_LEADER, c);
    refreshCounting(region, c, s.now);
  }
  freeCounterSlot(s, counter, contextWordOf(region, context, C_THREAD));
  putContext(s, context);
}

function firstOf(s: CpuState, counter: CounterHandle): CounterHandle {
  return contextWordOf(s.region, counterWordOf(s.region, counter, R_CONTEXT), C_FIRST);
}
