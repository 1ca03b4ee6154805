/**
 * The context switch. Three ways, cheapest first:
 *
 * - same owner: nothing is done;
 * - nothing to tell apart: neither task is counted (S20), or both contexts are clones of one parent and only the
 *   family's sum is asked for: the tasks exchange their contexts (lazy switch) and no reading is taken;
 * - else one reading, which ends the outgoing task's slice and begins the incoming one's. (Two where the incoming one
 *   may have waited behind somebody: `lookBack`.)
 *
 * Counters with inherit_stat (values follow the task) and wait counters always take the third way. If they are clones
 * and some hold slots of the PMU, the contexts are exchanged there, too, and then the values, as in the kernel: that
 * spares programming the PMU again. Without slots there is nothing to program, and nothing is exchanged.
 */
import { assert } from './assert.ts';
import { mayHaveWaited, noteWait } from './behind.ts';
import { charge } from './charge.ts';
import { areEquivalent, contextWordOf } from './context.ts';
import { STAT, counterWordOf, exchangeCounts, packedOf } from './counter.ts';
import type { ContextHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { TASK_SWITCHES, WAIT } from './events.ts';
import { noteLateSwitch, noteSwitch } from './last-switches.ts';
import { C_ACTIVE, C_FIRST, C_SLOTTED, C_TASK, R_NEXT, R_PARENT } from './layout.ts';
import { deliver } from './sampling.ts';
import { fillSlots, startCounters, vacateSlots } from './schedule.ts';

const SWITCHES = TASK_SWITCHES;
const WAITED = WAIT;

/** The thread's time from now on is the task's. */
export function switchTo(s: CpuState, task: TaskHandle): void {
  if (task === s.owner) return;
  const { i32, f64 } = s;
  const next = i32[s.taskContextAt + (task << 4)]!;
  const active = s.active;
  if ((active === 0 || i32[s.contextStatAt + (active << 4)] === 0) && switchLazily(s, task, next)) return;

  i32[s.seqAt]!++; // odd: readers on other threads wait for the whole set
  let now = charge(s);
  if (s.owner > 0) f64[s.taskLeftAt + (s.owner << 3)] = now;
  const ready = readyAt(s, task);
  if (i32[s.watchAt] !== 0 && mayHaveWaited(s, task)) now = lookBack(s, task, ready);
  s.delta[WAITED] = Math.max(0, now - ready);
  s.delta[SWITCHES] = 1;
  const context = next > 0 ? next : 0;
  if (s.isWatchful) enter(s, task, context);
  else setActive(s, context);
  s.bucketAt = task === s.root ? s.unattributedAt : s.tasksAt;
  s.current = task;
  s.owner = task;
  i32[s.currentAt] = task;
  f64[s.sinceAt] = now;
  noteSwitch(s, task, now);
  i32[s.seqAt]!++;
  if (s.overflowed) deliver(s);
}

/** ns: since when the task has been ready. */
function readyAt(s: CpuState, task: TaskHandle): number {
  const left = s.f64[s.taskLeftAt + (task << 3)]!;
  return left > s.readySince ? left : s.readySince;
}

/**
 * Notes behind whom the task has waited since it was ready. How long that takes depends on what others did, so it must not
 * be in the task's counts, nor in those of the one before: it costs a second reading, and is nobody's. Returns the clock.
 */
function lookBack(s: CpuState, task: TaskHandle, ready: number): number {
  activate(s, 0);
  s.owner = 0;
  s.bucketAt = s.unattributedAt;
  noteWait(s, task, ready, s.now);
  s.f64[s.sinceAt] = s.now; // or the reading would lengthen the slice of the task before
  return charge(s);
}

/** The thread's time from now on is late work of a task called `name`, charged to `task`, an ancestor of it. */
export function switchLate(s: CpuState, task: TaskHandle, name: number): void {
  if (s.owner < 0 && s.current === task && s.lateName === name) return;
  s.i32[s.seqAt]!++;
  charge(s);
  enterLate(s, task, name);
  s.i32[s.seqAt]!++;
}

/** The second half of `switchLate`, for a caller that has just taken a reading. */
export function enterLate(s: CpuState, task: TaskHandle, name: number): void {
  if (s.owner > 0) s.f64[s.taskLeftAt + (s.owner << 3)] = s.now;
  activate(s, 0);
  s.bucketAt = s.lateAt;
  s.current = task;
  s.owner = -1;
  s.lateName = name;
  s.i32[s.currentAt] = task;
  s.f64[s.sinceAt] = s.now;
  noteLateSwitch(s, name, s.now);
}

/**
 * Makes the context the one that is being counted (0: none), and gives its groups what slots they need. The books must
 * be up to date.
 */
export function activate(s: CpuState, context: ContextHandle): void {
  if (s.active === context) return;
  if (s.hasSlots) vacateSlots(s, s.active);
  setActive(s, context);
  if (s.hasSlots) fillSlots(s);
}

function setActive(s: CpuState, context: ContextHandle): void {
  const active = s.active;
  if (active === context) return;
  if (active !== 0) s.i32[s.contextActiveAt + (active << 4)] = 0;
  if (context !== 0) s.i32[s.contextActiveAt + (context << 4)] = s.index + 1;
  s.active = context;
}

/** The incoming task's context is counted from now on, with its slots and the counters that waited for its start. */
function enter(s: CpuState, task: TaskHandle, context: ContextHandle): void {
  // Counters that wait for their task's start pin its context.
  if (context !== 0 && s.i32[s.contextPinsAt + (context << 4)] !== 0) startCounters(s, context);
  if (context !== 0 && exchangeSlots(s, task, context)) return;
  activate(s, context);
}

/**
 * Between clones with slotted counters the slots stay as they are: the tasks exchange their contexts, and the counters
 * with inherit_stat their values, so that each task keeps its own.
 */
function exchangeSlots(s: CpuState, task: TaskHandle, next: ContextHandle): boolean {
  const { region, i32, active } = s;
  if (active === 0 || contextWordOf(region, active, C_SLOTTED) === 0) return false;
  if (!areEquivalent(i32, region.contextW + (active << 4), region.contextW + (next << 4))) return false;
  exchangeContexts(s, task, next);
  // Clones list the copies of the same originals in the same order.
  let b = contextWordOf(region, next, C_FIRST);
  for (let a = contextWordOf(region, active, C_FIRST); a !== 0; a = counterWordOf(region, a, R_NEXT)) {
    const isPair = counterWordOf(region, a, R_PARENT) === counterWordOf(region, b, R_PARENT);
    assert(isPair, 'counters are exchanged with those of the same original');
    if ((packedOf(region, a) & STAT) !== 0) exchangeCounts(region, a, b, s.now);
    b = counterWordOf(region, b, R_NEXT);
  }
  return true;
}

/**
 * The contexts stay as they are: the active one goes on counting, now for the incoming task (S2, S14). `switchLazily` has
 * these lines written out: a call costs it 1 ns of 16.
 */
function exchangeContexts(s: CpuState, task: TaskHandle, next: ContextHandle): void {
  const { i32, current, active, region } = s;
  i32[s.taskContextAt + (task << 4)] = active;
  i32[s.taskContextAt + (current << 4)] = next;
  i32[region.contextW + (active << 4) + C_TASK] = task;
  i32[region.contextW + (next << 4) + C_TASK] = current;
  const isOff = i32[s.contextActiveAt + (next << 4)] === 0;
  assert(isOff, 'the context of a task that does not run is not being counted');
}

/** Makes the switch without a reading if that loses nothing. What has been used is booked with the next reading. */
function switchLazily(s: CpuState, task: TaskHandle, next: number): boolean {
  const { i32, current, active, region } = s;
  if (s.bucketAt !== s.tasksAt || task === s.root || s.threadContext !== 0) return false;
  if (active === 0) {
    if (next > 0 || i32[s.taskContextAt + (current << 4)]! > 0) return false;
  } else {
    if (next <= 0) return false;
    const a = region.contextW + (active << 4);
    const b = region.contextW + (next << 4);
    if (!areEquivalent(i32, a, b)) return false;
    i32[s.taskContextAt + (task << 4)] = active;
    i32[s.taskContextAt + (current << 4)] = next;
    i32[a + C_TASK] = task;
    i32[b + C_TASK] = current;
    assert(i32[b + C_ACTIVE] === 0, 'the context of a task that does not run is not being counted');
  }
  s.delta[SWITCHES]! += 1;
  s.current = task;
  s.owner = task;
  i32[s.currentAt] = task;
  noteSwitch(s, task, 0);
  return true;
}
