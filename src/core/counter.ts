/**
 * A counter: a value and two times, in one 64-byte slot.
 *
 * State is what was asked for (OFF, INACTIVE = "wants to count"); the flag COUNTING is what is the case: listed in a
 * context, wanting, and its leader wanting too (the kernel's effective state). Only COUNTING is looked at by a switch.
 * ACTIVE, the state of a counter that holds a PMU slot, is not used as long as every event always has one.
 *
 * Times are kept as stamps in context time, which stands still while the task is off the thread, so a switch writes
 * none of them:   enabled = (COUNTING ? context time : STOPPED) − ENABLED,   and the same for running.
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
  R_FAMILY,
  R_GENERATION,
  R_LEADER,
  R_NEXT,
  R_PACKED,
  R_PARENT,
  R_REFS,
} from './layout.ts';
import type { ContextHandle, CounterHandle, CpuState } from './cpu-state.ts';
import type { Region } from './region.ts';
import { KIND_COUNTER, giveSlot } from './slab.ts';

/** Not a counter (a free slot). */
export const STATE_DEAD: number = -4;
/** Its task is gone; the value is final and stays readable. */
export const STATE_EXIT: number = -3;
export const STATE_OFF: number = -1;
export const STATE_INACTIVE: number = 0;

const STATE_SHIFT = 8;
const STATE_MASK = 0xf00;
export const EVENT_MASK: number = 0xff;
/** Events are being added to it. */
export const COUNTING: number = 1 << 12;
/** Children of the task get one too. */
export const INHERIT: number = 1 << 13;
/** Values follow the task, not the context, over lazy switches. */
export const STAT: number = 1 << 14;
/** In its context's books (C_COUNT). */
export const LISTED: number = 1 << 15;
/** In its context's chain, by which groups are found also after the task's exit. */
export const CHAINED: number = 1 << 16;

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

/** Makes a slot a counter of the context, on no list yet, with no time passed. */
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
  i32[at + R_FAMILY] = 0;
  i32[at + R_PACKED] = packed;
  i32[at + R_REFS] = 0;
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

/** Starts or stops counting, keeping values and times. The context's time must be up to date, `now` is the clock. */
export function setCounting(region: Region, counter: CounterHandle, on: boolean, now: number): void {
  const packed = packedOf(region, counter);
  if (((packed & COUNTING) !== 0) === on) return;
  const { f64 } = region;
  const f = region.counterF + (counter << 3);
  const time = contextTime(region, counter);
  if (on) {
    const off = time - f64[f + R_F64_STOPPED]!;
    f64[f + R_F64_ENABLED]! += off;
    f64[f + R_F64_RUNNING]! += off;
  } else {
    f64[f + R_F64_STOPPED] = time;
  }
  // A value becomes the clock at which it was 0, and back: the same formula both ways.
  if ((packed & EVENT_MASK) === WALL) f64[f + R_F64_COUNT] = now - f64[f + R_F64_COUNT]!;
  setPacked(region, counter, on ? packed | COUNTING : packed & ~COUNTING);
}

/** Makes COUNTING what it should be after a change of the counter's or its leader's state. */
export function refreshCounting(region: Region, counter: CounterHandle, now: number): void {
  const packed = packedOf(region, counter);
  const leader = packedOf(region, counterWordOf(region, counter, R_LEADER));
  const wants = stateOf(packed) >= STATE_INACTIVE && stateOf(leader) >= STATE_INACTIVE;
  setCounting(region, counter, wants && (packed & LISTED) !== 0, now);
}

/** The counter's own value, without its family's. `now` is the clock of the last reading. */
export function countOf(region: Region, counter: CounterHandle, now: number): number {
  const count = region.f64[region.counterF + (counter << 3) + R_F64_COUNT]!;
  const packed = packedOf(region, counter);
  return (packed & EVENT_MASK) === WALL && (packed & COUNTING) !== 0 ? now - count : count;
}

/** Puts the value to 0 and leaves the times alone. */
export function clearCount(region: Region, counter: CounterHandle, now: number): void {
  const packed = packedOf(region, counter);
  const runs = (packed & EVENT_MASK) === WALL && (packed & COUNTING) !== 0;
  region.f64[region.counterF + (counter << 3) + R_F64_COUNT] = runs ? now : 0;
}

/** ns of context time during which the counter was enabled. */
export function enabledOf(region: Region, counter: CounterHandle): number {
  return timeOf(region, counter) - region.f64[region.counterF + (counter << 3) + R_F64_ENABLED]!;
}

/** ns of context time during which the counter had its place on the PMU. */
export function runningOf(region: Region, counter: CounterHandle): number {
  return timeOf(region, counter) - region.f64[region.counterF + (counter << 3) + R_F64_RUNNING]!;
}

function timeOf(region: Region, counter: CounterHandle): number {
  if ((packedOf(region, counter) & COUNTING) !== 0) return contextTime(region, counter);
  return region.f64[region.counterF + (counter << 3) + R_F64_STOPPED]!;
}

function contextTime(region: Region, counter: CounterHandle): number {
  const context = counterWordOf(region, counter, R_CONTEXT);
  return region.f64[region.contextF + (context << 3) + C_F64_TIME]!;
}
