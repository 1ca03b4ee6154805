/**
 * The task that started a process. It reaches the process in its environment, which is all that the two share, and is kept
 * in the header of the process's region, where the tool reads it.
 *
 *     TASKPERF_OWNER=4711:23:GET%20%2Fresize     pid, task, name
 */
import {
  H_BYTE_OWNER,
  H_BYTE_OWNER_SIZE,
  H_BYTE_SCRIPT,
  H_BYTE_SCRIPT_SIZE,
  H_F64_OWNER_TASK,
  H_OWNER_PID,
} from './outside.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

export const OWNER_VARIABLE: string = 'TASKPERF_OWNER';

export interface Owner {
  /** What its process calls itself. */
  readonly pid: number;
  /** Its id in the region of that process; NO_TASK: it had ended. */
  readonly task: number;
  /** As of the start of the process: a request gets its name later. */
  readonly name: string;
}

export const NO_TASK: number = -1;

/** Names in a region are shorter; a token beyond it is not one of ours. */
const NAME_LENGTH_MAX = 120;
const TOKEN = /^(\d{1,10}):(-1|\d{1,10}):([^:]{0,1080})$/;

export function ownerToken({ pid, task, name }: Owner): string {
  // Half of a surrogate pair, which a cut name may end in, has no URL encoding.
  const text = name.slice(0, NAME_LENGTH_MAX).replace(/\p{Cs}/gu, '\ufffd');
  return `${pid}:${task}:${encodeURIComponent(text)}`;
}

/** Null for what is no token. */
export function parseOwner(token: string | undefined): Owner | null {
  const found = TOKEN.exec(token ?? '');
  if (found === null) return null;
  const pid = Number(found[1]);
  if (pid === 0 || pid > 0x7fffffff) return null;
  try {
    return { pid, task: Number(found[2]), name: decodeURIComponent(found[3]!) };
  } catch {
    return null;
  }
}

/** The header of a region, or the whole region. */
export interface Header {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
}

/** What the process says of itself beside its counts. */
export function describeProcess({ u8, i32, f64 }: Header, script: string, owner: Owner | null): void {
  writeText(u8, script, H_BYTE_SCRIPT, H_BYTE_SCRIPT_SIZE);
  if (owner === null) return;
  writeText(u8, owner.name, H_BYTE_OWNER, H_BYTE_OWNER_SIZE);
  f64[H_F64_OWNER_TASK] = owner.task;
  i32[H_OWNER_PID] = owner.pid;
}

/** Null: no task started it, or none that is known. */
export function ownerIn({ u8, i32, f64 }: Header): Owner | null {
  const pid = i32[H_OWNER_PID]!;
  if (pid <= 0) return null;
  const task = f64[H_F64_OWNER_TASK]!;
  const isNumber = Number.isSafeInteger(task) && task >= 0;
  const name = textAt(u8, H_BYTE_OWNER, H_BYTE_OWNER_SIZE);
  return { pid, task: isNumber ? task : NO_TASK, name };
}

export function scriptIn({ u8 }: Header): string {
  return textAt(u8, H_BYTE_SCRIPT, H_BYTE_SCRIPT_SIZE);
}

function writeText(u8: Uint8Array, text: string, at: number, size: number): void {
  u8.fill(0, at, at + size);
  u8.set(encodeUtf8(text, size - 1), at);
}

function textAt(u8: Uint8Array, at: number, size: number): string {
  const end = u8.subarray(at, at + size).indexOf(0);
  return decodeUtf8(u8, at, end === -1 ? size : end);
}
