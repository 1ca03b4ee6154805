/** What the slot of an exit event in a ring says, for those who want one task at a time (task-log.ts keeps many, without objects). */
import {
  E_F64_ENABLED,
  E_F64_END,
  E_F64_ID,
  E_F64_RUNNING,
  E_F64_START,
  E_F64_VALUES,
  E_NAME,
  EVENT_LINES,
} from '../core/layout.ts';
import type { Words } from './reader.ts';

export interface ExitSlot {
  /** Index of the name. */
  readonly name: number;
  readonly id: number;
  /** CLOCK_MONOTONIC. */
  readonly startNs: number;
  readonly endNs: number;
  readonly enabledNs: number;
  readonly runningNs: number;
  /** By event line; as long as the slot is there. */
  readonly values: Float64Array;
}

/** The slot at `word`. */
export function readExit({ i32, f64 }: Words, word: number): ExitSlot {
  const at = word / 2;
  const values = at + E_F64_VALUES;
  return {
    name: i32[word + E_NAME]!,
    id: f64[at + E_F64_ID]!,
    startNs: f64[at + E_F64_START]!,
    endNs: f64[at + E_F64_END]!,
    enabledNs: f64[at + E_F64_ENABLED]!,
    runningNs: f64[at + E_F64_RUNNING]!,
    values: f64.subarray(values, values + EVENT_LINES),
  };
}

/** Makes the words, which are one slot long, such a slot. */
export function writeExit({ i32, f64 }: Words, exit: ExitSlot): void {
  i32[E_NAME] = exit.name;
  f64[E_F64_ID] = exit.id;
  f64[E_F64_START] = exit.startNs;
  f64[E_F64_END] = exit.endNs;
  f64[E_F64_ENABLED] = exit.enabledNs;
  f64[E_F64_RUNNING] = exit.runningNs;
  f64.set(exit.values, E_F64_VALUES);
}
