/**
 * Reaping. A thread that was terminated may have stopped between any two of its writes, so no link that it wrote is
 * followed, and no count believed. What each slot says of itself (state, context, parent) is written in one word, last when
 * it comes and first when it goes; from that the reaper puts chains and families together again, then ends the tasks.
 *
 * What takes longer, the making of a context and the end of a task, the dead one has noted in its slot (T_MAKING, T_LEAVING,
 * T_BURYING), so that it is finished here.
 *
 * Lost, and nothing else: the slice since the last switch, values of an exit that was under way, and the few slots that
 * were just passing from one list to another. References may stay too many for the same reason, never too few.
 */
import { fold } from './charge.ts';
import { contextWordOf, ownerOf, putContext, unclone } from './context.ts';
import {
  CHAINED,
  IDLE,
  LISTED,
  SLOTTED,
  STATE_DEAD,
  STATE_EXIT,
  counterWordOf,
  freeCounterSlot,
  needsReading,
  packedOf,
  setActivity,
  setCounterWord,
  setPacked,
  setState,
  stateOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { releaseThread } from './exit.ts';
import { EVENTS } from './events.ts';
import { addToFamily } from './family.ts';
import { isHalfMade } from './foreign.ts';
import { ship } from './job.ts';
import {
  C_ACTIVE,
  C_COUNT,
  C_FIRST,
  C_LAST,
  C_PARENT,
  C_REFS,
  C_ROTATION,
  C_SLOTTED,
  C_STAT,
  C_TASK,
  EVENT_LINES,
  F_FIRST_CHILD,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_LOST_SLICES,
  H_NAMES_USED,
  H_TASKS_USED,
  K_CONTEXT,
  K_PARENT,
  K_STATE,
  K_THREAD,
  NT_F64_SUM,
  R_CONTEXT,
  R_FAMILY,
  R_LEADER,
  R_NEXT,
  R_PARENT,
  R_REFS,
  TASK_LIVE,
  THREAD_LIVE,
  TOMBSTONE,
  T_F64_EXITS,
  T_F64_IDLE,
  T_F64_LATE,
  T_F64_LOOP,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  T_SEQ,
  T_STATE,
  nameTotalF64,
  threadF64,
  threadWord,
} from './layout.ts';
import { K_ORIGIN } from './outside.ts';
import { buriedBy, forgetNotes, freeUnpublished, leavingOf } from './notes.ts';
import { freeCounter } from './open.ts';
import { beginExit, commitExit, recordValue } from './ring.ts';
import { endsWaitForStart } from './schedule.ts';
import { buryTask, finishBurial, taskWordOf } from './task.ts';

/** What the dead left. */
interface Estate {
  readonly thread: number;
  readonly tasks: TaskHandle[];
  /** Contexts that were taken from their tasks here. */
  readonly contexts: Map<ContextHandle, TaskHandle>;
  /** References to drop: theirs, and those of one that the dead had taken from its task. */
  readonly references: Map<ContextHandle, number>;
  /** Counters in the chain of each context of the thread, in order. */
  readonly chains: Map<ContextHandle, CounterHandle[]>;
}

/** Ends a thread that died without doing so itself; only the thread that is responsible for the dead may. */
export function reapThread(s: CpuState, thread: number): void {
  const { i32, region } = s;
  const at = threadWord(region.layout, thread);
  if (thread === s.index || i32[at + T_STATE] !== THREAD_LIVE) return;
  Atomics.add(i32, H_LOST_SLICES, 1);
  fold(s);
  const wasChanging = (i32[at + T_SEQ]! & 1) !== 0;
  i32[at + T_SEQ]! |= 1; // odd: readers wait for the whole
  const estate: Estate = {
    thread,
    tasks: [],
    contexts: new Map(),
    references: new Map(),
    chains: new Map(),
  };
  const buried = buriedBy(s, thread);
  entombTasks(s, estate);
  const [leaving, references] = leavingOf(s, thread);
  if (leaving > 0 && !estate.contexts.has(leaving)) estate.references.set(leaving, references);
  collectChains(s, estate);
  recordExits(s, estate);
  if (wasChanging) settleBooks(s, thread);
  for (const [context, chain] of estate.chains) settleContext(s, estate, context, chain);
  settleCounters(s, estate);
  endTasks(s, estate);
  if (buried !== 0) finishBurial(s, buried);
  freeUnpublished(s, thread, estate.contexts);
  forgetNotes(s, thread);
  releaseThread(s, thread); // ends the change, too
}

/** What the tasks have cost up to now: of a job for its origin, of the others in the ring. */
function recordExits(s: CpuState, estate: Estate): void {
  for (const [context, task] of estate.contexts) {
    const chain = estate.chains.get(context) ?? [];
    relink(s, context, chain);
    const origin = taskWordOf(s.region, task, K_ORIGIN);
    if (origin !== 0) ship(s, task, context, estate.thread);
    if (origin <= 0 && taskWordOf(s.region, task, K_PARENT) !== 0) record(s, estate, context, chain);
  }
}

function endTasks(s: CpuState, estate: Estate): void {
  const { i32, region } = s;
  for (const [context, references] of estate.references) {
    i32[region.contextW + (context << 4) + C_TASK] = TOMBSTONE;
    i32[region.contextW + (context << 4) + C_ACTIVE] = 0;
    unclone(s, context);
    putContext(s, context, references);
  }
  for (const task of estate.tasks) {
    s.f64[threadF64(region.layout, s.index) + T_F64_EXITS]! += 1;
    buryTask(s, task);
  }
}

/** In the ring and the totals of the dead: what was used there is booked there. */
function record(s: CpuState, estate: Estate, context: ContextHandle, chain: readonly CounterHandle[]): void {
  const task = estate.contexts.get(context)!;
  const event = beginExit(s, task, context, estate.thread);
  for (const counter of chain) recordValue(s, event, counter);
  commitExit(s, event);
}

/**
 * The thread died within a change: part of a slice, or of an exit, is in its total and in no row. That is nobody's from now
 * on, so that the books of the thread balance. Once all of its tasks are recorded they are all in the names' totals.
 */
function settleBooks(s: CpuState, thread: number): void {
  const { f64, i32 } = s;
  const { layout } = s.region;
  const at = threadF64(layout, thread);
  const names = Math.min(Atomics.load(i32, H_NAMES_USED), layout.names);
  for (let event = 0; event < EVENT_LINES; event++) {
    if (EVENTS[event]?.additive === false) continue;
    let tasks = 0;
    for (let name = 0; name < names; name++)
      tasks += f64[nameTotalF64(layout, thread, name) + NT_F64_SUM + event]!;
    const others =
      f64[at + T_F64_LATE + event]! + f64[at + T_F64_LOOP + event]! + f64[at + T_F64_IDLE + event]!;
    f64[at + T_F64_TASKS + event] = tasks;
    f64[at + T_F64_UNATTRIBUTED + event] = f64[at + T_F64_TOTAL + event]! - others - tasks;
  }
}

function entombTasks(s: CpuState, estate: Estate): void {
  const { region, i32 } = s;
  const used = Atomics.load(i32, H_TASKS_USED);
  for (let task = 1; task <= used; task++) {
    const at = region.taskW + (task << 4);
    if (i32[at + K_STATE] !== TASK_LIVE || i32[at + K_THREAD] !== estate.thread) continue;
    estate.tasks.push(task);
    const context = Atomics.exchange(i32, at + K_CONTEXT, TOMBSTONE);
    if (context <= 0) continue;
    // Two tasks have it: a lazy switch was under way, and the sister's context is in neither.
    const other = estate.contexts.get(context);
    const taken = other === undefined ? context : findSister(s, estate, context, [task, other]);
    if (taken === 0) continue;
    estate.contexts.set(taken, task);
    estate.references.set(taken, 1);
  }
}

function findSister(s: CpuState, estate: Estate, context: ContextHandle, tasks: TaskHandle[]): ContextHandle {
  const parent = contextWordOf(s.region, context, C_PARENT);
  const used = Atomics.load(s.i32, H_CONTEXTS_USED);
  for (let sister = 1; sister <= used; sister++) {
    if (!isOf(s, sister, estate.thread) || estate.contexts.has(sister) || parent === 0) continue;
    const isSister = contextWordOf(s.region, sister, C_PARENT) === parent;
    if (isSister && tasks.includes(contextWordOf(s.region, sister, C_TASK))) return sister;
  }
  return 0;
}

/** In the order of the links as far as they hold, then whoever says that it is chained. */
function collectChains(s: CpuState, estate: Estate): void {
  const { region, i32 } = s;
  const seen = new Set<CounterHandle>();
  const contexts = Atomics.load(i32, H_CONTEXTS_USED);
  for (let context = 1; context <= contexts; context++) {
    if (!isOf(s, context, estate.thread)) continue;
    const chain: CounterHandle[] = [];
    let counter = contextWordOf(region, context, C_FIRST);
    while (isChained(s, counter, context) && !seen.has(counter)) {
      seen.add(counter);
      chain.push(counter);
      counter = counterWordOf(region, counter, R_NEXT);
    }
    estate.chains.set(context, chain);
  }
  const counters = Atomics.load(i32, H_COUNTERS_USED);
  for (let counter = 1; counter <= counters; counter++) {
    const context = counterWordOf(region, counter, R_CONTEXT);
    const chain = estate.chains.get(context);
    if (chain !== undefined && !seen.has(counter) && isChained(s, counter, context)) chain.push(counter);
  }
}

function isChained(s: CpuState, counter: CounterHandle, context: ContextHandle): boolean {
  const { region } = s;
  if (counter <= 0 || counter > region.layout.counters) return false;
  const packed = packedOf(region, counter);
  const isAlive = stateOf(packed) !== STATE_DEAD && (packed & CHAINED) !== 0;
  return isAlive && counterWordOf(region, counter, R_CONTEXT) === context;
}

/** Children go into their families; originals of a task end with it, those of the thread go on to be closed. */
function settleContext(
  s: CpuState,
  estate: Estate,
  context: ContextHandle,
  chain: readonly CounterHandle[],
): void {
  const { region } = s;
  const isThreads = contextWordOf(region, context, C_TASK) === 0;
  const originals: CounterHandle[] = [];
  for (const counter of chain) {
    const original = counterWordOf(region, counter, R_PARENT);
    if (original !== 0) {
      setActivity(region, counter, IDLE, s.now);
      endsWaitForStart(s, counter);
      if ((packedOf(region, counter) & LISTED) !== 0) addToFamily(region, original, counter, s.now);
      freeChild(s, estate, counter);
      continue;
    }
    originals.push(counter);
    if (isThreads) continue;
    setActivity(region, counter, IDLE, s.now);
    endsWaitForStart(s, counter);
    setState(region, counter, STATE_EXIT);
    setPacked(region, counter, packedOf(region, counter) & ~LISTED);
  }
  relink(s, context, originals);
  // Also of one that was being taken from its task: the task's slot will be another's.
  if (!isThreads) s.i32[region.contextW + (context << 4) + C_TASK] = TOMBSTONE;
}

/** Counters that no chain has, and the families' lists of children, all of which are gone now. */
function settleCounters(s: CpuState, estate: Estate): void {
  const { region } = s;
  const used = Atomics.load(s.i32, H_COUNTERS_USED);
  for (let counter = 1; counter <= used; counter++) {
    if (stateOf(packedOf(region, counter)) === STATE_DEAD) continue;
    if (!estate.chains.has(counterWordOf(region, counter, R_CONTEXT))) continue;
    if (counterWordOf(region, counter, R_PARENT) !== 0) {
      freeChild(s, estate, counter);
      continue;
    }
    if (isHalfMade(region, packedOf(region, counter))) {
      freeHalfMade(s, estate, counter);
      continue;
    }
    const family = counterWordOf(region, counter, R_FAMILY);
    if (family !== 0) setCounterWord(region, family, F_FIRST_CHILD, 0);
    if (counterWordOf(region, counter, R_REFS) > 1) setCounterWord(region, counter, R_REFS, 1);
  }
}

function freeChild(s: CpuState, estate: Estate, child: CounterHandle): void {
  dropsLater(estate, counterWordOf(s.region, child, R_CONTEXT));
  freeCounterSlot(s, child, estate.thread);
}

/** The reference of a counter goes with the others of its context, if there are any to drop. */
function dropsLater({ references }: Estate, context: ContextHandle): boolean {
  const before = references.get(context);
  if (before !== undefined) references.set(context, before + 1);
  return before !== undefined;
}

/** Nobody else can know it. */
function freeHalfMade(s: CpuState, estate: Estate, counter: CounterHandle): void {
  const context = counterWordOf(s.region, counter, R_CONTEXT);
  freeCounter(s, counter, estate.thread);
  if (dropsLater(estate, context)) return;
  s.i32[s.region.contextW + (context << 4) + C_ACTIVE] = 0; // nothing of the dead is being counted
  putContext(s, context);
}

/** Makes the chain and its counts what the list says; a leader that is not among them leads nobody. */
function relink(s: CpuState, context: ContextHandle, chain: readonly CounterHandle[]): void {
  const { region, i32 } = s;
  const at = region.contextW + (context << 4);
  let listed = 0;
  let reading = 0;
  let slotted = 0;
  for (const [i, counter] of chain.entries()) {
    const packed = packedOf(region, counter);
    setCounterWord(region, counter, R_NEXT, chain[i + 1] ?? 0);
    if ((packed & LISTED) !== 0) listed++;
    if ((packed & LISTED) !== 0 && needsReading(packed)) reading++;
    if ((packed & LISTED) !== 0 && (packed & SLOTTED) !== 0) slotted++;
    const leader = counterWordOf(region, counter, R_LEADER);
    const leads = chain.includes(leader) && counterWordOf(region, leader, R_LEADER) === leader;
    if (!leads) setCounterWord(region, counter, R_LEADER, counter);
  }
  i32[at + C_FIRST] = chain[0] ?? 0;
  i32[at + C_LAST] = chain.at(-1) ?? 0;
  i32[at + C_COUNT] = listed;
  i32[at + C_STAT] = reading;
  i32[at + C_SLOTTED] = slotted;
  i32[at + C_ROTATION] = 0;
}

function isOf(s: CpuState, context: ContextHandle, thread: number): boolean {
  return contextWordOf(s.region, context, C_REFS) > 0 && ownerOf(s.region, context) === thread;
}
