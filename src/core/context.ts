/**
 * A context: the counters of one task (or thread), apart from the task so that two tasks can exchange theirs at a lazy
 * switch (S2). Referenced by its owner, by each of its counters, by each clone's parent link and by whoever is about
 * to use it; freed by whoever drops the last reference (S6).
 *
 *     task --K_CONTEXT--> context --C_FIRST--> counter --R_NEXT--> counter …      (chain in order of opening)
 *          <---C_TASK---          <--R_CONTEXT-- each counter
 */
import { assert } from './assert.ts';
import {
  CHAINED,
  LISTED,
  SLOTTED,
  counterWordOf,
  needsReading,
  packedOf,
  setCounterWord,
  setPacked,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { TaskperfError } from './errors.ts';
import {
  C_ACTIVE,
  C_COUNT,
  C_F64_TIME,
  C_FIRST,
  C_GENERATION,
  C_LAST,
  C_PARENT,
  C_PARENT_GENERATION,
  C_PINS,
  C_REFS,
  C_ROTATION,
  C_SLOTTED,
  C_STAT,
  C_TASK,
  C_THREAD,
  K_CONTEXT,
  K_THREAD,
  R_NEXT,
  TOMBSTONE,
} from './layout.ts';
import type { Region } from './region.ts';
import { KIND_CONTEXT, giveSlot, takeSlot } from './slab.ts';

// Whoever opens the first counter of a task makes the context, in a slot of its own, which it gets back.
const MAKER_SHIFT = 16;
const OWNER_MASK = 0xffff;

/**
 * An empty context with one reference, its owner's (S16, S17), or 0 when the slab is full. `task` 0: a thread's.
 * The caller takes it off T_MAKING before anybody else can see it.
 */
export function newContext(s: CpuState, task: TaskHandle): ContextHandle {
  const { region, i32 } = s;
  const context = (i32[s.makingAt] = takeSlot(region, s.index, KIND_CONTEXT));
  if (context === 0) return 0;
  const at = region.contextW + (context << 4);
  const generation = i32[at + C_GENERATION]!;
  i32[at + C_TASK] = task;
  i32[at + C_FIRST] = 0;
  i32[at + C_COUNT] = 0;
  i32[at + C_PARENT] = 0;
  i32[at + C_PARENT_GENERATION] = 0;
  i32[at + C_PINS] = 0;
  i32[at + C_ACTIVE] = 0;
  i32[at + C_STAT] = 0;
  i32[at + C_LAST] = 0;
  i32[at + C_ROTATION] = 0;
  i32[at + C_SLOTTED] = 0;
  // Kept over the slot's lives: an old clone's parent_gen never matches a new parent by accident.
  i32[at + C_GENERATION] = (generation + 1) | 0;
  const owner = task === 0 ? s.index : i32[region.taskW + (task << 4) + K_THREAD]!;
  i32[at + C_THREAD] = owner | (s.index << MAKER_SHIFT);
  region.f64[region.contextF + (context << 3) + C_F64_TIME] = 0;
  i32[at + C_REFS] = 1; // last: who reaps another thread looks at contexts that have references
  return context;
}

/** Gives the task its context, unless it has one or is dead (S11). The exchange orders all words written before. */
export function publishContext(region: Region, task: TaskHandle, context: ContextHandle): boolean {
  return Atomics.compareExchange(region.i32, region.taskW + (task << 4) + K_CONTEXT, 0, context) === 0;
}

/**
 * The task's context with a reference for the caller; made if there is none (S10). The loser of a race frees its own
 * and takes the winner's (S12).
 * @throws TaskperfError ESRCH when the task is dead, ENOSPC when the slab is full.
 */
export function findContext(s: CpuState, task: TaskHandle): ContextHandle {
  const { region } = s;
  const word = region.taskW + (task << 4) + K_CONTEXT;
  for (;;) {
    const found = Atomics.load(region.i32, word);
    if (found === TOMBSTONE)
      throw new TaskperfError('ESRCH', `task ${task} has exited: open before its end`, task);
    if (found !== 0) {
      if (!getContext(region, found)) continue; // it was freed since: the word has changed, too
      if (Atomics.load(region.i32, word) === found) return found;
      putContext(s, found);
      continue;
    }
    const made = newContext(s, task);
    if (made === 0)
      throw new TaskperfError(
        'ENOSPC',
        'no room for another context; close counters or end tasks first',
        task,
      );
    region.i32[region.contextW + (made << 4) + C_REFS] = 2;
    region.i32[s.makingAt] = 0;
    if (publishContext(region, task, made)) return made;
    freeContext(s, made);
  }
}

/** Takes a reference; false when the context is already on its way out: a count never rises from 0 (I3). */
export function getContext(region: Region, context: ContextHandle): boolean {
  const at = region.contextW + (context << 4) + C_REFS;
  for (;;) {
    const refs = Atomics.load(region.i32, at);
    if (refs <= 0) return false;
    if (Atomics.compareExchange(region.i32, at, refs, refs + 1) === refs) return true;
  }
}

/** Drops `count` references; the last frees the context and drops the one on its parent. */
export function putContext(s: CpuState, context: ContextHandle, count: number = 1): void {
  let drop = count;
  for (let next = context; next !== 0; drop = 1) {
    const at = s.region.contextW + (next << 4);
    const before = Atomics.sub(s.i32, at + C_REFS, drop);
    assert(before >= drop, 'a context is put once per reference');
    if (before !== drop) return;
    const parent = s.i32[at + C_PARENT]!;
    freeContext(s, next);
    next = parent;
  }
}

/** It is no clone any more: it may not be exchanged with its sisters. */
export function unclone(s: CpuState, context: ContextHandle): void {
  const at = s.region.contextW + (context << 4);
  const parent = s.i32[at + C_PARENT]!;
  if (parent === 0) return;
  s.i32[at + C_PARENT] = 0;
  putContext(s, parent);
}

/** While pinned a context stays with its task. */
export function pinContext(region: Region, context: ContextHandle): void {
  Atomics.add(region.i32, region.contextW + (context << 4) + C_PINS, 1);
}

export function unpinContext(region: Region, context: ContextHandle): void {
  const before = Atomics.sub(region.i32, region.contextW + (context << 4) + C_PINS, 1);
  assert(before > 0, 'a context is unpinned once per pin');
}

/** Clones of one parent at one moment, alike in structure, and nobody is about to address one of them. */
export function areEquivalent(i32: Int32Array, a: number, b: number): boolean {
  const parent = i32[a + C_PARENT]!;
  return (
    parent !== 0 &&
    parent === i32[b + C_PARENT] &&
    i32[a + C_PARENT_GENERATION] === i32[b + C_PARENT_GENERATION] &&
    i32[a + C_PINS] === 0 &&
    i32[b + C_PINS] === 0
  );
}

/** The thread that alone writes the context's values. */
export function ownerOf(region: Region, context: ContextHandle): number {
  return contextWordOf(region, context, C_THREAD) & OWNER_MASK;
}

export function contextWordOf(region: Region, context: ContextHandle, word: number): number {
  return region.i32[region.contextW + (context << 4) + word]!;
}

/** Appends a counter; a structural change, so later clones differ from earlier ones (H8). */
export function listAdd(region: Region, context: ContextHandle, counter: CounterHandle): void {
  const { i32 } = region;
  const at = region.contextW + (context << 4);
  const packed = packedOf(region, counter);
  assert((packed & (LISTED | CHAINED)) === 0, 'a counter is added once');
  const last = i32[at + C_LAST]!;
  if (last === 0) i32[at + C_FIRST] = counter;
  else setCounterWord(region, last, R_NEXT, counter);
  setCounterWord(region, counter, R_NEXT, 0);
  i32[at + C_LAST] = counter;
  i32[at + C_COUNT]!++;
  i32[at + C_GENERATION]!++;
  if (needsReading(packed)) i32[at + C_STAT]!++;
  if ((packed & SLOTTED) !== 0) i32[at + C_SLOTTED]!++;
  setPacked(region, counter, packed | LISTED | CHAINED);
}

/** Takes a counter off the context's books; for one that is not on them nothing happens (S19). */
export function listDel(region: Region, context: ContextHandle, counter: CounterHandle): void {
  const packed = packedOf(region, counter);
  if ((packed & LISTED) === 0) return;
  const { i32 } = region;
  const at = region.contextW + (context << 4);
  i32[at + C_COUNT]!--;
  i32[at + C_GENERATION]!++;
  if (needsReading(packed)) i32[at + C_STAT]!--;
  if ((packed & SLOTTED) !== 0) i32[at + C_SLOTTED]!--;
  setPacked(region, counter, packed & ~LISTED);
  assert(i32[at + C_COUNT]! >= 0 && i32[at + C_STAT]! >= 0, 'a counter is taken off once');
}

/** Takes a counter out of the chain, too: nobody will look for its group through it any more. Idempotent. */
export function chainDel(region: Region, context: ContextHandle, counter: CounterHandle): void {
  const packed = packedOf(region, counter);
  if ((packed & CHAINED) === 0) return;
  const { i32 } = region;
  const at = region.contextW + (context << 4);
  const next = counterWordOf(region, counter, R_NEXT);
  let before = 0;
  for (let c = i32[at + C_FIRST]!; c !== counter; c = counterWordOf(region, c, R_NEXT)) before = c;
  if (before === 0) i32[at + C_FIRST] = next;
  else setCounterWord(region, before, R_NEXT, next);
  if (next === 0) i32[at + C_LAST] = before;
  if (i32[at + C_ROTATION] === counter) i32[at + C_ROTATION] = next;
  setPacked(region, counter, packed & ~CHAINED);
}

function freeContext(s: CpuState, context: ContextHandle): void {
  const at = s.region.contextW + (context << 4);
  assert(s.i32[at + C_ACTIVE] === 0, 'a context that is freed is not being counted');
  s.i32[at + C_REFS] = 0;
  giveSlot(s, KIND_CONTEXT, context, s.i32[at + C_THREAD]! >>> MAKER_SHIFT);
}
