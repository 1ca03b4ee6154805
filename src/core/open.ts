/** Opening a counter: everything that can fail comes first, so that a failed open leaves no trace (I45). */
import { beginChange, charge, endChange, fold } from './charge.ts';
import { findContext, listAdd, newContext, unclone } from './context.ts';
import {
  INHERIT,
  LISTED,
  STAT,
  STATE_DEAD,
  STATE_INACTIVE,
  STATE_OFF,
  counterWordOf,
  freeCounterSlot,
  initCounter,
  pack,
  packedOf,
  refreshCounting,
  setCounterWord,
  startTimes,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { TaskperfError } from './errors.ts';
import { initFamily } from './family.ts';
import {
  C_REFS,
  C_TASK,
  EVENT_LINES,
  K_CONTEXT,
  R_CONTEXT,
  R_FAMILY,
  R_LEADER,
  R_PARENT,
  R_REFS,
  T_CONTEXT,
  threadWord,
} from './layout.ts';
import { isSoftware } from './pmu.ts';
import { KIND_COUNTER, takeSlot } from './slab.ts';
import { isLive, isTask, taskWordOf } from './task.ts';

/** What to count, and where; after perf_event_open(2)'s attributes. */
export interface CounterAttributes {
  readonly event: number;
  /** Default: the running task. */
  readonly task?: TaskHandle;
  /** Count on the calling thread, whatever task runs. */
  readonly thread?: true;
  /** Tasks started by this one from now on are counted, too; reads give the family's sum. */
  readonly inherit?: boolean;
  /** Keep the values of each task of the family apart (exit events) over lazy switches. */
  readonly inheritStat?: boolean;
  /** Do not count before `enable`. */
  readonly disabled?: boolean;
  /** Leader of the group to join. */
  readonly group?: CounterHandle;
}

/** Opens a counter on the calling thread's own ("per-CPU") context. */
export function openOnThread(s: CpuState, attributes: CounterAttributes): CounterHandle {
  if (attributes.inherit === true || attributes.task !== undefined) {
    throw new TaskperfError(
      'EINVAL',
      'a counter on a thread has no task and is not inherited: leave those out',
      attributes,
    );
  }
  const packed = packedFor(s, attributes);
  if (attributes.group !== undefined) checkLeader(s, attributes, s.threadContext);
  const counter = takeCounter(s);
  if (s.threadContext === 0) {
    const context = newContext(s, 0);
    if (context === 0) {
      freeCounterSlot(s, counter, s.index);
      throw noRoom('context');
    }
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
  if (attributes.group !== undefined) checkLeader(s, attributes, taskWordOf(region, task, K_CONTEXT));
  const counter = takeCounter(s);
  let family = 0;
  let context = 0;
  try {
    if (attributes.inherit === true) family = takeCounter(s);
    context = findContext(s, task);
  } finally {
    if (context === 0) {
      if (family !== 0) freeCounterSlot(s, family, s.index);
      freeCounterSlot(s, counter, s.index);
    }
  }
  prepareCounter(s, counter, context, { packed, leader: attributes.group ?? 0 });
  if (family !== 0) initFamily(region, family);
  setCounterWord(region, counter, R_FAMILY, family);
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
  listAdd(region, context, counter);
  startTimes(region, counter);
  refreshCounting(region, counter, s.now);
  repairActive(s, context, i32[region.contextW + (context << 4) + C_TASK]!);
  endChange(s);
}

/** A running task whose context is not being counted, since it had none or by prctl, is counted from now on (S21-23). */
export function repairActive(s: CpuState, context: ContextHandle, task: TaskHandle): void {
  if (s.active !== 0 || task <= 0 || task !== s.owner) return;
  s.active = context;
  s.i32[s.contextActiveAt + (context << 4)] = s.index + 1;
}

function prepareCounter(
  s: CpuState,
  counter: CounterHandle,
  context: ContextHandle,
  target: { packed: number; leader: CounterHandle },
): void {
  initCounter(s.region, counter, context, target.packed);
  if (target.leader !== 0) setCounterWord(s.region, counter, R_LEADER, target.leader);
  setCounterWord(s.region, counter, R_REFS, 1);
}

function packedFor(s: CpuState, attributes: CounterAttributes): number {
  const { event } = attributes;
  if (!Number.isInteger(event) || event < 0 || event >= EVENT_LINES) {
    throw new TaskperfError('EINVAL', `no event has number ${event}: see the list of events`, event);
  }
  if (!isSoftware(event) && !s.pmu.events.includes(event)) {
    throw new TaskperfError('ENOENT', `this machine does not count event ${event}: see taskperf list`, event);
  }
  const flags = (attributes.inherit === true ? INHERIT : 0) | (attributes.inheritStat === true ? STAT : 0);
  return pack(event, attributes.disabled === true ? STATE_OFF : STATE_INACTIVE, flags);
}

function checkLeader(s: CpuState, attributes: CounterAttributes, context: ContextHandle): void {
  const { region } = s;
  const leader = attributes.group!;
  requireCounter(s, leader);
  if (counterWordOf(region, leader, R_LEADER) !== leader) {
    throw new TaskperfError(
      'EINVAL',
      `counter ${leader} is itself in a group: give that group's leader`,
      leader,
    );
  }
  if (context <= 0 || counterWordOf(region, leader, R_CONTEXT) !== context) {
    throw new TaskperfError(
      'EINVAL',
      `leader ${leader} counts something else: a group has one task or thread`,
      leader,
    );
  }
  const inherits = (packedOf(region, leader) & INHERIT) !== 0;
  if (inherits !== (attributes.inherit === true)) {
    throw new TaskperfError(
      'EINVAL',
      'a group is inherited as a whole: give inherit as its leader has it',
      leader,
    );
  }
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

function takeCounter(s: CpuState): CounterHandle {
  const counter = takeSlot(s.region, s.index, KIND_COUNTER);
  if (counter === 0) throw noRoom('counter');
  return counter;
}

function noRoom(what: string): TaskperfError {
  return new TaskperfError('ENOSPC', `no room for another ${what}: close some first`, what);
}
