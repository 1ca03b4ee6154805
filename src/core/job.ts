/**
 * A job: a task that works for a task of another thread, its origin. It is an ordinary task of its own thread, with
 * counters inherited there, so nothing of the hot path knows of it. Two things are different at its end:
 *
 * - It is no exit of its own. What it cost is booked on its name in the totals of its thread, and goes to the origin's
 *   thread as operations on that one's stack (pending.ts), one for each event.
 * - There it is added to the origin's counters, and taken from the same name in the totals of that thread. So the books
 *   balance at every moment, on each thread alone and together, also if an operation never arrives.
 *
 * A job that goes on can ship what it has cost so far. Tasks that a job starts have rows of their own; of these only the
 * families of the origin's inheritable counters learn. What comes for a task that has ended is late work of its parent.
 */
import { addEvent, beginChange, endChange } from './charge.ts';
import { contextWordOf } from './context.ts';
import {
  EVENT_MASK,
  INHERIT,
  LISTED,
  STATE_INACTIVE,
  counterWordOf,
  countOf,
  enabledOf,
  packedOf,
  runningOf,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { TaskperfError } from './errors.ts';
import { LATE, TASK_CLOCK, WAIT, WALL } from './events.ts';
import { addToFamily } from './family.ts';
import { forkTask } from './inherit.ts';
import {
  C_FIRST,
  F_F64_COUNT,
  F_F64_ENABLED,
  F_F64_RUNNING,
  K_CONTEXT,
  K_NAME,
  K_PARENT,
  K_THREAD,
  NT_F64_STARTS,
  NT_F64_SUM,
  O_F64_VALUE,
  O_FLAGS,
  O_GENERATION,
  O_KIND,
  O_SENDER,
  O_TARGET,
  O_TASK,
  R_F64_COUNT,
  R_F64_ENABLED,
  R_F64_RUNNING,
  R_FAMILY,
  R_NEXT,
  R_PARENT,
  nameTotalF64,
} from './layout.ts';
import { K_ORIGIN, O_F64_ENABLED, O_F64_RUNNING } from './outside.ts';
import { KIND_COUNTER, takeSlot } from './slab.ts';
import { isLive, isTask, letGo, liveAncestor, retainIf, retainTask, taskWordOf } from './task.ts';

/** The operation (pending.ts). In O_FLAGS is the event, and whether only families are to learn of it; O_GENERATION is the name. */
export const DO_CREDIT: number = 11;
const FAMILY_ONLY = 1 << 8;

/** What a counter of the job's has counted. */
export interface Credit {
  readonly task: TaskHandle;
  readonly flags: number;
  readonly name: number;
  readonly value: number;
  readonly enabled: number;
  readonly running: number;
}

/**
 * Starts a task of this thread that works for another thread's. It has the origin's name, and the inheritable counters
 * of this thread's own task.
 * @returns 0 when a slab is full. @throws TaskperfError ESRCH when the origin has ended.
 */
export function forkJob(s: CpuState, origin: TaskHandle, generation: number): TaskHandle {
  const { region } = s;
  const isThere = isTask(region, origin) && retainIf(s, origin, generation);
  if (!isThere || !isLive(region, origin)) {
    if (isThere) letGo(s);
    throw new TaskperfError('ESRCH', `no task ${origin}: it has exited, or never was`, origin);
  }
  const name = taskWordOf(region, origin, K_NAME);
  const job = forkTask(s, s.root, name);
  if (job === 0) {
    letGo(s);
    return 0;
  }
  s.i32[s.heldAt] = 0; // from here on the job has the reference
  s.i32[region.taskW + (job << 4) + K_ORIGIN] = origin;
  s.f64[nameTotalF64(region.layout, s.index, name) + NT_F64_STARTS]! -= 1;
  return job;
}

/**
 * Sends to the origin what the job's counters have counted, and begins them anew. The books must be up to date, and a
 * change be open; `thread` is whose totals they are. The operations are handed on by `sendCredits`.
 */
export function ship(s: CpuState, task: TaskHandle, context: ContextHandle, thread: number): void {
  const { region } = s;
  const origin = taskWordOf(region, task, K_ORIGIN);
  const name = taskWordOf(region, task, K_NAME);
  const sums = nameTotalF64(region.layout, thread, name) + NT_F64_SUM;
  let seen = 0;
  for (let c = contextWordOf(region, context, C_FIRST); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    const packed = packedOf(region, c);
    const event = packed & EVENT_MASK;
    const original = counterWordOf(region, c, R_PARENT);
    if (original === 0 || (packed & LISTED) === 0 || !travels(event)) continue;
    const isFirst = (seen & (1 << event)) === 0;
    seen |= 1 << event;
    const credit = {
      task: Math.abs(origin),
      flags: origin > 0 ? event : event | FAMILY_ONLY,
      name,
      value: countOf(region, c, s.now),
      enabled: enabledOf(region, c),
      running: runningOf(region, c),
    };
    if (origin > 0) {
      addToFamily(region, original, c, s.now);
      clear(s, c, credit);
      if (isFirst) s.f64[sums + event]! += credit.value;
    }
    if (isFirst && credit.value + credit.enabled !== 0) write(s, credit);
  }
}

/** Lifetimes and waits overlap with the origin's own; late work is booked where it is done. */
function travels(event: number): boolean {
  return event !== WALL && event !== WAIT && event !== LATE;
}

/** Value and times start again from 0; the counter goes on with what it does. */
function clear(s: CpuState, counter: CounterHandle, { enabled, running }: Credit): void {
  const f = s.region.counterF + (counter << 3);
  s.f64[f + R_F64_COUNT] = 0;
  s.f64[f + R_F64_ENABLED]! += enabled;
  s.f64[f + R_F64_RUNNING]! += running;
}

/** Without a slot it stays where it is booked: on its name, here. The slab counts that. */
function write(s: CpuState, credit: Credit): void {
  const { region, i32, f64 } = s;
  const slot = takeSlot(region, s.index, KIND_COUNTER);
  if (slot === 0) return;
  const at = region.counterW + (slot << 4);
  const f = region.counterF + (slot << 3);
  i32[at + O_TARGET] = 0;
  i32[at + O_TASK] = credit.task;
  i32[at + O_SENDER] = s.index;
  i32[at + O_FLAGS] = credit.flags;
  i32[at + O_GENERATION] = credit.name;
  i32[at + O_KIND] = DO_CREDIT;
  f64[f + O_F64_VALUE] = credit.value;
  f64[f + O_F64_ENABLED] = credit.enabled;
  f64[f + O_F64_RUNNING] = credit.running;
  retainTask(region, credit.task);
  i32[at + R_NEXT] = i32[s.outboxAt]!;
  i32[s.outboxAt] = slot;
}

/** What the operation in the slot says. */
export function creditIn(s: CpuState, slot: number): Credit {
  const { region, i32, f64 } = s;
  const at = region.counterW + (slot << 4);
  const f = region.counterF + (slot << 3);
  return {
    task: i32[at + O_TASK]!,
    flags: i32[at + O_FLAGS]!,
    name: i32[at + O_GENERATION]!,
    value: f64[f + O_F64_VALUE]!,
    enabled: f64[f + O_F64_ENABLED]!,
    running: f64[f + O_F64_RUNNING]!,
  };
}

/** Performs the operation, on the thread that is responsible for the origin. */
export function receive(s: CpuState, credit: Credit): void {
  beginChange(s);
  if ((credit.flags & FAMILY_ONLY) !== 0) addToFamilies(s, credit);
  else if (isLive(s.region, credit.task)) addToOrigin(s, credit);
  else addLate(s, credit);
  endChange(s);
}

/** Every counter of the event that is inherited gets it; the first of all is what the task's row shows. */
function addToOrigin(s: CpuState, credit: Credit): void {
  const { region, f64 } = s;
  const event = credit.flags & EVENT_MASK;
  let isFirst = true;
  for (let c = firstOf(s, credit.task); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    const packed = packedOf(region, c);
    if ((packed & EVENT_MASK) !== event) continue;
    if (counts(packed)) {
      const f = region.counterF + (c << 3);
      f64[f + R_F64_COUNT]! += credit.value;
      f64[f + R_F64_ENABLED]! -= credit.enabled;
      f64[f + R_F64_RUNNING]! -= credit.running;
      if (isFirst) f64[sumOf(s, credit)]! -= credit.value;
    }
    isFirst = false;
  }
}

/** The origin, or who lives of its ancestors. */
function addToFamilies(s: CpuState, credit: Credit): void {
  const { region, f64 } = s;
  const heir = liveAncestor(s, credit.task);
  if (heir === 0 || taskWordOf(region, heir, K_THREAD) !== taskWordOf(region, credit.task, K_THREAD)) return;
  for (let c = firstOf(s, heir); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    const packed = packedOf(region, c);
    if ((packed & EVENT_MASK) !== (credit.flags & EVENT_MASK) || !counts(packed)) continue;
    const family = counterWordOf(region, counterWordOf(region, c, R_PARENT) || c, R_FAMILY);
    const f = region.counterF + (family << 3);
    f64[f + F_F64_COUNT]! += credit.value;
    f64[f + F_F64_ENABLED]! += credit.enabled;
    f64[f + F_F64_RUNNING]! += credit.running;
  }
}

/** As work that runs here in the name of an ended task: the thread's line, the ancestor's counters, the name. */
function addLate(s: CpuState, credit: Credit): void {
  const { region, f64 } = s;
  const event = credit.flags & EVENT_MASK;
  f64[sumOf(s, credit)]! -= credit.value;
  f64[s.tasksAt + event]! -= credit.value;
  f64[s.lateAt + event]! += credit.value;
  if (event !== TASK_CLOCK) return;
  const name = taskWordOf(region, credit.task, K_NAME);
  f64[nameTotalF64(region.layout, s.index, name) + NT_F64_SUM + LATE]! += credit.value;
  const heir = liveAncestor(s, taskWordOf(region, credit.task, K_PARENT));
  if (heir === 0 || taskWordOf(region, heir, K_THREAD) !== s.index) return;
  const context = taskWordOf(region, heir, K_CONTEXT);
  if (context > 0) addEvent(s, context, LATE, credit.value);
}

function counts(packed: number): boolean {
  return (packed & LISTED) !== 0 && (packed & INHERIT) !== 0 && stateOf(packed) >= STATE_INACTIVE;
}

function firstOf(s: CpuState, task: TaskHandle): CounterHandle {
  const context = taskWordOf(s.region, task, K_CONTEXT);
  return context > 0 ? contextWordOf(s.region, context, C_FIRST) : 0;
}

function sumOf(s: CpuState, { name, flags }: Credit): number {
  return nameTotalF64(s.region.layout, s.index, name) + NT_F64_SUM + (flags & EVENT_MASK);
}
