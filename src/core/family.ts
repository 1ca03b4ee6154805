/**
 * A family: an original counter and those inherited from it, however many generations down (the tree is one level
 * deep). The family slot keeps the list of the living and the sums of the exited; all are on one thread, and only that
 * thread writes here.
 */
import { assert } from './assert.ts';
import {
  SAMPLING,
  countOf,
  counterWordOf,
  enabledOf,
  packedOf,
  runningOf,
  setCounterWord,
} from './counter.ts';
import type { CounterHandle } from './cpu-state.ts';
import {
  F_F64_COUNT,
  F_F64_ENABLED,
  F_F64_RUNNING,
  F_FIRST_CHILD,
  F_SAMPLE,
  R_FAMILY,
  R_PACKED,
  R_REFS,
} from './layout.ts';
import { F_CLOSING } from './outside.ts';
import type { Region } from './region.ts';
import { lostOf } from './sampling.ts';

/** A counter's value with the times over which it was taken, in ns of time on the thread. */
export interface CounterReading {
  readonly value: number;
  readonly enabled: number;
  readonly running: number;
  /** Of a counter that samples: counts that passed while it was throttled. Not part of `value`. */
  readonly lost?: number;
  /** End of file: a pinned counter that could not go on (ERROR). All numbers are 0 until it is enabled again. */
  readonly eof?: true;
}

/** Makes a slot an empty family, which samples if `sample` is not 0. */
export function initFamily(region: Region, family: number, sample: number): void {
  region.i32[region.counterW + (family << 4) + F_SAMPLE] = sample;
  region.i32[region.counterW + (family << 4) + F_FIRST_CHILD] = 0;
  region.i32[region.counterW + (family << 4) + F_CLOSING] = 0;
  region.i32[region.counterW + (family << 4) + R_PACKED] = 0;
  clearFamilyCount(region, family);
  const f = region.counterF + (family << 3);
  region.f64[f + F_F64_ENABLED] = 0;
  region.f64[f + F_F64_RUNNING] = 0;
}

/** What exited children counted is forgotten, their times are not. */
export function clearFamilyCount(region: Region, family: number): void {
  region.f64[region.counterF + (family << 3) + F_F64_COUNT] = 0;
}

/** The living child that was linked last, 0 = none. */
export function firstChild(region: Region, original: CounterHandle): CounterHandle {
  const family = counterWordOf(region, original, R_FAMILY);
  return family === 0 ? 0 : counterWordOf(region, family, F_FIRST_CHILD);
}

export function nextChild(region: Region, child: CounterHandle): CounterHandle {
  return counterWordOf(region, child, R_FAMILY);
}

/** A child keeps its original, so that it has a place to leave its counts. */
export function linkChild(region: Region, original: CounterHandle, child: CounterHandle): void {
  const family = counterWordOf(region, original, R_FAMILY);
  assert(family !== 0, 'an inheritable counter has a family');
  const first = counterWordOf(region, family, F_FIRST_CHILD);
  setCounterWord(region, child, R_FAMILY, first);
  setCounterWord(region, child, R_REFS, 0);
  if (first !== 0) setCounterWord(region, first, R_REFS, child);
  setCounterWord(region, family, F_FIRST_CHILD, child);
  setCounterWord(region, original, R_REFS, counterWordOf(region, original, R_REFS) + 1);
}

export function unlinkChild(region: Region, original: CounterHandle, child: CounterHandle): void {
  const next = counterWordOf(region, child, R_FAMILY);
  const previous = counterWordOf(region, child, R_REFS);
  if (next !== 0) setCounterWord(region, next, R_REFS, previous);
  if (previous !== 0) setCounterWord(region, previous, R_FAMILY, next);
  else setCounterWord(region, counterWordOf(region, original, R_FAMILY), F_FIRST_CHILD, next);
  const refs = counterWordOf(region, original, R_REFS) - 1;
  assert(refs >= 0, 'a child is unlinked once');
  setCounterWord(region, original, R_REFS, refs);
}

/** The child's counts and times become part of the family's, exactly once: it is unlinked in the same step (I34). */
export function foldChild(region: Region, original: CounterHandle, child: CounterHandle, now: number): void {
  addToFamily(region, original, child, now);
  unlinkChild(region, original, child);
}

/** Adds what the child has counted to the family's sums. */
export function addToFamily(
  region: Region,
  original: CounterHandle,
  child: CounterHandle,
  now: number,
): void {
  const { f64 } = region;
  const f = region.counterF + (counterWordOf(region, original, R_FAMILY) << 3);
  f64[f + F_F64_COUNT]! += countOf(region, child, now);
  f64[f + F_F64_ENABLED]! += enabledOf(region, child);
  f64[f + F_F64_RUNNING]! += runningOf(region, child);
}

/**
 * Own values + living children + exited children. At most `limit` children are visited, so that a reader on another
 * thread, who may see the list change, comes to an end.
 */
export function readFamily(
  region: Region,
  original: CounterHandle,
  now: number,
  limit: number,
): CounterReading {
  const { f64 } = region;
  let value = countOf(region, original, now);
  let enabled = enabledOf(region, original);
  let running = runningOf(region, original);
  const family = counterWordOf(region, original, R_FAMILY);
  if (family !== 0) {
    const f = region.counterF + (family << 3);
    value += f64[f + F_F64_COUNT]!;
    enabled += f64[f + F_F64_ENABLED]!;
    running += f64[f + F_F64_RUNNING]!;
  }
  let left = limit;
  for (let c = firstChild(region, original); c !== 0 && left-- > 0; c = nextChild(region, c)) {
    value += countOf(region, c, now);
    enabled += enabledOf(region, c);
    running += runningOf(region, c);
  }
  if ((packedOf(region, original) & SAMPLING) === 0) return { value, enabled, running };
  return { value, enabled, running, lost: lostOf(region, original) };
}
