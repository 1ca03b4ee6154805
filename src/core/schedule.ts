/**
 * Who gets the slots of a PMU that has few. A group that needs slots goes on as a whole or not at all, in this order:
 *
 *     0 the thread's pinned    1 the task's pinned    2 the thread's others (flexible)    3 the task's others
 *
 * Of pinned groups each is tried; one that cannot go on is in ERROR until it is enabled again. Flexible groups are tried
 * in order of opening, beginning at the context's C_ROTATION, until one cannot: then no other of that context is tried,
 * and at the next tick the context begins with the group after the one it began with. An exclusive group goes on only
 * when no slot is taken, and none goes on beside it. Groups without slotted members are not concerned: they always count.
 *
 * When a group is enabled or grows, it and all of its class and below give their slots back and are tried again, higher
 * ones stay. A slot that gets free is offered to those that wait, at once.
 *
 * All of this runs on the thread that owns the slots, with the books up to date (`charge`), and takes no time.
 */
import { assert } from './assert.ts';
import { contextWordOf, pinContext, unclone, unpinContext } from './context.ts';
import {
  CHAINED,
  EVENT_MASK,
  EXCLUSIVE,
  GATED,
  LISTED,
  ON_START,
  PINNED,
  SLOTTED,
  STATE_ACTIVE,
  STATE_ERROR,
  STATE_INACTIVE,
  STATE_OFF,
  counterWordOf,
  packedOf,
  refreshActivity,
  setPacked,
  setState,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState } from './cpu-state.ts';
import { leaderOf, nextMember, refreshFrom } from './group.ts';
import { C_FIRST, C_GENERATION, C_ROTATION, C_SLOTTED, R_CONTEXT, R_NEXT } from './layout.ts';

const TASK_PINNED = 1;
const THREAD_FLEXIBLE = 2;
const TASK_FLEXIBLE = 3;

/** The context is about to be no longer counted: its groups give their slots back. */
export function vacateSlots(s: CpuState, context: ContextHandle): void {
  takeContextOff(s, context, 0);
}

/** Offers what is free to all that wait, in the order of classes. */
export function fillSlots(s: CpuState): void {
  fillPinned(s, s.threadContext);
  // The thread's flexible groups make room only for a task that has pinned ones waiting.
  if (hasPinnedWaiting(s, s.active)) takeContextOff(s, s.threadContext, THREAD_FLEXIBLE);
  fillPinned(s, s.active);
  s.isThreadWaiting = fillFlexible(s, s.threadContext);
  s.isTaskWaiting = fillFlexible(s, s.active);
}

/** A group was enabled, or has a new member: its class and those below are tried again. */
export function reschedule(s: CpuState, leader: CounterHandle): void {
  const { region } = s;
  const packed = packedOf(region, leader);
  const context = counterWordOf(region, leader, R_CONTEXT);
  if ((packed & GATED) === 0 || (context !== s.active && context !== s.threadContext)) return;
  takeClassesOff(s, classOf(s, context, packed));
  fillSlots(s);
}

/** At a tick: contexts in which a group waits begin with another one. The task's give way to the thread's. */
export function rotate(s: CpuState): void {
  if (!s.isThreadWaiting && !s.isTaskWaiting) return;
  const from = s.isThreadWaiting ? THREAD_FLEXIBLE : TASK_FLEXIBLE;
  if (s.isThreadWaiting) rotateContext(s, s.threadContext);
  if (s.isTaskWaiting) rotateContext(s, s.active);
  takeClassesOff(s, from);
  fillSlots(s);
}

/** DISABLE of one counter: a leader takes its whole group off the PMU. ERROR stays ERROR; a start does not enable it. */
export function turnOff(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  // Else those of its family that have started would be off, and equal clones that start later on.
  endsWaitForStart(s, counter);
  const state = stateOf(packedOf(region, counter));
  if (state < STATE_INACTIVE) return;
  if (state === STATE_ACTIVE) {
    if (leaderOf(region, counter) === counter) takeGroupOff(s, counter);
    else takeOff(s, counter);
  }
  setState(region, counter, STATE_OFF);
  refreshFrom(s, counter);
  // Also if it only waited: others may have waited behind it.
  if ((packedOf(region, leaderOf(region, counter)) & GATED) !== 0) fillSlots(s);
}

/** Takes one counter off the PMU, if it is on. What is free then is not offered yet. */
export function takeOff(s: CpuState, counter: CounterHandle): void {
  const { region } = s;
  const packed = packedOf(region, counter);
  if (stateOf(packed) !== STATE_ACTIVE) return;
  if ((packed & SLOTTED) !== 0) {
    s.pmu.disable!(packed & EVENT_MASK);
    s.slotsTaken--;
    assert(s.slotsTaken >= 0, 'a slot is given back once');
  }
  if (s.exclusive === counter) s.exclusive = 0;
  setState(region, counter, STATE_INACTIVE);
  refreshActivity(region, counter, s.now);
}

/** The task of this context is given the thread: counters that waited for that are enabled. */
export function startCounters(s: CpuState, context: ContextHandle): void {
  const { region } = s;
  for (let c = firstOf(s, context); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if (!endsWaitForStart(s, c) || stateOf(packedOf(region, c)) !== STATE_OFF) continue;
    setState(region, c, STATE_INACTIVE);
    refreshFrom(s, c);
  }
}

/** A counter that waits for its task's start (ON_START) is new on the context. */
export function waitForStart(s: CpuState, context: ContextHandle): void {
  pinContext(s.region, context);
  s.isWatchful = true;
}

/** It does not wait for the start of its task any more. false: it did not. */
export function endsWaitForStart(s: CpuState, counter: CounterHandle): boolean {
  const packed = packedOf(s.region, counter);
  if ((packed & ON_START) === 0) return false;
  setPacked(s.region, counter, packed & ~ON_START);
  // On its way to its thread it has not pinned yet: the pin there is that of its install.
  if ((packed & CHAINED) !== 0) unpinContext(s.region, counterWordOf(s.region, counter, R_CONTEXT));
  return true;
}

function takeClassesOff(s: CpuState, from: number): void {
  takeContextOff(s, s.active, from);
  takeContextOff(s, s.threadContext, from);
}

/** Takes those of the context's groups off that are of class `from` or below. */
function takeContextOff(s: CpuState, context: ContextHandle, from: number): void {
  if (!needsSlots(s, context)) return;
  const { region } = s;
  for (let c = firstOf(s, context); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    const packed = packedOf(region, c);
    if ((packed & GATED) === 0 || stateOf(packed) !== STATE_ACTIVE) continue;
    if (classOf(s, context, packed) >= from) takeGroupOff(s, c);
  }
}

function takeGroupOff(s: CpuState, leader: CounterHandle): void {
  for (let c = leader; c !== 0; c = nextMember(s.region, leader, c)) takeOff(s, c);
}

function fillPinned(s: CpuState, context: ContextHandle): void {
  if (!needsSlots(s, context)) return;
  for (let c = firstOf(s, context); c !== 0; c = counterWordOf(s.region, c, R_NEXT)) {
    const packed = packedOf(s.region, c);
    if (!isWaiting(packed) || (packed & PINNED) === 0) continue;
    if (!canGoOn(s, packed) || !putGroupOn(s, c)) failPinned(s, context, c);
  }
}

/** It is no longer enabled as its sisters' are, nor will clones made from now on be like those before: as prctl (H7). */
function failPinned(s: CpuState, context: ContextHandle, leader: CounterHandle): void {
  setState(s.region, leader, STATE_ERROR);
  refreshFrom(s, leader);
  unclone(s, context);
  s.i32[s.region.contextW + (context << 4) + C_GENERATION]!++;
}

/** true: a group could not go on. */
function fillFlexible(s: CpuState, context: ContextHandle): boolean {
  if (!needsSlots(s, context)) return false;
  const { region } = s;
  const first = firstOf(s, context);
  const begin = contextWordOf(region, context, C_ROTATION) || first;
  let failed = false;
  let c = begin;
  do {
    const packed = packedOf(region, c);
    if (isWaiting(packed) && (packed & PINNED) === 0)
      failed = failed || !canGoOn(s, packed) || !putGroupOn(s, c);
    c = counterWordOf(region, c, R_NEXT) || first;
  } while (c !== begin);
  return failed;
}

/** The context begins with the counter after the flexible group that it begins with now. */
function rotateContext(s: CpuState, context: ContextHandle): void {
  const { region } = s;
  const first = firstOf(s, context);
  const at = region.contextW + (context << 4) + C_ROTATION;
  const begin = s.i32[at]! || first;
  let c = begin;
  for (;;) {
    const packed = packedOf(region, c);
    const next = counterWordOf(region, c, R_NEXT) || first;
    const isInTurn = (packed & (GATED | PINNED)) === GATED && stateOf(packed) >= STATE_INACTIVE;
    if (isInTurn || next === begin) {
      s.i32[at] = next;
      return;
    }
    c = next;
  }
}

/** On a leader: its group wants to go on, and is not. */
function isWaiting(packed: number): boolean {
  return (packed & (GATED | LISTED)) === (GATED | LISTED) && stateOf(packed) === STATE_INACTIVE;
}

function hasPinnedWaiting(s: CpuState, context: ContextHandle): boolean {
  if (!needsSlots(s, context)) return false;
  for (let c = firstOf(s, context); c !== 0; c = counterWordOf(s.region, c, R_NEXT)) {
    const packed = packedOf(s.region, c);
    if (isWaiting(packed) && (packed & PINNED) !== 0) return true;
  }
  return false;
}

/** `packed` is the leader's. */
function canGoOn(s: CpuState, packed: number): boolean {
  return s.exclusive === 0 && ((packed & EXCLUSIVE) === 0 || s.slotsTaken === 0);
}

/** All members that want to count, or none. */
function putGroupOn(s: CpuState, leader: CounterHandle): boolean {
  const { region, pmu } = s;
  for (let c = leader; c !== 0; c = nextMember(region, leader, c)) {
    const packed = packedOf(region, c);
    if (!wantsSlot(packed) || pmu.enable!(packed & EVENT_MASK)) continue;
    for (let d = leader; d !== c; d = nextMember(region, leader, d)) {
      const before = packedOf(region, d);
      if (wantsSlot(before)) pmu.disable!(before & EVENT_MASK);
    }
    return false;
  }
  for (let c = leader; c !== 0; c = nextMember(region, leader, c)) {
    const packed = packedOf(region, c);
    if (stateOf(packed) !== STATE_INACTIVE) continue;
    if (wantsSlot(packed)) s.slotsTaken++;
    setState(region, c, STATE_ACTIVE);
    refreshActivity(region, c, s.now);
  }
  if ((packedOf(region, leader) & EXCLUSIVE) !== 0) s.exclusive = leader;
  return true;
}

function wantsSlot(packed: number): boolean {
  return (packed & SLOTTED) !== 0 && stateOf(packed) === STATE_INACTIVE;
}

function classOf(s: CpuState, context: ContextHandle, packed: number): number {
  const pinned = context === s.threadContext ? TASK_PINNED - 1 : TASK_PINNED;
  return (packed & PINNED) !== 0 ? pinned : pinned + THREAD_FLEXIBLE;
}

function needsSlots(s: CpuState, context: ContextHandle): boolean {
  return context !== 0 && contextWordOf(s.region, context, C_SLOTTED) !== 0;
}

function firstOf(s: CpuState, context: ContextHandle): CounterHandle {
  return contextWordOf(s.region, context, C_FIRST);
}
