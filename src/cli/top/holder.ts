/**
 * Who has a thread now, and since when. A task keeps the thread's words when the loop goes to sleep after it, so the
 * words are read together with those of the native boundaries (native/boundary.c), which know whether JavaScript runs:
 *
 *     T_CHARGING 1                        the current task's JavaScript (the thread's own task: nobody's)
 *     T_CHARGING 2                        nobody's JavaScript, since the last reading
 *     T_CHARGING 0, last reading began a stretch of JavaScript      nobody's JavaScript, since then
 *     T_CHARGING 0, otherwise             the event loop, or idle, since the last reading
 */
import {
  K_F64_ID,
  K_NAME,
  T_CHARGING,
  T_CURRENT,
  T_F64_NATIVE,
  T_F64_SINCE,
  T_ROOT,
  T_TID,
  TASK_BYTES,
} from '../../core/layout.ts';
import { NATIVE_NOW, NATIVE_SECTION } from '../../node/addon.ts';
import { CHARGING_NOBODY } from '../../node/carrier.ts';
import { wordsOf } from '../reader.ts';
import type { RegionReader, Words } from '../reader.ts';

export interface Holder {
  readonly kind: 'task' | 'nobody' | 'loop';
  /** The task's; empty for the others. */
  readonly name: string;
  readonly id: number;
  /** CLOCK_MONOTONIC. */
  readonly sinceNs: number;
  /** The OS's thread id, 0 when unknown. */
  readonly tid: number;
}

export function holderOf(reader: RegionReader, slot: Words): Holder {
  const { i32, f64 } = slot;
  const readingNs = f64[T_F64_NATIVE + NATIVE_NOW]!;
  const sectionNs = f64[T_F64_NATIVE + NATIVE_SECTION]!;
  const other = (kind: 'nobody' | 'loop', sinceNs: number): Holder => {
    return { kind, name: '', id: 0, sinceNs, tid: i32[T_TID]! };
  };
  if (i32[T_CHARGING] === CHARGING_NOBODY) return other('nobody', readingNs);
  if (i32[T_CHARGING] === 0) return other(readingNs === sectionNs ? 'nobody' : 'loop', readingNs);
  // A task that went on after a pause has been the current one all the while: it has the thread since the stretch began.
  const sinceNs = Math.max(f64[T_F64_SINCE]!, sectionNs);
  const current = i32[T_CURRENT]!;
  if (current <= 0 || current > reader.layout.tasks || current === i32[T_ROOT]) return other('nobody', sinceNs);
  const task = wordsOf(TASK_BYTES);
  reader.readInto(task.u8, reader.layout.tasksAt + (current - 1) * TASK_BYTES, TASK_BYTES);
  return {
    ...other('nobody', sinceNs),
    kind: 'task',
    name: reader.name(task.i32[K_NAME]!),
    id: task.f64[K_F64_ID]!,
  };
}
