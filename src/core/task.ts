/**
 * A task: 64 bytes, whether it is counted or not. It knows its context only as a word that is 0, TOMBSTONE or a handle
 * it never looks behind (S1, S5): this file imports nothing about contexts.
 *
 * The slot is referenced by the task while alive, by handles, and by each child's parent link; freed at the last put.
 */
import { assert } from './assert.ts';
import type { CpuState, TaskHandle } from './cpu-state.ts';
import {
  H_TASK_SERIAL,
  K_CONTEXT,
  K_F64_ID,
  K_F64_LEFT,
  K_F64_START,
  K_GENERATION,
  K_NAME,
  K_PARENT,
  K_REFS,
  K_STATE,
  K_THREAD,
  TASK_EXITED,
  TASK_FREE,
  TASK_LIVE,
  TOMBSTONE,
} from './layout.ts';
import { K_ORIGIN } from './outside.ts';
import type { Region } from './region.ts';
import { KIND_TASK, giveSlot, takeSlot } from './slab.ts';

/** A live task of this thread that began at `s.now`, or 0 when the slab is full. Takes a reference on the parent. */
export function newTask(s: CpuState, parent: TaskHandle, name: number): TaskHandle {
  const { region, i32, f64 } = s;
  const task = takeSlot(region, s.index, KIND_TASK);
  if (task === 0) return 0;
  const at = region.taskW + (task << 4);
  i32[at + K_CONTEXT] = 0;
  i32[at + K_PARENT] = parent;
  i32[at + K_NAME] = name;
  i32[at + K_THREAD] = s.index;
  i32[at + K_ORIGIN] = 0;
  i32[at + K_REFS] = 1;
  const f = region.taskF + (task << 3);
  f64[f + K_F64_START] = s.now;
  f64[f + K_F64_LEFT] = s.now;
  f64[f + K_F64_ID] = Atomics.add(i32, H_TASK_SERIAL, 1) >>> 0;
  if (parent !== 0) retainTask(region, parent);
  i32[at + K_STATE] = TASK_LIVE;
  return task;
}

/**
 * The task's context is taken from it for good; whoever comes to attach from now on gets ESRCH (H2, H47). Returns what
 * was there: one exchange, so a context published at the last moment is either seen here or refused there.
 */
export function entombTask(s: CpuState, task: TaskHandle): number {
  const context = Atomics.exchange(s.i32, s.region.taskW + (task << 4) + K_CONTEXT, TOMBSTONE);
  assert(context !== TOMBSTONE, 'a task dies once');
  return context;
}

/** The end of an entombed task: drops the reference it had while alive. */
export function buryTask(s: CpuState, task: TaskHandle): void {
  const at = s.region.taskW + (task << 4);
  assert(
    s.i32[at + K_STATE] === TASK_LIVE && s.i32[at + K_CONTEXT] === TOMBSTONE,
    'an entombed task is buried',
  );
  s.i32[s.buryingAt] = task;
  s.i32[at + K_STATE] = TASK_EXITED;
  // Else a chain of tasks, each started by the one before it, would keep all of their slots for ever.
  skipDeadParent(s, task);
  finishBurial(s, task);
}

/** The last of it, which a reaper does for who died within. */
export function finishBurial(s: CpuState, task: TaskHandle): void {
  const at = s.region.taskW + (task << 4);
  const origin = s.i32[at + K_ORIGIN]!;
  s.i32[at + K_ORIGIN] = 0;
  if (origin !== 0) releaseTask(s, Math.abs(origin));
  s.i32[s.buryingAt] = 0;
  releaseTask(s, task);
}

export function retainTask(region: Region, task: TaskHandle): void {
  const before = Atomics.add(region.i32, region.taskW + (task << 4) + K_REFS, 1);
  assert(before > 0, 'a task is retained by somebody who can see it');
}

/**
 * A reference for a caller that knows the task only by what somebody has told it, until `letGo`: false if the slot is free
 * or another's by now. One at a time.
 */
export function retainIf(s: CpuState, task: TaskHandle, generation: number): boolean {
  const at = s.region.taskW + (task << 4);
  for (;;) {
    const refs = Atomics.load(s.i32, at + K_REFS);
    if (refs <= 0) return false;
    if (Atomics.compareExchange(s.i32, at + K_REFS, refs, refs + 1) === refs) break;
  }
  s.i32[s.heldAt] = task; // whoever reaps this thread lets go of it
  if (Atomics.load(s.i32, at + K_GENERATION) === generation) return true;
  letGo(s);
  return false;
}

/** Drops the reference of `retainIf`. */
export function letGo(s: CpuState): void {
  const task = s.i32[s.heldAt]!;
  s.i32[s.heldAt] = 0;
  releaseTask(s, task);
}

/** Frees the slot with the last reference, and then the parent's reference likewise. */
export function releaseTask(s: CpuState, task: TaskHandle): void {
  const { region, i32 } = s;
  for (let next = task; next !== 0; ) {
    const at = region.taskW + (next << 4);
    const before = Atomics.sub(i32, at + K_REFS, 1);
    assert(before > 0, 'a task is released once per reference');
    if (before !== 1) return;
    assert(i32[at + K_STATE] === TASK_EXITED, 'a live task has a reference');
    const parent = i32[at + K_PARENT]!;
    i32[at + K_STATE] = TASK_FREE;
    i32[at + K_GENERATION]!++;
    giveSlot(s, KIND_TASK, next, i32[at + K_THREAD]!);
    next = parent;
  }
}

export function isLive(region: Region, task: TaskHandle): boolean {
  return region.i32[region.taskW + (task << 4) + K_STATE] === TASK_LIVE;
}

/** Is it the handle of a slot that was ever used? */
export function isTask(region: Region, task: TaskHandle): boolean {
  return Number.isInteger(task) && task > 0 && task <= region.layout.tasks;
}

export function taskWordOf(region: Region, task: TaskHandle, word: number): number {
  return region.i32[region.taskW + (task << 4) + word]!;
}

/** The task itself if it lives, else the nearest ancestor that does, else the thread's root. */
export function liveAncestor(s: CpuState, task: TaskHandle): TaskHandle {
  let next = task;
  while (next !== 0 && !isLive(s.region, next)) next = taskWordOf(s.region, next, K_PARENT);
  return next === 0 ? s.root : next;
}

function skipDeadParent(s: CpuState, task: TaskHandle): void {
  const at = s.region.taskW + (task << 4) + K_PARENT;
  const parent = s.i32[at]!;
  if (parent === 0 || isLive(s.region, parent)) return;
  const ancestor = liveAncestor(s, parent);
  if (ancestor === 0 || ancestor === task) return;
  retainTask(s.region, ancestor);
  s.i32[at] = ancestor;
  releaseTask(s, parent);
}
