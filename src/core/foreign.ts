/**
 * Counters that a thread has opened on tasks of other threads. Who opened one is in its R_PACKED word, from when its
 * context is pinned for it: so whoever reaps that thread closes them, as the kernel closes the descriptors of a process,
 * also one that was on its way. And the host of the task's thread hears that somebody counts there.
 */
import { CHAINED, EVENT_MASK, STATE_DEAD, STATE_EXIT, packedOf, setPacked, stateOf } from './counter.ts';
import type { CounterHandle, CpuState } from './cpu-state.ts';
import { C_TASK, C_THREAD, H_COUNTERS_USED, R_CONTEXT, R_GENERATION, R_PACKED, R_PARENT } from './layout.ts';
import type { Region } from './region.ts';

const OPENER_SHIFT = 26;
/** Thread index + 1; of a thread beyond that nobody knows what it opened. */
const OPENER_MAX = 31;

/** `opener` is its index + 1, 0 for none. */
export function noteOpener(s: CpuState, counter: CounterHandle, opener: number): void {
  const known = opener <= OPENER_MAX ? opener : 0;
  const others = packedOf(s.region, counter) & ~(OPENER_MAX << OPENER_SHIFT);
  setPacked(s.region, counter, others | (known << OPENER_SHIFT));
}

/** Thread index + 1 of who opened it on another thread's task, else 0. */
export function openerOf(packed: number): number {
  return (packed >>> OPENER_SHIFT) & OPENER_MAX;
}

/** It is on its way to the thread that shall install it. */
export function isUnderWay(packed: number): boolean {
  return openerOf(packed) !== 0 && (packed & CHAINED) === 0 && stateOf(packed) !== STATE_EXIT;
}

/** What the thread has open on tasks of others. Looks at every slot: threads end rarely. */
export function openedBy(region: Region, thread: number): CounterHandle[] {
  const found: CounterHandle[] = [];
  const used = Math.min(Atomics.load(region.i32, H_COUNTERS_USED), region.layout.counters);
  for (let counter = 1; counter <= used; counter++) {
    const packed = packedOf(region, counter);
    if (openerOf(packed) === thread + 1 && stateOf(packed) !== STATE_DEAD) found.push(counter);
  }
  return found;
}

/** A counter, and which life of its slot is meant. */
export interface Opened {
  readonly counter: CounterHandle;
  readonly generation: number;
}

/** Counters that the thread has opened on itself and its own tasks: with it goes whoever could close them. */
export function ownOf({ i32, layout, counterW, contextW }: Region, thread: number): Opened[] {
  const found: Opened[] = [];
  const used = Math.min(Atomics.load(i32, H_COUNTERS_USED), layout.counters);
  for (let counter = 1; counter <= used; counter++) {
    const at = counterW + (counter << 4);
    const packed = i32[at + R_PACKED]!;
    if (stateOf(packed) === STATE_DEAD || (packed & CHAINED) === 0 || i32[at + R_PARENT] !== 0) continue;
    if (openerOf(packed) !== 0 || i32[contextW + (i32[at + R_CONTEXT]! << 4) + C_THREAD] !== thread) continue;
    found.push({ counter, generation: i32[at + R_GENERATION]! });
  }
  return found;
}

/** What somebody else's counter counts of whom, a task that is 0 or less has ended; undefined: it was closed since. */
export function targetOf(
  region: Region,
  counter: CounterHandle,
): { readonly event: number; readonly task: number } | undefined {
  const packed = packedOf(region, counter);
  if (openerOf(packed) === 0 || (packed & CHAINED) === 0) return undefined;
  const context = region.i32[region.counterW + (counter << 4) + R_CONTEXT]!;
  const task = region.i32[region.contextW + (context << 4) + C_TASK]!;
  return { event: packed & EVENT_MASK, task };
}

/** Somebody else's counter counts on this thread from now on. */
export function arrives(s: CpuState, counter: CounterHandle): void {
  if (openerOf(packedOf(s.region, counter)) === 0) return;
  s.foreign++;
  s.arrived.push(counter);
}

/** It is closed; `packed` is what it was. */
export function leaves(s: CpuState, packed: number): void {
  if (openerOf(packed) === 0 || (packed & CHAINED) === 0) return;
  s.foreign--;
  s.hasForeignLeft = true;
}
