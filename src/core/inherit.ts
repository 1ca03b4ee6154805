/** Fork: a task begins, and inherits the counters of its parent that say so. */
import { addEvent, fold } from './charge.ts';
import { contextWordOf, listAdd, newContext, putContext } from './context.ts';
import {
  EVENT_MASK,
  INHERIT,
  STAT,
  STATE_INACTIVE,
  STATE_OFF,
  counterWordOf,
  freeCounterSlot,
  initCounter,
  pack,
  packedOf,
  refreshCounting,
  setCounterWord,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { FORKS } from './events.ts';
import { linkChild, unlinkChild } from './family.ts';
import {
  C_FIRST,
  C_GENERATION,
  C_PARENT,
  C_PARENT_GENERATION,
  C_REFS,
  K_CONTEXT,
  K_THREAD,
  NT_F64_STARTS,
  R_LEADER,
  R_NEXT,
  R_PARENT,
  nameTotalF64,
} from './layout.ts';
import { KIND_COUNTER, takeSlot } from './slab.ts';
import { buryTask, entombTask, isLive, liveAncestor, newTask, taskWordOf } from './task.ts';

/**
 * Starts a task. A dead parent is stood in for by its nearest living ancestor. A parent on another thread hands on no
 * counters: a family lives on one thread.
 * @returns 0 when a slab is full (counted in the header); nothing is left behind then.
 */
export function forkTask(s: CpuState, parent: TaskHandle, name: number): TaskHandle {
  fold(s);
  const from = isLive(s.region, parent) ? parent : liveAncestor(s, parent);
  const task = newTask(s, from, name);
  if (task === 0) return 0;
  const context = taskWordOf(s.region, from, K_CONTEXT);
  const isOurs = taskWordOf(s.region, from, K_THREAD) === s.index;
  if (isOurs && context > 0 && !inheritContext(s, context, task)) {
    entombTask(s, task);
    buryTask(s, task);
    return 0;
  }
  if (isOurs) countFork(s, from, context);
  s.f64[nameTotalF64(s.region.layout, s.index, name) + NT_F64_STARTS]! += 1;
  return task;
}

function countFork(s: CpuState, parent: TaskHandle, context: ContextHandle): void {
  s.f64[s.totalAt + FORKS]! += 1;
  s.f64[(parent === s.root ? s.unattributedAt : s.tasksAt) + FORKS]! += 1;
  if (context > 0) addEvent(s, context, FORKS, 1);
  if (s.threadContext !== 0) addEvent(s, s.threadContext, FORKS, 1);
}

/** Copies the inheritable counters. No context is made for none of them (S4). false: a slab is full, all undone. */
function inheritContext(s: CpuState, from: ContextHandle, task: TaskHandle): boolean {
  const { region, i32 } = s;
  let context = 0;
  let count = 0;
  let all = true;
  for (let c = contextWordOf(region, from, C_FIRST); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if ((packedOf(region, c) & INHERIT) === 0) {
      all = false;
      continue;
    }
    if (context === 0) context = newContext(s, task);
    const child = context === 0 ? 0 : takeSlot(region, s.index, KIND_COUNTER);
    if (child === 0) {
      if (context !== 0) undoInherit(s, context);
      return false;
    }
    inheritCounter(s, c, child, context);
    count++;
  }
  if (context === 0) return true;
  const at = region.contextW + (context << 4);
  i32[at + C_REFS] = 1 + count;
  if (all) markClone(s, context, from);
  i32[region.taskW + (task << 4) + K_CONTEXT] = context; // nobody else knows the task yet
  return true;
}

/** Only a complete copy is a clone. Copies of a clone are its sisters, so that all of a generation can be exchanged. */
function markClone(s: CpuState, context: ContextHandle, from: ContextHandle): void {
  const { i32, region } = s;
  const to = region.contextW + (context << 4);
  const source = region.contextW + (from << 4);
  const grandparent = i32[source + C_PARENT]!;
  const parent = grandparent !== 0 ? grandparent : from;
  // The reference before the link, which may be all that a reaper finds.
  Atomics.add(i32, region.contextW + (parent << 4) + C_REFS, 1);
  i32[to + C_PARENT] = parent;
  i32[to + C_PARENT_GENERATION] =
    grandparent !== 0 ? i32[source + C_PARENT_GENERATION]! : i32[source + C_GENERATION]!;
}

function inheritCounter(
  s: CpuState,
  from: CounterHandle,
  child: CounterHandle,
  context: ContextHandle,
): void {
  const { region } = s;
  const packed = packedOf(region, from);
  const original = counterWordOf(region, from, R_PARENT) || from;
  // What the parent's counter does now counts, not what its opener asked for.
  const state = stateOf(packed) >= STATE_INACTIVE ? STATE_INACTIVE : STATE_OFF;
  initCounter(region, child, context, pack(packed & EVENT_MASK, state, INHERIT | (packed & STAT)));
  setCounterWord(region, child, R_PARENT, original);
  const leader = counterWordOf(region, from, R_LEADER);
  if (leader !== from) setCounterWord(region, child, R_LEADER, copyOf(s, leader, context));
  linkChild(region, original, child);
  listAdd(region, context, child);
  refreshCounting(region, child, s.now);
}

/** The counter of the new context that stands for `leader`, which was copied before its siblings. */
function copyOf(s: CpuState, leader: CounterHandle, context: ContextHandle): CounterHandle {
  const { region } = s;
  const original = counterWordOf(region, leader, R_PARENT) || leader;
  let c = contextWordOf(region, context, C_FIRST);
  while (counterWordOf(region, c, R_PARENT) !== original) c = counterWordOf(region, c, R_NEXT);
  return c;
}

function undoInherit(s: CpuState, context: ContextHandle): void {
  const { region } = s;
  let next = 0;
  for (let c = contextWordOf(region, context, C_FIRST); c !== 0; c = next) {
    next = counterWordOf(region, c, R_NEXT);
    unlinkChild(region, counterWordOf(region, c, R_PARENT), c);
    freeCounterSlot(s, c, s.index);
  }
  putContext(s, context);
}
