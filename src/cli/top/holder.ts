/**
 * Who has a thread now, and what of its time is in no book yet.
 *
 * Without the addon the region is a copy that the program's own loop writes every 100 ms: it always shows the moment of
 * copying, and while the loop is blocked nothing at all. That no copy comes is then what there is to say.
 */
import fs from 'node:fs';
import { CPU_CLOCK, TASK_CLOCK } from '../../core/events.ts';
import { WHO_LATE, WHO_LOOP, WHO_TASK, runningOf } from '../../core/blockages.ts';
import { newestSwitch } from '../../core/last-switches.ts';
import {
  H_REASON,
  REASON_NO_ADDON,
  T_CURRENT,
  T_F64_CHARGEABLE,
  T_F64_LAST,
  T_F64_NATIVE,
  T_ROOT,
  T_TID,
} from '../../core/layout.ts';
import { NATIVE_NOW } from '../../core/outside.ts';
import type { RegionReader, Words } from '../reader.ts';

/** 'unseen': without the addon it is not known who. */
export type HolderKind = 'task' | 'late' | 'nobody' | 'loop' | 'idle' | 'unseen';

export interface Holder {
  readonly kind: HolderKind;
  /** The task's; of late work that of the task that is gone. Empty for the others. */
  readonly name: string;
  readonly id: number | undefined;
  /** CLOCK_MONOTONIC. */
  readonly sinceNs: number;
  /** Since when nobody else gets a turn: of the stretch of JavaScript in which it has the thread. */
  readonly beginNs: number;
  /** The OS's thread id, 0 when unknown. */
  readonly tid: number;
  /** When the thread's time was last accounted for. */
  readonly readingNs: number;
}

export function holderOf(reader: RegionReader, slot: Words): Holder {
  const readingNs = slot.f64[T_F64_NATIVE + NATIVE_NOW]!;
  const tid = slot.i32[T_TID]!;
  const other = (kind: HolderKind, sinceNs: number): Holder => {
    return { kind, name: '', id: undefined, sinceNs, beginNs: sinceNs, tid, readingNs };
  };
  if (reader.header.i32[H_REASON] === REASON_NO_ADDON) return other('unseen', copiedNs(reader));
  const running = runningOf(slot);
  if (running === undefined) return other('idle', readingNs);
  const { id, name, sinceNs, beginNs } = running;
  const isRoot = slot.i32[T_CURRENT] === slot.i32[T_ROOT];
  const kind = running.kind === WHO_TASK && isRoot ? 'nobody' : kindOf(running.kind);
  const text = kind === 'task' || kind === 'late' ? reader.name(name ?? -1) : '';
  return { kind, name: text, id, sinceNs, beginNs, tid, readingNs };
}

/** CLOCK_MONOTONIC when the program last wrote to its file. */
function copiedNs({ path }: RegionReader): number {
  const written = fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Number(process.hrtime.bigint()) - Math.max(0, Date.now() - written) * 1e6;
}

function kindOf(who: number): HolderKind {
  if (who === WHO_TASK) return 'task';
  if (who === WHO_LATE) return 'late';
  return who === WHO_LOOP ? 'loop' : 'nobody';
}

/**
 * What has been found chargeable to whoever was given the thread last, and not been booked: that happens with the next
 * switch.
 */
export interface Pending {
  /** The task's; undefined: it is nobody's or late work. */
  readonly name: string | undefined;
  readonly wallNs: number;
  readonly cpuNs: number;
}

export function pendingOf(reader: RegionReader, slot: Words): Pending {
  const { i32, f64 } = slot;
  const reading = (at: number): number => reader.damage.amount(f64[at]!, 'a reading of a thread');
  const since = (event: number): number =>
    Math.max(0, reading(T_F64_CHARGEABLE + event) - reading(T_F64_LAST + event));
  const newest = newestSwitch(slot);
  const isTask = newest?.id !== undefined && i32[T_CURRENT] !== i32[T_ROOT];
  return {
    name: isTask ? reader.name(newest.name) : undefined,
    wallNs: since(CPU_CLOCK),
    cpuNs: since(TASK_CLOCK),
  };
}
