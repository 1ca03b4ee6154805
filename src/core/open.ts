/** Opening a counter: everything that can fail comes first, so that a failed open leaves no trace (I45). */
import { type CounterAttributes, checkGroup, packedFor } from './attributes.ts';
import { beginChange, charge, endChange, fold } from './charge.ts';
import { findContext, listAdd, newContext, unclone } from './context.ts';
import {
  EVENT_MASK,
  LISTED,
  ON_START,
  SLOTTED,
  STATE_DEAD,
  counterWordOf,
  freeCounterSlot,
  initCounter,
  packedOf,
  setCounterWord,
  setPacked,
  startTimes,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { TaskperfError } from './errors.ts';
import { initFamily } from './family.ts';
import { openerFlags } from './foreign.ts';
import { leaderOf, refreshGate } from './group.ts';
import {
  C_REFS,
  C_TASK,
  K_CONTEXT,
  K_THREAD,
  R_CONTEXT,
  R_FAMILY,
  R_LEADER,
  R_PARENT,
  R_REFS,
  T_CONTEXT,
  threadWord,
} from './layout.ts';
import { F_CLOSING } from './outside.ts';
import { initSample, sampleOf } from './sampling.ts';
import { reschedule, waitForStart } from './schedule.ts';
import { KIND_COUNTER, takeSlot } from './slab.ts';
import { activate } from './switch.ts';
import { isLive, isTask, taskWordOf } from './task.ts';

/**
 * Opens a counter on the calling thread's own ("per-CPU") context.
 * @throws TaskperfError ENOENT, EINVAL, EBADF, ENOSPC.
 */
export function openOnThread(s: CpuState, attributes: CounterAttributes): CounterHandle {
  const packed = packedFor(s, attributes);
  if (attributes.group !== undefined) requireCounter(s, attributes.group);
  checkGroup(s, attributes, s.threadContext);
  const counter = takeCounter(s, attributes, false);
  if (s.threadContext === 0) {
    const context = newContext(s, 0);
    if (context === 0) {
      freeCounter(s, counter, s.index);
      throw noRoom('context');
    }
    s.i32[s.makingAt] = 0;
    s.i32[threadWord(s.region.layout, s.index) + T_CONTEXT] = context;
    fold(s); // what was used so far is not the thread context's
    s.threadContext = context;
  }
  Atomics.add(s.i32, s.region.contextW + (s.threadContext << 4) + C_REFS, 1);
  prepareCounter(s, counter, s.threadContext, { packed, leader: attributes.group ?? 0 });
  installCounter(s, counter);
  return counter;
}

/**
 * Prepares a counter for a task: all slots taken, context published and referenced; not counting yet.
 * @throws TaskperfError ESRCH, ENOENT, EINVAL, EBADF, ENOSPC.
 */
export function prepareOnTask(s: CpuState, task: TaskHandle, attributes: CounterAttributes): CounterHandle {
  const { region } = s;
  if (!isTask(region, task) || !isLive(region, task)) {
    throw new TaskperfError('ESRCH', `no task ${task}: it has exited, or never was`, task);
  }
  const packed = packedFor(s, attributes);
  if (attributes.group !== undefined) requireCounter(s, attributes.group);
  checkGroup(s, attributes, taskWordOf(region, task, K_CONTEXT));
  const isElsewhere = taskWordOf(region, task, K_THREAD) !== s.index;
  const counter = takeCounter(s, attributes, isElsewhere);
  let context = 0;
  try {
    context = findContext(s, task);
  } finally {
    if (context === 0) freeCounter(s, counter, s.index);
  }
  prepareCounter(s, counter, context, { packed, leader: attributes.group ?? 0 });
  return counter;
}

/** Puts a prepared counter on its context, on the thread that owns it. From here on it counts. */
export function installCounter(s: CpuState, counter: CounterHandle): void {
  const { region, i32 } = s;
  beginChange(s);
  charge(s);
  const context = counterWordOf(region, counter, R_CONTEXT);
  const leader = counterWordOf(region, counter, R_LEADER);
  // The leader may have been closed while the open was under way: then there is no group to join (H11).
  const joins = leader === counter || counterWordOf(region, leader, R_CONTEXT) === context;
  if (!joins || (leader !== counter && (packedOf(region, leader) & LISTED) === 0)) {
    setCounterWord(region, counter, R_LEADER, counter);
  }
  unclone(s, context);
  const packed = packedOf(region, counter);
  if (s.isSlotted[packed & EVENT_MASK] !== 0) setPacked(region, counter, packed | SLOTTED);
  if ((packed & ON_START) !== 0) waitForStart(s, context);
  listAdd(region, context, counter);
  startTimes(region, counter);
  const group = leaderOf(region, counter);
  refreshGate(s, group);
  repairActive(s, context, i32[region.contextW + (context << 4) + C_TASK]!);
  reschedule(s, group);
  endChange(s);
}

/** A running task whose context is not being counted, since it had none or by prctl, is counted from now on (S21-23). */
export function repairActive(s: CpuState, context: ContextHandle, task: TaskHandle): void {
  if (s.active !== 0 || task <= 0 || task !== s.owner) return;
  activate(s, context);
}

/** Frees a counter that is on no context any more, with the slots of its family. */
export function freeCounter(s: CpuState, counter: CounterHandle, home: number): void {
  const family = counterWordOf(s.region, counter, R_FAMILY);
  const sample = sampleOf(s.region, counter);
  const closing = family === 0 ? 0 : counterWordOf(s.region, family, F_CLOSING);
  // The counter first: whoever reaps a thread that dies in here must not find a counter with a family that is free.
  for (const slot of [counter, family, sample, closing]) if (slot !== 0) freeCounterSlot(s, slot, home);
}

/** A counter of no context yet, with the slots of its family if it needs one. `isElsewhere`: for another thread's task. */
function takeCounter(s: CpuState, attributes: CounterAttributes, isElsewhere: boolean): CounterHandle {
  const { region } = s;
  const isSampling = attributes.period !== undefined;
  const isFamily = attributes.inherit === true || isSampling || isElsewhere;
  const slots: number[] = [];
  for (const needed of [true, isFamily, isSampling, isElsewhere]) {
    const slot = needed ? takeSlot(region, s.index, KIND_COUNTER) : 0;
    if (needed && slot === 0) {
      for (const taken of slots.reverse().filter((one) => one !== 0)) freeCounterSlot(s, taken, s.index);
      throw noRoom('counter');
    }
    slots.push(slot);
  }
  const [counter, family, sample, closing] = slots as [number, number, number, number];
  if (family !== 0) initFamily(region, family, sample);
  if (closing !== 0) setCounterWord(region, family, F_CLOSING, closing);
  if (sample !== 0) initSample(region, sample, attributes.period!);
  setCounterWord(region, counter, R_FAMILY, family);
  return counter;
}

function prepareCounter(
  s: CpuState,
  counter: CounterHandle,
  context: ContextHandle,
  target: { packed: number; leader: CounterHandle },
): void {
  initCounter(s.region, counter, context, target.packed | openerFlags(s, context));
  if (target.leader !== 0) setCounterWord(s.region, counter, R_LEADER, target.leader);
  setCounterWord(s.region, counter, R_REFS, 1);
}

/** @throws TaskperfError EBADF unless the handle is that of an open counter. */
export function requireCounter(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  const inRange = Number.isInteger(counter) && counter > 0 && counter <= region.layout.counters;
  const isOpen =
    inRange &&
    stateOf(packedOf(region, counter)) !== STATE_DEAD &&
    counterWordOf(region, counter, R_PARENT) === 0;
  if (!isOpen)
    throw new TaskperfError('EBADF', `no open counter ${counter}: it was closed, or never was`, counter);
}

function noRoom(what: string): TaskperfError {
  return new TaskperfError('ENOSPC', `no room for another ${what}: close some first`, what);
}
