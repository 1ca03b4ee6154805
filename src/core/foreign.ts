/**
 * Counters that a thread has opened on tasks of other threads. Who opened one is in its R_PACKED word from the beginning to
 * the end: so whoever reaps that thread closes them, as the kernel closes the descriptors of a process, also one that was on
 * its way; and one without an opener that is in no chain was in the hands of its task's own thread. And the host of the
 * task's thread hears that somebody counts there.
 */
import { ownerOf } from './context.ts';
import { CHAINED, EVENT_MASK, STATE_DEAD, packedOf, stateOf } from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState } from './cpu-state.ts';
import { C_TASK, H_COUNTERS_USED, R_CONTEXT, R_GENERATION, R_PACKED, R_PARENT } from './layout.ts';
import type { Region } from './region.ts';

const OPENER_SHIFT = 26;
/** Thread index + 1; of a thread beyond that nobody knows what it opened. */
const OPENER_MAX = 31;

/** What to add to the R_PACKED word of a new counter of the context. */
export function openerFlags(s: CpuState, context: ContextHandle): number {
  const isOurs = ownerOf(s.region, context) === s.index;
  return isOurs || s.index >= OPENER_MAX ? 0 : (s.index + 1) << OPENER_SHIFT;
}

/** A thread's own counter that no chain has was being made, or closed, when the thread died. */
export function isHalfMade({ layout }: Region, packed: number): boolean {
  return openerOf(packed) === 0 && (packed & CHAINED) === 0 && layout.threads <= OPENER_MAX;
}

/** Thread index + 1 of who opened it on another thread's task, else 0. */
export function openerOf(packed: number): number {
  return (packed >>> OPENER_SHIFT) & OPENER_MAX;
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
export function ownOf(region: Region, thread: number): Opened[] {
  const { i32, layout, counterW } = region;
  const found: Opened[] = [];
  const used = Math.min(Atomics.load(i32, H_COUNTERS_USED), layout.counters);
  for (let counter = 1; counter <= used; counter++) {
    const at = counterW + (counter << 4);
    const packed = i32[at + R_PACKED]!;
    if (stateOf(packed) === STATE_DEAD || (packed & CHAINED) === 0 || i32[at + R_PARENT] !== 0) continue;
    if (openerOf(packed) !== 0 || ownerOf(region, i32[at + R_CONTEXT]!) !== thread) continue;
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
