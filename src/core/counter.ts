/**
 * A counter: a value and two times, in one 64-byte slot.
 *
 * State is what was asked for, and what became of it: OFF; INACTIVE, "wants to count"; ACTIVE, holds its place on a PMU
 * with few slots (kept only in groups that need slots); ERROR, pinned and could not go on; EXIT, its task is gone.
 * What the counter is doing follows from that, from its leader's state and from its context's books, in three flags:
 *
 *     WANTED     enabled time runs: listed, wanting, and so is its leader (the kernel's effective state)
 *     RUNNING    running time runs, too: it has its place on the PMU, or needs none
 *     COUNTING   events are added, too; RUNNING without COUNTING is throttled
 *
 * Times are kept as stamps in context time, which stands still while the task is off the thread, so a switch writes
 * none of them:   enabled = (WANTED ? context time : STOPPED) − ENABLED,   running = (RUNNING ? …) − RUNNING.
 * Wall time runs on between the slices: while COUNTING, COUNT of a wall counter is the clock at which it was 0.
 */
import { WAIT, WALL } from './events.ts';
import {
  C_F64_TIME,
  R_CONTEXT,
  R_F64_COUNT,
  R_F64_ENABLED,
  R_F64_RUNNING,
  R_F64_STOPPED,
  R_GENERATION,
  R_LEADER,
  R_NEXT,
  R_PACKED,
  R_PARENT,
} from './layout.ts';
import type { ContextHandle, CounterHandle, CpuState } from './cpu-state.ts';
import type { Region } from './region.ts';
import { KIND_COUNTER, giveSlot } from './slab.ts';

/** Not a counter (a free slot). */
export const STATE_DEAD: number = -4;
/** Its task is gone; the value is final and stays readable. */
export const STATE_EXIT: number = -3;
/** A pinned leader that could not go on the PMU: reads give end of file until it is enabled again. */
export const STATE_ERROR: number = -2;
export const STATE_OFF: number = -1;
export const STATE_INACTIVE: number = 0;
/** On the PMU, as a member of a group that needs slots. */
export const STATE_ACTIVE: number = 1;

const STATE_SHIFT = 8;
const STATE_MASK = 0xf00;
export const EVENT_MASK: number = 0xff;
/** Events are added to it. */
export const COUNTING: number = 1 << 12;
/** Children of the task get one too. */
export const INHERIT: number = 1 << 13;
/** Values follow the task, not the context, over lazy switches. */
export const STAT: number = 1 << 14;
/** In its context's books (C_COUNT). */
export const LISTED: number = 1 << 15;
/** In its context's chain, by which groups are found also after the task's exit. */
export const CHAINED: number = 1 << 16;
/** Enabled time runs. */
export const WANTED: number = 1 << 17;
/** Running time runs. */
export const RUNNING: number = 1 << 18;
/** Its event takes a slot of the PMU. */
export const SLOTTED: number = 1 << 19;
/** On a leader: a member is SLOTTED, so the group counts only while it is ACTIVE. */
export const GATED: number = 1 << 20;
export const PINNED: number = 1 << 21;
export const EXCLUSIVE: number = 1 << 22;
/** OFF until its task is next given the thread. */
export const ON_START: number = 1 << 23;
/** It has a period (sampling.ts). */
export const SAMPLING: number = 1 << 24;
/** On its way to the thread that shall install it: its context is pinned for it. */
export const UNDER_WAY: number = 1 << 25;
// bits 26-30: who opened it (foreign.ts)

// What a counter is doing: nothing, waiting for its place on the PMU, or counting.
export const IDLE: number = 0;
export const WAITING: number = WANTED;
export const COUNTS: number = WANTED | RUNNING | COUNTING;

/** The R_PACKED word of a new counter. */
export function pack(event: number, state: number, flags: number): number {
  return event | ((state + 4) << STATE_SHIFT) | flags;
}

export function stateOf(packed: number): number {
  return ((packed & STATE_MASK) >>> STATE_SHIFT) - 4;
}

export function packedOf(region: Region, counter: CounterHandle): number {
  return region.i32[region.counterW + (counter << 4) + R_PACKED]!;
}

export function setPacked(region: Region, counter: CounterHandle, packed: number): void {
  region.i32[region.counterW + (counter << 4) + R_PACKED] = packed;
}

export function setState(region: Region, counter: CounterHandle, state: number): void {
  setPacked(region, counter, (packedOf(region, counter) & ~STATE_MASK) | ((state + 4) << STATE_SHIFT));
}

/** A word of the counter. */
export function counterWordOf(region: Region, counter: CounterHandle, word: number): number {
  return region.i32[region.counterW + (counter << 4) + word]!;
}

export function setCounterWord(region: Region, counter: CounterHandle, word: number, value: number): void {
  region.i32[region.counterW + (counter << 4) + word] = value;
}

/** Must a switch take a reading for this counter, so that its value is right per task? */
export function needsReading(packed: number): boolean {
  return (packed & STAT) !== 0 || (packed & EVENT_MASK) === WAIT;
}

/** Makes a slot a counter of the context, on no list yet, with no time passed. R_FAMILY and R_REFS are the caller's. */
export function initCounter(
  region: Region,
  counter: CounterHandle,
  context: ContextHandle,
  packed: number,
): void {
  const { i32, f64 } = region;
  const at = region.counterW + (counter << 4);
  i32[at + R_CONTEXT] = context;
  i32[at + R_NEXT] = 0;
  i32[at + R_LEADER] = counter;
  i32[at + R_PARENT] = 0;
  i32[at + R_PACKED] = packed;
  f64[region.counterF + (counter << 3) + R_F64_COUNT] = 0;
  startTimes(region, counter);
}

/** No time has passed for the counter up to its context's present time. */
export function startTimes(region: Region, counter: CounterHandle): void {
  const { f64 } = region;
  const f = region.counterF + (counter << 3);
  const time = contextTime(region, counter);
  f64[f + R_F64_ENABLED] = time;
  f64[f + R_F64_RUNNING] = time;
  f64[f + R_F64_STOPPED] = time;
}

/** Ends the slot's life as a counter (or family or operation) and gives it back to its home thread. */
export function freeCounterSlot(s: CpuState, slot: number, home: number): void {
  const at = s.region.counterW + (slot << 4);
  s.i32[at + R_PACKED] = 0;
  s.i32[at + R_GENERATION]!++;
  giveSlot(s, KIND_COUNTER, slot, home);
}

/**
 * Makes it IDLE, WAITING or COUNTS, keeping values and times. The context's time must be up to date, `now` is the
 * clock. Nothing happens if its times run as they should already: a throttled counter stays throttled.
 */
export function setActivity(region: Region, counter: CounterHandle, activity: number, now: number): void {
  const packed = packedOf(region, counter);
  const starts = activity & ~packed & (WANTED | RUNNING);
  const ends = packed & ~activity & (WANTED | RUNNING);
  if ((starts | ends) === 0) return;
  const { f64 } = region;
  const f = region.counterF + (counter << 3);
  const time = contextTime(region, counter);
  const since = time - f64[f + R_F64_STOPPED]!;
  if ((starts & WANTED) !== 0) f64[f + R_F64_ENABLED]! += since;
  if ((starts & RUNNING) !== 0) f64[f + R_F64_RUNNING]! += since;
  if (ends !== 0) {
    // While it was waiting, running time stood still at the old stamp.
    if ((ends & RUNNING) === 0) f64[f + R_F64_RUNNING]! += since;
    f64[f + R_F64_STOPPED] = time;
  }
  // A value becomes the clock at which it was 0, and back: the same formula both ways.
  const flips = ((packed ^ activity) & COUNTING) !== 0;
  if (flips && (packed & EVENT_MASK) === WALL) f64[f + R_F64_COUNT] = now - f64[f + R_F64_COUNT]!;
  setPacked(region, counter, (packed & ~COUNTS) | activity);
}

/** Makes its activity what it should be after a change of the counter's or its leader's state. */
export function refreshActivity(region: Region, counter: CounterHandle, now: number): void {
  const packed = packedOf(region, counter);
  const leader = packedOf(region, counterWordOf(region, counter, R_LEADER));
  const wants = stateOf(packed) >= STATE_INACTIVE && stateOf(leader) >= STATE_INACTIVE;
  if (!wants || (packed & LISTED) === 0) setActivity(region, counter, IDLE, now);
  else if ((leader & GATED) !== 0 && stateOf(packed) !== STATE_ACTIVE)
    setActivity(region, counter, WAITING, now);
  else setActivity(region, counter, COUNTS, now);
}

/** The counter's own value, without its family's. `now` is the clock of the last reading. */
export function countOf(region: Region, counter: CounterHandle, now: number): number {
  const count = region.f64[region.counterF + (counter << 3) + R_F64_COUNT]!;
  return isWallRunning(packedOf(region, counter)) ? now - count : count;
}

/** Puts the value to 0 and leaves the times alone. */
export function clearCount(region: Region, counter: CounterHandle, now: number): void {
  region.f64[region.counterF + (counter << 3) + R_F64_COUNT] = isWallRunning(packedOf(region, counter))
    ? now
    : 0;
}

/** ns of context time during which the counter was enabled. */
export function enabledOf(region: Region, counter: CounterHandle): number {
  return timeOf(region, counter, WANTED) - region.f64[region.counterF + (counter << 3) + R_F64_ENABLED]!;
}

/** ns of context time during which the counter had its place on the PMU. */
export function runningOf(region: Region, counter: CounterHandle): number {
  return timeOf(region, counter, RUNNING) - region.f64[region.counterF + (counter << 3) + R_F64_RUNNING]!;
}

/** Exchanges value and times of two counters, each of which goes on doing what it does (the kernel's sync_stat). */
export function exchangeCounts(region: Region, a: CounterHandle, b: CounterHandle, now: number): void {
  const [count, enabled, running] = [countOf(region, a, now), enabledOf(region, a), runningOf(region, a)];
  setCounts(
    region,
    a,
    { count: countOf(region, b, now), enabled: enabledOf(region, b), running: runningOf(region, b) },
    now,
  );
  setCounts(region, b, { count, enabled, running }, now);
}

/** The present end of the time that `flag` lets run. */
function timeOf(region: Region, counter: CounterHandle, flag: number): number {
  if ((packedOf(region, counter) & flag) !== 0) return contextTime(region, counter);
  return region.f64[region.counterF + (counter << 3) + R_F64_STOPPED]!;
}

function setCounts(
  region: Region,
  counter: CounterHandle,
  to: { count: number; enabled: number; running: number },
  now: number,
): void {
  const { f64 } = region;
  const f = region.counterF + (counter << 3);
  f64[f + R_F64_COUNT] = isWallRunning(packedOf(region, counter)) ? now - to.count : to.count;
  f64[f + R_F64_ENABLED] = timeOf(region, counter, WANTED) - to.enabled;
  f64[f + R_F64_RUNNING] = timeOf(region, counter, RUNNING) - to.running;
}

/** Is COUNT the clock at which the value was 0? */
function isWallRunning(packed: number): boolean {
  return (packed & EVENT_MASK) === WALL && (packed & COUNTING) !== 0;
}

function contextTime(region: Region, counter: CounterHandle): number {
  const context = counterWordOf(region, counter, R_CONTEXT);
  return region.f64[region.contextF + (context << 3) + C_F64_TIME]!;
}
