/**
 * The last switches of a thread, newest last: who was given it, and when. What a tool shows of a process that was killed,
 * and how it names who has the thread now.
 *
 * Switch k of the thread (T_F64_SWITCHES counts them) is record k mod 32; record T_F64_SWITCHES is the newest and says who
 * runs. Its number is written last, so a record that is being overwritten is told from a whole one.
 *
 * Right: `lastSwitches(slot)` on a copy of a thread's slot. Wrong: taking T_CURRENT of a copy to the task's slot, which
 * may be another task's by then.
 */
import { assert } from './assert.ts';
import type { CpuState, TaskHandle } from './cpu-state.ts';
import { T_F64_SWITCHES } from './layout.ts';
import { T_BYTE_SWITCHES, T_BYTE_SWITCHES_SIZE } from './outside.ts';
import type { SlotCopy } from './outside.ts';

export const SWITCH_RECORDS: number = 32;
/** Doubles of a record; S_NAME and S_NUMBER are words. */
export const SWITCH_F64: number = 3;
const S_F64_SINCE = 0;
const S_F64_ID = 1;
const S_NAME = 4;
/** Low 30 bits of the switch's number + 1; 0: nothing was ever written here. */
const S_NUMBER = 5;

const MASK = SWITCH_RECORDS - 1;
const NUMBER_BITS = 0x3fff_ffff;
/** The id of late work: it is of a task that is gone. */
const ID_LATE = -1;

export interface SwitchRecord {
  /** CLOCK_MONOTONIC; undefined: a switch for which no clock was read. */
  readonly sinceNs: number | undefined;
  /** Undefined: late work of a task of this name. */
  readonly id: number | undefined;
  /** Index of the name. */
  readonly name: number;
}

/** Oldest first; the last one is who has been given the thread. */
export function lastSwitches(slot: SlotCopy): SwitchRecord[] {
  const newest = slot.f64[T_F64_SWITCHES]!;
  if (!Number.isSafeInteger(newest) || newest < 0) return [];
  const records: SwitchRecord[] = [];
  for (let k = Math.max(0, newest - MASK); k <= newest; k++) {
    const record = recordOf(slot, k);
    if (record !== undefined) records.push(record);
  }
  return records;
}

/** Who was given the thread last; undefined: it is being written, or nobody ever was. */
export function newestSwitch(slot: SlotCopy): SwitchRecord | undefined {
  const newest = slot.f64[T_F64_SWITCHES]!;
  return Number.isSafeInteger(newest) && newest >= 0 ? recordOf(slot, newest) : undefined;
}

function recordOf({ f64, i32 }: SlotCopy, k: number): SwitchRecord | undefined {
  const at = T_BYTE_SWITCHES / 8 + (k % SWITCH_RECORDS) * SWITCH_F64;
  if (i32[at * 2 + S_NUMBER] !== numberOf(k)) return undefined;
  const since = f64[at + S_F64_SINCE]!;
  const id = f64[at + S_F64_ID]!;
  return {
    sinceNs: since > 0 ? since : undefined,
    id: id >= 0 ? id : undefined,
    name: i32[at * 2 + S_NAME]!,
  };
}

function numberOf(k: number): number {
  return ((k | 0) & NUMBER_BITS) + 1;
}

/** Counts the switch and writes its record. `since` is 0 where no clock was read. */
export function noteSwitch(s: CpuState, task: TaskHandle, since: number): void {
  s.f64[s.switchesAt]! += 1;
  noteRunning(s, task, since);
}

/** Writes the newest record: the task has the thread. */
export function noteRunning(s: CpuState, task: TaskHandle, since: number): void {
  const { f64, i32 } = s;
  const k = f64[s.switchesAt]!;
  // The constants of above as numbers: asserted below. (k & 31) * 3 would take longer for record 0: -0 must be excluded then.
  const at = s.switchRecordsAt + Math.imul(k & 31, 3);
  f64[at] = since;
  f64[at + 1] = f64[s.taskIdAt + (task << 3)]!;
  i32[(at << 1) + 4] = i32[s.taskNameAt + (task << 4)]!;
  i32[(at << 1) + 5] = (k & 0x3fff_ffff) + 1;
}

/** As noteSwitch, for late work of a task of this name. */
export function noteLateSwitch(s: CpuState, name: number, since: number): void {
  const { f64, i32 } = s;
  const k = (f64[s.switchesAt]! += 1);
  const at = s.switchRecordsAt + (k & MASK) * SWITCH_F64;
  f64[at + S_F64_SINCE] = since;
  f64[at + S_F64_ID] = ID_LATE;
  i32[at * 2 + S_NAME] = name;
  i32[at * 2 + S_NUMBER] = numberOf(k);
}

/** The task that has the thread is called otherwise from now on. */
export function renameRunning(s: CpuState, name: number): void {
  const at = s.switchRecordsAt + (s.f64[s.switchesAt]! & MASK) * SWITCH_F64;
  s.i32[at * 2 + S_NAME] = name;
}

assert(
  SWITCH_F64 === 3 && MASK === 31 && S_F64_SINCE === 0 && S_F64_ID === 1 && S_NAME === 4 && S_NUMBER === 5,
  'noteRunning has these numbers',
);
assert((SWITCH_RECORDS & MASK) === 0, 'the number of records is a power of two');
assert(SWITCH_RECORDS * SWITCH_F64 * 8 === T_BYTE_SWITCHES_SIZE, 'the records fill their area');
