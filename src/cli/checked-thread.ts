/**
 * The copy of a thread's slot, made fit to be decoded: amounts that are none are 0 from here on, and noted. So whoever
 * decodes one of its areas (src/core/{last-switches,blockages,behind}.ts) meets no NaN, no infinity and no negative time;
 * what is an index he must check himself (`RegionReader.name` does).
 */
import { B_HEADER_BYTES, PAIR_BYTES, PAIR_RECORDS, SLICE_BYTES, SLICE_RECORDS } from '../core/behind.ts';
import {
  BLOCKAGES_HEADER_BYTES,
  BLOCKAGE_BYTES,
  BLOCKAGE_RECORDS,
  Q_F64_NEWEST_BEGIN,
  Q_F64_SLICE,
} from '../core/blockages.ts';
import { SWITCH_F64, SWITCH_RECORDS } from '../core/last-switches.ts';
import {
  T_F64_BOUNDARIES,
  T_F64_CHARGEABLE,
  T_F64_NATIVE,
  T_F64_RING_HEAD,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_ID,
  T_TID,
} from '../core/layout.ts';
import { NATIVE_WORDS, T_BYTE_BEHIND, T_BYTE_BLOCKAGES, T_BYTE_SWITCHES } from '../core/outside.ts';
import type { Damage } from './damage.ts';
import type { Words } from './reader.ts';

const NUMBERS = { from: 0, to: 0x7fffffff, fallback: 0 };
/** Doubles of a blockage that are no words: begin, wall, CPU, GC, task, slice. */
const BLOCKAGE_F64 = 6;
/** Doubles of a pair: known, at most; the first holds words. */
const PAIR_F64 = 2;
const PAIRS_AT = T_BYTE_BEHIND + B_HEADER_BYTES + SLICE_RECORDS * SLICE_BYTES;

export function checkThread({ i32, f64 }: Words, damage: Damage): void {
  for (const word of [T_ID, T_TID]) i32[word] = damage.index(i32[word]!, NUMBERS, 'the number of a thread');
  damage.amounts(f64, T_F64_RING_HEAD, T_F64_BOUNDARIES + 1, 'what a thread says of itself');
  damage.amounts(f64, T_F64_TOTAL, T_F64_TASKS, 'a sum of a thread');
  // Late work of a job in another thread is taken from the tasks of its origin's (core/job.ts).
  damage.differences(f64, T_F64_TASKS, T_F64_CHARGEABLE, 'a sum of a thread');
  damage.amounts(f64, T_F64_NATIVE, T_F64_NATIVE + NATIVE_WORDS, 'what a thread says of itself');
  for (let i = 0; i < SWITCH_RECORDS; i++) {
    const at = T_BYTE_SWITCHES / 8 + i * SWITCH_F64;
    damage.amountsOrNone(f64, at, at + 2, 'a switch');
  }
  const blockages = T_BYTE_BLOCKAGES / 8;
  damage.amounts(f64, blockages, blockages + 2, 'a sum of blockages');
  damage.amountsOrNone(f64, blockages + Q_F64_NEWEST_BEGIN, blockages + Q_F64_SLICE + 1, 'a blockage');
  for (let i = 0; i < BLOCKAGE_RECORDS; i++) {
    const at = blockages + (BLOCKAGES_HEADER_BYTES + i * BLOCKAGE_BYTES) / 8;
    damage.amountsOrNone(f64, at, at + BLOCKAGE_F64, 'a blockage');
  }
  for (let i = 0; i < PAIR_RECORDS; i++) {
    const at = (PAIRS_AT + i * PAIR_BYTES) / 8 + 1;
    damage.amounts(f64, at, at + PAIR_F64, 'a wait');
  }
}
