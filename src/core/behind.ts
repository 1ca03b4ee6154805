/**
 * Who waited behind whom. Two tables in the thread's slot:
 *
 *     64 bytes   words      what a switch looks at
 *     1280       slices     the last 32 stretches of 1 ms and more in which one task (or none, or the loop) had the thread
 *     2752       pairs      name that waited, name it waited behind -> ns, count
 *
 * Whatever accounts the thread's time (native/boundary.c; js-blockages.ts without the addon) keeps the slices. When a
 * task is switched in those are looked for that it may have waited for; until there are any B_WATCH is 0, and a switch
 * looks no further. It has waited
 *
 *  - for sure while it was ready (what `wait` counts): since the loop woke, or since it ran last (`ns`);
 *  - perhaps before that, because the loop sees an event only when it looks: all of a slice after which the loop has not
 *    slept yet, but no longer ago than the slice took (`atMostNs`). A backlog is one event per turn of the loop.
 */
import { assert } from './assert.ts';
import { BLOCKAGES_HEADER_BYTES, BLOCKAGE_BYTES, Q_WAITED, WHO_LOOP, WHO_NOBODY } from './blockages.ts';
import type { CpuState, TaskHandle } from './cpu-state.ts';
import { NAME_OTHER, T_F64_SWITCHES, T_F64_NATIVE } from './layout.ts';
import {
  NATIVE_SECTION,
  NATIVE_WOKE,
  T_BYTE_BEHIND,
  T_BYTE_BEHIND_SIZE,
  T_BYTE_BLOCKAGES,
} from './outside.ts';
import type { SlotCopy } from './outside.ts';

// ---- the first 64 bytes, relative to T_BYTE_BEHIND ------------------------------------------------------------------
/** 1: slices were kept that a task switched in now may have waited for. */
export const B_WATCH: number = 0;
/** Slices kept so far, modulo 2^32; slice n is record n mod 32. */
export const B_SLICES: number = 1;
/** A double: since when the loop has not slept, as far as slices go. */
export const B_F64_FROM: number = 1;
export const B_HEADER_BYTES: number = 64;

/** From how long on a slice is kept, ns: shorter waits are every request's. */
export const SLICE_MIN_NS: number = 1_000_000;
export const SLICE_RECORDS: number = 32;
export const SLICE_BYTES: number = 40;
// Doubles, then words.
export const L_F64_BEGIN: number = 0;
export const L_F64_END: number = 1;
/** −1: no task. */
export const L_F64_ID: number = 2;
export const L_NAME: number = 6;
/** WHO_* of blockages.ts. */
export const L_KIND: number = 7;
/** The blockage that it is the longest slice of: its record + 1. */
export const L_BLOCKAGE: number = 8;
/** Tasks that waited behind it. */
export const L_WAITED: number = 9;

export const PAIR_RECORDS: number = 86;
export const PAIR_BYTES: number = 32;
// Words: names, the number of waits, and the switch with which the last one ended. Doubles: ns.
const P_WAITING = 0;
const P_BEHIND = 1;
const P_F64_NS = 1;
const P_F64_AT_MOST = 2;
const P_COUNT = 6;
const P_SWITCH = 7;
/** Pair 0 is for what finds no room. */
const PAIR_OTHER = 0;
const PROBES = 8;
/** Instead of a name. */
export const BEHIND_NOBODY: number = -1;
export const BEHIND_LOOP: number = -2;

const SLICES_F64 = B_HEADER_BYTES / 8;
const SLICE_F64 = SLICE_BYTES / 8;
const PAIRS_F64 = SLICES_F64 + SLICE_RECORDS * SLICE_F64;
const PAIR_F64 = PAIR_BYTES / 8;

export interface WaitPair {
  /** Indexes of names. Both 0 ("(other)"): what found no room in the table. */
  readonly waiting: number;
  /** Or BEHIND_NOBODY (JavaScript of no task), BEHIND_LOOP. */
  readonly behind: number;
  readonly count: number;
  /** Known to have been waited. */
  readonly ns: number;
  /** That, and what those may have waited of whom only the latest moment is known. */
  readonly atMostNs: number;
}

/** Who waited behind whom on this thread, the longest first. */
export function waitPairsOf({ i32, f64 }: SlotCopy): WaitPair[] {
  const pairs: WaitPair[] = [];
  for (let i = 0; i < PAIR_RECORDS; i++) {
    const at = T_BYTE_BEHIND / 8 + PAIRS_F64 + i * PAIR_F64;
    const count = i32[at * 2 + P_COUNT]! >>> 0;
    const [ns, atMostNs] = [f64[at + P_F64_NS]!, f64[at + P_F64_AT_MOST]!];
    if (count === 0 || !(ns >= 0 && atMostNs >= ns)) continue;
    pairs.push({ waiting: i32[at * 2 + P_WAITING]!, behind: i32[at * 2 + P_BEHIND]!, count, ns, atMostNs });
  }
  return pairs.sort((a, b) => b.atMostNs - a.atMostNs);
}

/**
 * May the task, which is given the thread now, have waited behind somebody? Asked when B_WATCH is set: in a loop that never
 * sleeps always. A task that has run since the last slice has not; a new one is told from it by its start. The answer is
 * charged to the task, so it is a few loads, whatever the slices are.
 */
export function mayHaveWaited(s: CpuState, task: TaskHandle): boolean {
  const { f64, i32 } = s;
  if (task === s.root) return false; // code of no task
  const left = f64[s.taskLeftAt + (task << 3)]!;
  // One that another task has just started did not wait. One that an event began did, before there was a task.
  if (left === f64[s.taskStartAt + (task << 3)]) return i32[s.taskParentAt + (task << 4)] === s.root;
  return left < f64[sliceAt(s, i32[s.watchAt + B_SLICES]! - 1) + L_F64_END]!;
}

/**
 * The task is given the thread at `now`, and has been ready since `ready`: notes behind whom it waited. Called when
 * `mayHaveWaited`, before the switch is noted.
 */
export function noteWait(s: CpuState, task: TaskHandle, ready: number, now: number): void {
  const { f64, i32, behindAt } = s;
  const left = f64[s.taskLeftAt + (task << 3)]!;
  const end = i32[s.watchAt + B_SLICES]!;
  const isNew = left === f64[s.taskStartAt + (task << 3)];
  const from = f64[behindAt + B_F64_FROM]!;
  const sureFrom = isNew ? f64[s.slotF64 + T_F64_NATIVE + NATIVE_WOKE]! : ready;
  const mayBeFrom = isNew ? from : Math.max(left, from);
  const first = Math.max(end - SLICE_RECORDS, 0);
  for (let n = newestFor(s, isNew, end - 1, first); n >= first; n--) {
    const slice = sliceAt(s, n);
    const begin = f64[slice + L_F64_BEGIN]!;
    if (begin < from) return; // the loop has slept since then
    const over = f64[slice + L_F64_END]!;
    const sure = over - Math.max(begin, sureFrom);
    const atMost = now - over <= over - begin ? over - Math.max(begin, mayBeFrom) : sure;
    if (atMost >= SLICE_MIN_NS) noteBehind(s, { task, slice, sure, atMost });
  }
}

/**
 * The newest slice that a task may have waited for; below `first`: none. What ran in the stretch of JavaScript that goes
 * on has started a new task, as `for (…) await spawn(job)` does: a stretch serves one event, and that was served before
 * another task had the thread. (When a task began does not tell: no reading is taken for it.)
 */
function newestFor(s: CpuState, isNew: boolean, newest: number, first: number): number {
  const section = s.f64[s.slotF64 + T_F64_NATIVE + NATIVE_SECTION]!;
  if (!isNew || section === 0) return newest;
  for (let n = newest; n >= first; n--) {
    const slice = sliceAt(s, n);
    if (s.f64[slice + L_F64_BEGIN]! < section) return n;
    // Before it is known whose code runs it is that of no task, or the thread's own.
    const isOwn = s.f64[slice + L_F64_ID] === s.f64[s.taskIdAt + (s.root << 3)];
    if (s.i32[slice * 2 + L_KIND] !== WHO_NOBODY && !isOwn) break;
  }
  return first - 1;
}

/** Double index of slice n. */
function sliceAt(s: CpuState, n: number): number {
  return s.behindAt + SLICES_F64 + (n & (SLICE_RECORDS - 1)) * SLICE_F64;
}

function noteBehind(
  s: CpuState,
  { task, slice, sure, atMost }: { task: TaskHandle; slice: number; sure: number; atMost: number },
): void {
  const { f64, i32 } = s;
  if (f64[slice + L_F64_ID] === f64[s.taskIdAt + (task << 3)]) return;
  i32[slice * 2 + L_WAITED]!++;
  const blockage = i32[slice * 2 + L_BLOCKAGE]!;
  if (blockage > 0) i32[blockageWord(s, blockage - 1) + Q_WAITED]!++;
  const pair = pairOf(s, i32[s.taskNameAt + (task << 4)]!, nameOfSlice(s, slice));
  f64[pair + P_F64_NS]! += Math.max(0, sure);
  f64[pair + P_F64_AT_MOST]! += atMost;
  // Several slices of one name: it is one wait.
  const number = s.f64[s.slotF64 + T_F64_SWITCHES]! | 0;
  if (i32[pair * 2 + P_SWITCH] === number && i32[pair * 2 + P_COUNT] !== 0) return;
  i32[pair * 2 + P_SWITCH] = number;
  i32[pair * 2 + P_COUNT]!++;
}

function nameOfSlice({ i32 }: CpuState, slice: number): number {
  const kind = i32[slice * 2 + L_KIND]!;
  if (kind === WHO_LOOP) return BEHIND_LOOP;
  return kind === WHO_NOBODY ? BEHIND_NOBODY : i32[slice * 2 + L_NAME]!;
}

/** Double index of the pair's record: its own, a free one, or the one of all others. */
function pairOf({ i32, behindAt }: CpuState, waiting: number, behind: number): number {
  const start = (Math.imul(waiting, 31) + behind) >>> 0;
  for (let probe = 0; probe < PROBES; probe++) {
    const at = behindAt + PAIRS_F64 + (1 + ((start + probe) % (PAIR_RECORDS - 1))) * PAIR_F64;
    const word = at * 2;
    if (i32[word + P_COUNT] === 0) {
      i32[word + P_WAITING] = waiting;
      i32[word + P_BEHIND] = behind;
      return at;
    }
    if (i32[word + P_WAITING] === waiting && i32[word + P_BEHIND] === behind) return at;
  }
  const other = behindAt + PAIRS_F64 + PAIR_OTHER * PAIR_F64;
  i32[other * 2 + P_WAITING] = NAME_OTHER;
  i32[other * 2 + P_BEHIND] = NAME_OTHER;
  return other;
}

function blockageWord(s: CpuState, record: number): number {
  return s.slotF64 * 2 + (T_BYTE_BLOCKAGES + BLOCKAGES_HEADER_BYTES + record * BLOCKAGE_BYTES) / 4;
}

assert((PAIRS_F64 + PAIR_RECORDS * PAIR_F64) * 8 === T_BYTE_BEHIND_SIZE, 'slices and pairs fill their area');
