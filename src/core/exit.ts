/** Exit: a task ends. Its inherited counters go into their families' sums, its original ones stay readable (S8). */
import { beginChange, charge, endChange, fold } from './charge.ts';
import { contextWordOf, listDel, putContext, unclone } from './context.ts';
import {
  IDLE,
  LISTED,
  STATE_EXIT,
  counterWordOf,
  freeCounterSlot,
  packedOf,
  setCounterWord,
  setActivity,
  setPacked,
  setState,
} from './counter.ts';
import type { ContextHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { foldChild } from './family.ts';
import { ship } from './job.ts';
import {
  C_ACTIVE,
  C_COUNT,
  C_FIRST,
  C_GENERATION,
  C_LAST,
  C_ROTATION,
  C_SLOTTED,
  C_STAT,
  C_TASK,
  H_TASKS_USED,
  K_CONTEXT,
  K_NAME,
  K_PARENT,
  K_STATE,
  K_THREAD,
  R_NEXT,
  R_PARENT,
  TASK_LIVE,
  THREAD_EXITED,
  TOMBSTONE,
  T_CONTEXT,
  T_CURRENT,
  T_F64_EXITS,
  T_ROOT,
  T_SEQ,
  T_STATE,
  threadF64,
  threadWord,
} from './layout.ts';
import { K_ORIGIN } from './outside.ts';
import { beginExit, commitExit, recordValue } from './ring.ts';
import { endsWaitForStart, vacateSlots } from './schedule.ts';
import { leaveFreeLists } from './slab.ts';
import { activate, enterLate } from './switch.ts';
import { buryTask, entombTask, isLive, liveAncestor, taskWordOf } from './task.ts';

/**
 * Ends a task of this thread; nothing happens for a dead one. If it is running, what follows on the thread until the
 * next switch is late work in its name, charged to its nearest living ancestor.
 */
export function exitTask(s: CpuState, task: TaskHandle): void {
  if (!isLive(s.region, task)) return;
  // The thread's own task was not started by anyone: its time is in the thread's lines, not among the exits.
  const isRecorded = taskWordOf(s.region, task, K_PARENT) !== 0;
  const origin = taskWordOf(s.region, task, K_ORIGIN);
  s.i32[s.seqAt]!++;
  charge(s);
  if (task === s.current) leaveThread(s, task);
  s.i32[s.leavingChildrenAt] = 0;
  s.i32[s.leavingAt] = taskWordOf(s.region, task, K_CONTEXT);
  const context = (s.i32[s.leavingAt] = entombTask(s, task)); // again: another thread may have just published one
  if (origin !== 0 && context > 0) ship(s, task, context, s.index);
  if (context > 0) detachContext(s, task, context, isRecorded && origin <= 0);
  s.f64[threadF64(s.region.layout, s.index) + T_F64_EXITS]! += 1;
  buryTask(s, task);
  s.i32[s.seqAt]!++;
}

/** The thread ends: every task of it exits, the root last. Its slot is still its own. */
export function exitThread(s: CpuState): void {
  fold(s);
  exitAll(s, s.index, s.root);
  beginChange(s);
  activate(s, 0);
  endChange(s);
  s.current = 0;
  s.owner = 0;
  const { root } = s;
  s.root = 0;
  if (root !== 0) exitTask(s, root);
}

/** The slot may be another thread's from here on; the books in it stay. */
export function leaveSlot(s: CpuState): void {
  beginChange(s); // releaseThread ends it
  vacateSlots(s, s.threadContext);
  releaseThread(s, s.index);
  s.threadContext = 0;
}

/** Exits all tasks of a thread but one. Looks at every slot: threads end rarely. */
function exitAll(s: CpuState, thread: number, except: TaskHandle): void {
  const used = Math.min(Atomics.load(s.i32, H_TASKS_USED), s.region.layout.tasks);
  for (let task = 1; task <= used; task++) {
    if (task === except || taskWordOf(s.region, task, K_STATE) !== TASK_LIVE) continue;
    if (taskWordOf(s.region, task, K_THREAD) === thread) exitTask(s, task);
  }
}

/** Gives up the thread's slot and what only the thread had. */
export function releaseThread(s: CpuState, thread: number): void {
  const { i32 } = s;
  const at = threadWord(s.region.layout, thread);
  const context = i32[at + T_CONTEXT]!;
  if (context !== 0) endCounters(s, context); // while the thread names it: who reaps this one goes on here
  i32[at + T_CONTEXT] = 0;
  if (context !== 0) retireContext(s, context, 1);
  i32[at + T_ROOT] = 0;
  i32[at + T_CURRENT] = 0;
  leaveFreeLists(s.region, thread);
  i32[at + T_SEQ]! += i32[at + T_SEQ]! & 1; // the end of the last change, before another thread may have the slot
  Atomics.store(i32, at + T_STATE, THREAD_EXITED);
}

function leaveThread(s: CpuState, task: TaskHandle): void {
  const name = s.owner < 0 ? s.lateName : taskWordOf(s.region, task, K_NAME);
  const heir = liveAncestor(s, taskWordOf(s.region, task, K_PARENT));
  // Values of a context are written by its own thread alone, and only that one sees when the heir itself ends.
  enterLate(s, taskWordOf(s.region, heir, K_THREAD) === s.index ? heir : s.root, name);
}

/**
 * Takes the context from its dying task, in one pass: every counter ends at the same moment, the last reading. Inherited
 * ones are folded into their family and freed; original ones stay chained, so that their group can still be read (S8).
 */
function detachContext(s: CpuState, task: TaskHandle, context: ContextHandle, isRecorded: boolean): void {
  const { region, i32 } = s;
  const at = region.contextW + (context << 4);
  const home = taskWordOf(region, task, K_THREAD);
  const event = isRecorded ? beginExit(s, task, context, s.index) : null;
  let references = 1; // the task's
  let first = 0;
  let last = 0;
  let next = 0;
  for (let c = i32[at + C_FIRST]!; c !== 0; c = next) {
    next = counterWordOf(region, c, R_NEXT);
    setActivity(region, c, IDLE, s.now);
    endsWaitForStart(s, c);
    if (event !== null) recordValue(s, event, c);
    const original = counterWordOf(region, c, R_PARENT);
    setPacked(region, c, packedOf(region, c) & ~LISTED); // before it is folded: a reaper must not fold it again
    if (original === 0) {
      setState(region, c, STATE_EXIT);
      if (last === 0) first = c;
      else setCounterWord(region, last, R_NEXT, c);
      last = c;
      continue;
    }
    foldChild(region, original, c, s.now);
    freeCounterSlot(s, c, home);
    i32[s.leavingChildrenAt] = references; // counted from 1, which is the task's
    references++;
  }
  if (last !== 0) setCounterWord(region, last, R_NEXT, 0);
  i32[at + C_FIRST] = first;
  i32[at + C_LAST] = last;
  i32[at + C_COUNT] = 0;
  i32[at + C_STAT] = 0;
  i32[at + C_SLOTTED] = 0;
  i32[at + C_ROTATION] = 0;
  i32[at + C_GENERATION]!++;
  if (event !== null) commitExit(s, event);
  retireContext(s, context, references);
}

/** The counters of a thread are final with it, as a task's are with its exit; its PMU is gone. */
function endCounters(s: CpuState, context: ContextHandle): void {
  const { region } = s;
  for (let c = contextWordOf(region, context, C_FIRST); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    setActivity(region, c, IDLE, s.now);
    listDel(region, context, c);
    setState(region, c, STATE_EXIT);
  }
}

function retireContext(s: CpuState, context: ContextHandle, references: number): void {
  const at = s.region.contextW + (context << 4);
  s.i32[at + C_TASK] = TOMBSTONE;
  s.i32[at + C_ACTIVE] = 0;
  unclone(s, context);
  s.i32[s.leavingAt] = 0;
  putContext(s, context, references);
}
