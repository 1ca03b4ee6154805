/**
 * The longest stretches of JavaScript ("sections") of a thread, and who has the thread now.
 *
 *     64 bytes   how many sections were as long as H_BLOCKED_MS says, how long they were together, and the newest
 *     32 * 64    the longest of them
 *
 * Written at the end of a section by whatever accounts the thread's time (native/boundary.c; js-blockages.ts without the
 * addon), with T_SEQ odd, so that a reader outside takes whole records. One that still goes on is in no record:
 * `runningOf` tells it from the words of the thread, also after the process was killed.
 *
 * Right: `blockagesOf(slot)` and `runningOf(slot)` on one copy of a thread's slot.
 */
import { assert } from './assert.ts';
import { newestSwitch } from './last-switches.ts';
import { THREAD_LIVE, T_CHARGING, T_F64_NATIVE, T_STATE } from './layout.ts';
import {
  NATIVE_LEFT,
  NATIVE_POLLED,
  NATIVE_SECTION,
  NATIVE_SECTION_CPU,
  T_BYTE_BLOCKAGES,
  T_BYTE_BLOCKAGES_SIZE,
} from './outside.ts';
import type { SlotCopy } from './outside.ts';

/** Who had the thread. */
export const WHO_TASK: number = 1;
/** Late work of a task of that name. */
export const WHO_LATE: number = 2;
/** JavaScript of no task. */
export const WHO_NOBODY: number = 3;
/** The event loop itself: C++ between two sections. */
export const WHO_LOOP: number = 4;
/** Many in turn, none of them as long as a slice that is kept (SLICE_MIN_NS). */
export const WHO_SEVERAL: number = 5;

export const BLOCKAGES_HEADER_BYTES: number = 64;
export const BLOCKAGE_RECORDS: number = 32;
export const BLOCKAGE_BYTES: number = 64;
// The header, doubles: sections noted, and their ns.
export const Q_F64_COUNT: number = 0;
export const Q_F64_NS: number = 1;
/** The newest, also where the records are of longer ones. Who it was is where a record has it. */
export const Q_F64_NEWEST_BEGIN: number = 2;
export const Q_F64_NEWEST_WALL: number = 3;
// A record: doubles, then words.
export const Q_F64_BEGIN: number = 0;
export const Q_F64_WALL: number = 1;
export const Q_F64_CPU: number = 2;
/** −1: not known. */
export const Q_F64_GC: number = 3;
/** Of the longest slice, who it was (−1: no task) and how long. */
export const Q_F64_ID: number = 4;
export const Q_F64_SLICE: number = 5;
export const Q_NAME: number = 12;
/** WHO_*; 0: the record is empty. */
export const Q_KIND: number = 13;
/** Tasks that waited behind it (behind.ts). */
export const Q_WAITED: number = 14;

/** Who has or had the thread; `name` is the index of a name, of a task and of late work only. */
export interface Who {
  readonly kind: number;
  readonly id: number | undefined;
  readonly name: number | undefined;
}

export interface NewestBlockage extends Who {
  /** CLOCK_MONOTONIC. */
  readonly beginNs: number;
  readonly wallNs: number;
  /** The longest slice in it: how long `who` had the thread at a stretch. */
  readonly sliceNs: number;
}

export interface Blockage extends NewestBlockage {
  /** Far below wallNs: the thread was parked in a system call. Undefined: it cannot be known. */
  readonly cpuNs: number | undefined;
  readonly gcNs: number | undefined;
  readonly waited: number;
}

export interface Running extends Who {
  /** CLOCK_MONOTONIC: since when it has the thread. */
  readonly sinceNs: number;
  /** Since when the loop does not answer: when this stretch of JavaScript (or of the loop's own work) began. */
  readonly beginNs: number;
  /** CPU time of the thread at `beginNs`; undefined where that is not known. */
  readonly beginCpuNs: number | undefined;
}

/** The longest first. */
export function blockagesOf(slot: SlotCopy): Blockage[] {
  const { i32, f64 } = slot;
  const found: Blockage[] = [];
  for (let i = 0; i < BLOCKAGE_RECORDS; i++) {
    const at = (T_BYTE_BLOCKAGES + BLOCKAGES_HEADER_BYTES + i * BLOCKAGE_BYTES) / 8;
    const who = whoIn(slot, at);
    const [beginNs, wallNs] = [f64[at + Q_F64_BEGIN]!, f64[at + Q_F64_WALL]!];
    if (who === undefined || !(beginNs >= 0 && wallNs >= 0)) continue;
    found.push({
      ...who,
      beginNs,
      wallNs,
      cpuNs: knownNs(f64[at + Q_F64_CPU]!, wallNs),
      gcNs: knownNs(f64[at + Q_F64_GC]!, wallNs),
      waited: i32[at * 2 + Q_WAITED]! >>> 0,
    });
  }
  return found.sort((a, b) => b.wallNs - a.wallNs);
}

/** The one that ended last, which may be in no record: those are of the longest since the start. */
export function newestBlockage(slot: SlotCopy): NewestBlockage | undefined {
  const at = T_BYTE_BLOCKAGES / 8;
  const [beginNs, wallNs] = [slot.f64[at + Q_F64_NEWEST_BEGIN]!, slot.f64[at + Q_F64_NEWEST_WALL]!];
  const who = whoIn(slot, at);
  return who !== undefined && beginNs >= 0 && wallNs >= 0 ? { ...who, beginNs, wallNs } : undefined;
}

/** Of a record or the header; undefined: it is empty, or impossible. */
function whoIn({ i32, f64 }: SlotCopy, at: number): (Who & { readonly sliceNs: number }) | undefined {
  const kind = i32[at * 2 + Q_KIND]!;
  const sliceNs = f64[at + Q_F64_SLICE]!;
  if (kind < WHO_TASK || kind > WHO_SEVERAL || !(sliceNs >= 0)) return undefined;
  const isNamed = kind === WHO_TASK || kind === WHO_LATE;
  return {
    kind,
    sliceNs,
    id: kind === WHO_TASK ? f64[at + Q_F64_ID]! : undefined,
    name: isNamed ? i32[at * 2 + Q_NAME]! : undefined,
  };
}

/** How many sections were noted since the start, and their time together; not only those that are kept. */
export function blockedTotals({ f64 }: SlotCopy): { count: number; ns: number } {
  const at = T_BYTE_BLOCKAGES / 8;
  return { count: f64[at + Q_F64_COUNT]!, ns: f64[at + Q_F64_NS]! };
}

/** Who has the thread; undefined: it waits for events, or has never been seen to run. */
export function runningOf(slot: SlotCopy): Running | undefined {
  const { i32, f64 } = slot;
  if (i32[T_STATE] !== THREAD_LIVE) return undefined;
  const begin = f64[T_F64_NATIVE + NATIVE_SECTION]!;
  const left = f64[T_F64_NATIVE + NATIVE_LEFT]!;
  if (begin <= left) {
    if (left === 0 || f64[T_F64_NATIVE + NATIVE_POLLED]! > left) return undefined;
    return {
      kind: WHO_LOOP,
      id: undefined,
      name: undefined,
      sinceNs: left,
      beginNs: left,
      beginCpuNs: undefined,
    };
  }
  const cpu = f64[T_F64_NATIVE + NATIVE_SECTION_CPU]!;
  const section = { beginNs: begin, beginCpuNs: cpu > 0 ? cpu : undefined };
  const newest = i32[T_CHARGING] === 1 ? newestSwitch(slot) : undefined;
  if (newest === undefined)
    return { kind: WHO_NOBODY, id: undefined, name: undefined, sinceNs: begin, ...section };
  const { id, name, sinceNs } = newest;
  return {
    kind: id === undefined ? WHO_LATE : WHO_TASK,
    id,
    name,
    sinceNs: Math.max(sinceNs ?? 0, begin),
    ...section,
  };
}

function knownNs(ns: number, wallNs: number): number | undefined {
  return ns >= 0 ? Math.min(ns, wallNs) : undefined;
}

assert(
  BLOCKAGES_HEADER_BYTES + BLOCKAGE_RECORDS * BLOCKAGE_BYTES <= T_BYTE_BLOCKAGES_SIZE,
  'the blockages fit their area',
);
