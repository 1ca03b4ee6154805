/**
 * Slots are recycled, never returned to the system. Taking one tries, in this order: the thread's own free list (plain
 * words), what other threads gave back (one exchange takes all of it, so no ABA), the high-water mark, what threads left
 * that are gone. When all fail the loss is counted in the header.
 *
 * Giving back: a slot has a home thread; another thread pushes it on the home's stack with compare-and-exchange.
 */
import { assert } from './assert.ts';
import {
  C_NEXT,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_LOST_CONTEXTS,
  H_LOST_COUNTERS,
  H_LOST_TASKS,
  H_TASKS_USED,
  K_NEXT,
  R_NEXT,
  THREAD_LIVE,
  T_FREE_CONTEXT,
  T_FREE_COUNTER,
  T_FREE_TASK,
  T_REMOTE_CONTEXT,
  T_REMOTE_COUNTER,
  T_REMOTE_TASK,
  T_STATE,
  threadWord,
} from './layout.ts';
import type { Region } from './region.ts';

export const KIND_TASK: number = 0;
export const KIND_CONTEXT: number = 1;
export const KIND_COUNTER: number = 2;
// The words of the three kinds are neighbours, so a kind is an offset.
assert(T_FREE_CONTEXT === T_FREE_TASK + 1 && T_FREE_COUNTER === T_FREE_TASK + 2, 'free lists are neighbours');
assert(T_REMOTE_CONTEXT === T_REMOTE_TASK + 1 && T_REMOTE_COUNTER === T_REMOTE_TASK + 2, 'remote stacks too');
assert(H_CONTEXTS_USED === H_TASKS_USED + 1 && H_COUNTERS_USED === H_TASKS_USED + 2, 'high-water marks too');
assert(H_LOST_CONTEXTS === H_LOST_TASKS + 1 && H_LOST_COUNTERS === H_LOST_TASKS + 2, 'lost counts too');

/** A slot's handle for the thread, or 0 (and counted) when the slab is full. Its words are whatever they were. */
export function takeSlot(region: Region, thread: number, kind: number): number {
  const { i32 } = region;
  const at = threadWord(region.layout, thread);
  let slot = i32[at + T_FREE_TASK + kind]!;
  // A thread is terminated at calls and loops only: nothing may come between, or all of them would be lost.
  if (slot === 0) slot = i32[at + T_FREE_TASK + kind] = Atomics.exchange(i32, at + T_REMOTE_TASK + kind, 0);
  if (slot === 0) return growSlab(region, thread, kind);
  i32[at + T_FREE_TASK + kind] = i32[linkWord(region, kind, slot)]!;
  return slot;
}

/** Gives a slot back to its home thread; `from` is the caller's. */
export function giveSlot(
  from: { readonly region: Region; readonly index: number },
  kind: number,
  slot: number,
  home: number,
): void {
  assert(slot > 0, 'a slot given back exists');
  const { region, index: thread } = from;
  const { i32, layout } = region;
  const link = linkWord(region, kind, slot);
  // Of a thread that is gone, too: else the slots of many would gather with the one that buries them.
  if (home === thread) {
    const free = threadWord(layout, thread) + T_FREE_TASK + kind;
    i32[link] = i32[free]!;
    i32[free] = slot;
    return;
  }
  pushSlot(i32, threadWord(layout, home) + T_REMOTE_TASK + kind, link, slot);
}

/** Pushes a slot, or a chain whose last link is given, on a lock-free stack: a failed exchange means another got through. */
export function pushSlot(i32: Int32Array, head: number, link: number, slot: number): void {
  for (;;) {
    const first = Atomics.load(i32, head);
    i32[link] = first;
    if (Atomics.compareExchange(i32, head, first, slot) === first) return;
  }
}

function growSlab(region: Region, thread: number, kind: number): number {
  const { i32, layout } = region;
  const capacity =
    kind === KIND_TASK ? layout.tasks : kind === KIND_CONTEXT ? layout.contexts : layout.counters;
  for (;;) {
    const used = Atomics.load(i32, H_TASKS_USED + kind);
    if (used >= capacity) break;
    if (Atomics.compareExchange(i32, H_TASKS_USED + kind, used, used + 1) === used) return used + 1;
  }
  if (adoptSlots(region, thread, kind)) return takeSlot(region, thread, kind);
  Atomics.add(i32, H_LOST_TASKS + kind, 1);
  return 0;
}

/**
 * Puts what an ending thread has free on its remote stacks, for whoever needs it. From here on its free lists are empty:
 * a thread that takes its place uses them as plain words, while others may still be taking from the dead one.
 */
export function leaveFreeLists(region: Region, thread: number): void {
  const { i32, layout } = region;
  const at = threadWord(layout, thread);
  for (let kind = KIND_TASK; kind <= KIND_COUNTER; kind++) {
    // One by one: who dies in the middle loses one.
    for (let slot = i32[at + T_FREE_TASK + kind]!; slot !== 0; slot = i32[at + T_FREE_TASK + kind]!) {
      const link = linkWord(region, kind, slot);
      i32[at + T_FREE_TASK + kind] = i32[link]!;
      pushSlot(i32, at + T_REMOTE_TASK + kind, link, slot);
    }
  }
}

/** Takes over what a thread that is gone has left. One exchange empties the stack: one taker wins. */
function adoptSlots(region: Region, thread: number, kind: number): boolean {
  const { i32, layout } = region;
  const own = threadWord(layout, thread) + T_FREE_TASK + kind;
  for (let other = 0; other < layout.threads; other++) {
    const at = threadWord(layout, other);
    if (other === thread || i32[at + T_STATE] === THREAD_LIVE) continue;
    i32[own] = Atomics.exchange(i32, at + T_REMOTE_TASK + kind, 0);
    if (i32[own] !== 0) return true;
  }
  return false;
}

function linkWord(region: Region, kind: number, slot: number): number {
  if (kind === KIND_TASK) return region.taskW + (slot << 4) + K_NEXT;
  if (kind === KIND_CONTEXT) return region.contextW + (slot << 4) + C_NEXT;
  return region.counterW + (slot << 4) + R_NEXT;
}
