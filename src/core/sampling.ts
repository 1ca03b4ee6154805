/**
 * Sampling: a counter with a period overflows after each so many counts of its family. The family has one period and
 * one limit, in a sample slot that its family slot leads to; what an inherited counter counts takes part in it, and its
 * overflows are the original's.
 *
 * An overflow is noticed at the reading that shows it, all of them if one reading spans several. It is noted down here;
 * the host hears of it when the books are closed (`deliver`), since what it does then may be anything.
 *
 *     limit      `refresh(n)`: at the n-th overflow the counter is disabled, and the host told POLL_HUP, not POLL_IN
 *     throttle   more than `overflowsPerTick` in one tick: the counter keeps its place and its times run on, but until
 *                the next tick what passes is added to LOST instead of the value
 */
import { COUNTING, RUNNING, counterWordOf, packedOf, setPacked } from './counter.ts';
import type { CounterHandle, CpuState } from './cpu-state.ts';
import {
  F_SAMPLE,
  P_F64_IN,
  P_F64_LEFT,
  P_F64_LOST,
  P_F64_OVERFLOWS,
  P_F64_PERIOD,
  P_HUP,
  P_LIMIT,
  P_TICK,
  R_FAMILY,
  R_PACKED,
  R_GENERATION,
  R_PARENT,
} from './layout.ts';
import type { Region } from './region.ts';
import { turnOff } from './schedule.ts';

/** What `refresh` takes, and a limit can become. */
export const LIMIT_MAX: number = 2 ** 31 - 1;

/** Makes a slot the sampling of a family. */
export function initSample(region: Region, sample: number, period: number): void {
  const at = region.counterW + (sample << 4);
  const f = region.counterF + (sample << 3);
  for (const word of [P_LIMIT, P_TICK, P_HUP, R_PACKED]) region.i32[at + word] = 0;
  for (const double of [P_F64_OVERFLOWS, P_F64_LOST, P_F64_IN]) region.f64[f + double] = 0;
  setPeriod(region, sample, period);
}

/** From now on it is `period` counts to each overflow. */
export function setPeriod(region: Region, sample: number, period: number): void {
  const f = region.counterF + (sample << 3);
  region.f64[f + P_F64_PERIOD] = period;
  region.f64[f + P_F64_LEFT] = period;
}

/** So many more overflows, then it is disabled. */
export function addLimit(region: Region, sample: number, overflows: number): void {
  const at = region.counterW + (sample << 4) + P_LIMIT;
  region.i32[at] = Math.min(region.i32[at]! + overflows, LIMIT_MAX);
}

/** The sample slot of an original, 0 if it does not sample. */
export function sampleOf(region: Region, original: CounterHandle): number {
  const family = counterWordOf(region, original, R_FAMILY);
  return family === 0 ? 0 : counterWordOf(region, family, F_SAMPLE);
}

/** Counts that passed while the family was throttled. */
export function lostOf(region: Region, original: CounterHandle): number {
  return region.f64[region.counterF + (sampleOf(region, original) << 3) + P_F64_LOST]!;
}

/**
 * Books `amount` on a sampling counter that has just been counting, or was throttled. If it is COUNTING its value has
 * it already.
 */
export function sample(s: CpuState, counter: CounterHandle, amount: number): void {
  const { region, i32, f64 } = s;
  const packed = packedOf(region, counter);
  if (amount === 0 || (packed & RUNNING) === 0) return;
  const original = counterWordOf(region, counter, R_PARENT) || counter;
  const slot = sampleOf(region, original);
  const at = region.counterW + (slot << 4);
  const f = region.counterF + (slot << 3);
  if ((packed & COUNTING) === 0) {
    if (i32[at + P_TICK] === s.ticks && f64[f + P_F64_OVERFLOWS]! >= s.overflowsPerTick) {
      f64[f + P_F64_LOST]! += amount;
      return;
    }
    // The tick that ends the throttling was before all of this.
    setPacked(region, counter, packed | COUNTING);
    f64[s.counterCountAt + (counter << 3)]! += amount;
  }
  const left = f64[f + P_F64_LEFT]! - amount;
  if (left > 0) f64[f + P_F64_LEFT] = left;
  else overflow(s, { counter, original, slot, left });
}

/** Several periods may have passed; remainder and quotient of whole numbers below 2^53 are exact. */
function overflow(
  s: CpuState,
  {
    counter,
    original,
    slot,
    left,
  }: { counter: CounterHandle; original: CounterHandle; slot: number; left: number },
): void {
  const { region, i32, f64 } = s;
  const at = region.counterW + (slot << 4);
  const f = region.counterF + (slot << 3);
  const period = f64[f + P_F64_PERIOD]!;
  const beyond = -left % period;
  f64[f + P_F64_LEFT] = period - beyond;
  const crossed = (-left - beyond) / period + 1;

  if (i32[at + P_TICK] !== s.ticks) f64[f + P_F64_OVERFLOWS] = 0;
  i32[at + P_TICK] = s.ticks;
  const limit = i32[at + P_LIMIT]!;
  const room = Math.max(0, s.overflowsPerTick - f64[f + P_F64_OVERFLOWS]!);
  const taken = Math.min(crossed, room, limit || Infinity);
  f64[f + P_F64_OVERFLOWS]! += taken;
  if (taken === room) setPacked(region, counter, packedOf(region, counter) & ~COUNTING);
  if (taken === 0) return;
  s.overflowed = true;

  if (f64[f + P_F64_IN] === 0 && i32[at + P_HUP] === 0) s.notices.push(original);
  if (limit !== 0) i32[at + P_LIMIT] = limit - taken;
  if (taken === limit) {
    f64[f + P_F64_IN]! += taken - 1;
    i32[at + P_HUP]! += 1;
    s.spent.push(original);
  } else f64[f + P_F64_IN]! += taken;
}

/** At the end of a reading: counters whose limit is used up are disabled. */
export function disableSpent(s: CpuState): void {
  for (let original = s.spent.pop(); original !== undefined; original = s.spent.pop()) turnOff(s, original);
}

/** Tells the host of the overflows so far. What it does in answer may overflow again: that is told in turn. */
export function deliver(s: CpuState): void {
  if (s.isDelivering) return;
  s.isDelivering = true;
  try {
    for (let original = s.notices.shift(); original !== undefined; original = s.notices.shift()) {
      const slot = sampleOf(s.region, original);
      const at = s.region.counterW + (slot << 4) + P_HUP;
      const f = s.region.counterF + (slot << 3) + P_F64_IN;
      const [inCount, hupCount] = [s.f64[f]!, s.i32[at]!];
      const generation = counterWordOf(s.region, original, R_GENERATION);
      s.f64[f] = 0;
      s.i32[at] = 0;
      if (inCount !== 0) s.onOverflow?.(original, 'in', inCount);
      // Closed in answer to the first: nobody hears of it any more.
      const isOpen = counterWordOf(s.region, original, R_GENERATION) === generation;
      if (hupCount !== 0 && isOpen) s.onOverflow?.(original, 'hup', hupCount);
    }
  } finally {
    s.isDelivering = false;
    s.overflowed = s.notices.length !== 0;
  }
}

/** The counter is closed: nobody hears of it any more. */
export function forgetOverflows(s: CpuState, original: CounterHandle): void {
  for (const list of [s.notices, s.spent]) {
    const index = list.indexOf(original);
    if (index >= 0) list.splice(index, 1);
  }
}
