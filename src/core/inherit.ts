/** Fork: a task begins, and inherits the counters of its parent that say so. */
import { addEvent, beginChange, endChange, fold } from './charge.ts';
import { contextWordOf, newContext, putContext } from './context.ts';
import {
  CHAINED,
  COUNTS,
  EVENT_MASK,
  EXCLUSIVE,
  GATED,
  IDLE,
  INHERIT,
  LISTED,
  ON_START,
  PINNED,
  SAMPLING,
  SLOTTED,
  STAT,
  STATE_INACTIVE,
  STATE_OFF,
  WAITING,
  counterWordOf,
  freeCounterSlot,
  initCounter,
  needsReading,
  pack,
  packedOf,
  setCounterWord,
  setPacked,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { FORKS, WALL } from './events.ts';
import { linkChild, unlinkChild } from './family.ts';
import {
  C_COUNT,
  C_FIRST,
  C_GENERATION,
  C_LAST,
  C_PARENT,
  C_PARENT_GENERATION,
  C_REFS,
  C_SLOTTED,
  C_STAT,
  K_CONTEXT,
  K_THREAD,
  NT_F64_STARTS,
  R_F64_COUNT,
  R_LEADER,
  R_NEXT,
  R_PARENT,
  nameTotalF64,
} from './layout.ts';
import { K_ORIGIN } from './outside.ts';
import type { Region } from './region.ts';
import { disableSpent } from './sampling.ts';
import { waitForStart } from './schedule.ts';
import { KIND_COUNTER, takeSlot } from './slab.ts';
import { buryTask, entombTask, isLive, liveAncestor, newTask, retainTask, taskWordOf } from './task.ts';

/** More counters than anybody opens on one task. */
const CHAIN_MAX = 1000;

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
  if (isOurs) {
    countFork(s, from, context);
    const origin = taskWordOf(s.region, from, K_ORIGIN);
    if (origin !== 0) followOrigin(s, task, Math.abs(origin));
  }
  s.f64[nameTotalF64(s.region.layout, s.index, name) + NT_F64_STARTS]! += 1;
  return task;
}

/** What a job starts is a task of its own, with a row of its own; what it costs is its origin's family's, too. */
function followOrigin(s: CpuState, task: TaskHandle, origin: TaskHandle): void {
  retainTask(s.region, origin);
  s.i32[s.region.taskW + (task << 4) + K_ORIGIN] = -origin;
}

/** Of any thread's task: the chain may change while it is looked at, so it is followed only so far. */
export function inheritableEvents(region: Region, task: TaskHandle): number[] {
  const context = taskWordOf(region, task, K_CONTEXT);
  const events = new Set<number>();
  let left = CHAIN_MAX;
  for (let c = context > 0 ? contextWordOf(region, context, C_FIRST) : 0; c !== 0 && left > 0; left--) {
    const packed = packedOf(region, c);
    if ((packed & INHERIT) !== 0) events.add(packed & EVENT_MASK);
    c = counterWordOf(region, c, R_NEXT);
  }
  return [...events];
}

function countFork(s: CpuState, parent: TaskHandle, context: ContextHandle): void {
  s.f64[s.totalAt + FORKS]! += 1;
  s.f64[(parent === s.root ? s.unattributedAt : s.tasksAt) + FORKS]! += 1;
  if (context > 0) addEvent(s, context, FORKS, 1);
  if (s.threadContext !== 0) addEvent(s, s.threadContext, FORKS, 1);
  if (!s.overflowed) return;
  beginChange(s);
  disableSpent(s);
  endChange(s);
}

/**
 * Copies the inheritable counters. No context is made for none of them (S4). false: a slab is full, all undone.
 * One pass that writes each word once: a request pays this before its first line runs. The context is new, so its time
 * is 0 and nobody else sees it; what listAdd and refreshActivity find out step by step is known here.
 */
function inheritContext(s: CpuState, from: ContextHandle, task: TaskHandle): boolean {
  const { region, i32 } = s;
  const copies = { context: 0, first: 0, last: 0, count: 0, stat: 0, slotted: 0 };
  let all = true;
  for (let c = contextWordOf(region, from, C_FIRST); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if ((packedOf(region, c) & INHERIT) === 0) {
      all = false;
      continue;
    }
    if (copies.context === 0) copies.context = newContext(s, task);
    const child = copies.context === 0 ? 0 : takeSlot(region, s.index, KIND_COUNTER);
    if (child === 0) {
      undoInherit(s, copies);
      return false;
    }
    inheritCounter(s, c, child, copies);
  }
  const { context } = copies;
  if (context === 0) return true;
  const at = region.contextW + (context << 4);
  i32[at + C_FIRST] = copies.first;
  i32[at + C_LAST] = copies.last;
  i32[at + C_COUNT] = copies.count;
  i32[at + C_STAT] = copies.stat;
  i32[at + C_SLOTTED] = copies.slotted;
  i32[at + C_REFS] = 1 + copies.count;
  if (all) markClone(s, context, from);
  i32[region.taskW + (task << 4) + K_CONTEXT] = context; // nobody else knows the task yet
  i32[s.makingAt] = 0;
  return true;
}

/** The chain being built in a context that is not published yet. */
interface Copies {
  context: ContextHandle;
  first: CounterHandle;
  last: CounterHandle;
  count: number;
  /** Of them, those that need a reading at every switch. */
  stat: number;
  /** And those that take a slot of the PMU. */
  slotted: number;
}

/** Flags that a child's counter has as well. */
const INHERITED = INHERIT | STAT | SLOTTED | GATED | PINNED | EXCLUSIVE | ON_START | SAMPLING;

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

function inheritCounter(s: CpuState, from: CounterHandle, child: CounterHandle, copies: Copies): void {
  const { region, i32 } = s;
  const packed = packedOf(region, from);
  const original = counterWordOf(region, from, R_PARENT) || from;
  const leaderOfParent = counterWordOf(region, from, R_LEADER);
  const leader = leaderOfParent === from ? child : copyOf(region, leaderOfParent, copies.first);
  // What the parent's counter does now counts, not what its opener asked for.
  const state = stateOf(packed) >= STATE_INACTIVE ? STATE_INACTIVE : STATE_OFF;
  const activity = activityOf(state, packedOf(region, leaderOfParent));
  const event = packed & EVENT_MASK;
  initCounter(region, child, copies.context, 0); // nobody's until it is whole: for who reaps a thread that dies here
  if (event === WALL && activity === COUNTS) region.f64[region.counterF + (child << 3) + R_F64_COUNT] = s.now;
  const at = region.counterW + (child << 4);
  i32[at + R_PARENT] = original;
  i32[at + R_LEADER] = leader;
  if ((packed & ON_START) !== 0) waitForStart(s, copies.context);
  setPacked(region, child, pack(event, state, LISTED | CHAINED | (packed & INHERITED) | activity));
  linkChild(region, original, child);
  if (copies.last === 0) copies.first = child;
  else setCounterWord(region, copies.last, R_NEXT, child);
  copies.last = child;
  copies.count++;
  if (needsReading(packed)) copies.stat++;
  if ((packed & SLOTTED) !== 0) copies.slotted++;
}

/** What a new counter does, whose context is not being counted yet; `leader` is the parent's (that of a leader: itself). */
function activityOf(state: number, leader: number): number {
  if (state < STATE_INACTIVE || stateOf(leader) < STATE_INACTIVE) return IDLE;
  return (leader & GATED) === 0 ? COUNTS : WAITING;
}

/** The copy that stands for `leader`, which was copied before its siblings. */
function copyOf(region: Region, leader: CounterHandle, first: CounterHandle): CounterHandle {
  const original = counterWordOf(region, leader, R_PARENT) || leader;
  let c = first;
  while (counterWordOf(region, c, R_PARENT) !== original) c = counterWordOf(region, c, R_NEXT);
  return c;
}

function undoInherit(s: CpuState, copies: Copies): void {
  const { region } = s;
  let next = 0;
  for (let c = copies.first; c !== 0; c = next) {
    next = counterWordOf(region, c, R_NEXT);
    unlinkChild(region, counterWordOf(region, c, R_PARENT), c);
    freeCounterSlot(s, c, s.index);
  }
  s.i32[s.makingAt] = 0;
  if (copies.context !== 0) putContext(s, copies.context);
}
