/**
 * Enable, disable, reset, close: done on the thread that owns the counter, on every member of the family exactly once
 * (I39), and for a group on each of its members.
 */
import { beginChange, charge, endChange } from './charge.ts';
import { chainDel, contextWordOf, listDel, ownerOf, putContext, unclone, unpinContext } from './context.ts';
import {
  CHAINED,
  IDLE,
  LISTED,
  STATE_EXIT,
  STATE_INACTIVE,
  UNDER_WAY,
  clearCount,
  counterWordOf,
  freeCounterSlot,
  packedOf,
  setActivity,
  setState,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { clearFamilyCount, firstChild, nextChild, unlinkChild } from './family.ts';
import { leaves, openerOf } from './foreign.ts';
import { leaderOf, nextMember, promoteSiblings, refreshFrom, refreshGate } from './group.ts';
import { C_FIRST, C_GENERATION, C_TASK, K_CONTEXT, R_CONTEXT, R_FAMILY, R_LEADER, R_NEXT } from './layout.ts';
import { freeCounter, repairActive } from './open.ts';
import { addLimit, forgetOverflows, sampleOf, setPeriod } from './sampling.ts';
import { endsWaitForStart, fillSlots, reschedule, takeOff, turnOff } from './schedule.ts';
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

/** Lets a sampling original overflow so many more times, and enables it. */
export function refreshLimit(s: CpuState, counter: CounterHandle, overflows: number): void {
  beginChange(s);
  charge(s);
  addLimit(s.region, sampleOf(s.region, counter), overflows);
  enableOne(s, counter);
  endChange(s);
}

/** From now on a sampling family overflows after each so many counts. */
export function changePeriod(s: CpuState, counter: CounterHandle, period: number): void {
  beginChange(s);
  charge(s);
  setPeriod(s.region, sampleOf(s.region, counter), period);
  endChange(s);
}

/** Closes an original: its living children go with it, what they counted is gone (the modern rule). */
export function closeCounter(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  beginChange(s);
  charge(s);
  for (let child = firstChild(region, counter); child !== 0; child = firstChild(region, counter)) {
    unlinkChild(region, counter, child);
    const context = removeCounter(s, child);
    freeCounterSlot(s, child, ownerOf(region, context));
    putContext(s, context);
  }
  forgetOverflows(s, counter);
  const packed = packedOf(region, counter);
  if ((packed & UNDER_WAY) !== 0) unpinContext(region, counterWordOf(region, counter, R_CONTEXT));
  leaves(s, packed);
  const context = removeCounter(s, counter);
  const opener = openerOf(packed); // it was made of that thread's slots
  const home = opener === 0 ? ownerOf(region, context) : opener - 1;
  freeCounter(s, counter, home);
  putContext(s, context);
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
    else turnOff(s, c);
  }
  endChange(s);
}

function operateGroup(s: CpuState, counter: CounterHandle, operation: Operation): void {
  const leader = leaderOf(s.region, counter);
  for (let c = leader; c !== 0; c = nextMember(s.region, leader, c)) operateFamily(s, c, operation);
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
  else turnOff(s, counter);
}

/** Of a counter whose task is gone the state is final (I44). A pinned one in ERROR is tried again (C7). */
function enableOne(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  const state = stateOf(packedOf(region, counter));
  if (state >= STATE_INACTIVE || state <= STATE_EXIT) return;
  setState(region, counter, STATE_INACTIVE);
  if ((packedOf(region, counter) & LISTED) === 0) return;
  refreshFrom(s, counter);
  const context = counterWordOf(region, counter, R_CONTEXT);
  repairActive(s, context, contextWordOf(region, context, C_TASK));
  reschedule(s, leaderOf(region, counter));
}

/** Takes a counter out of context and group; its siblings go on without it. Returns the context, not yet put. */
function removeCounter(s: CpuState, counter: CounterHandle): ContextHandle {
  const { region } = s;
  const context = counterWordOf(region, counter, R_CONTEXT);
  // It is on its way: its leader may be another thread's, nobody is its sibling.
  if ((packedOf(region, counter) & CHAINED) === 0) return context;
  const leader = leaderOf(region, counter);
  takeOff(s, counter);
  endsWaitForStart(s, counter);
  setActivity(region, counter, IDLE, s.now);
  listDel(region, context, counter);
  chainDel(region, context, counter);
  if (leader === counter) {
    promoteSiblings(s, leader, contextWordOf(region, context, C_FIRST));
    // They may have waited for a leader that prctl had stopped, and their context with it.
    repairActive(s, context, contextWordOf(region, context, C_TASK));
  } else refreshGate(s, leader);
  if (context === s.active || context === s.threadContext) fillSlots(s);
  return context;
}
