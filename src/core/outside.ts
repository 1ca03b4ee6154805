/**
 * The words of the region that are there for those who look from outside: what the process tells of itself beyond its
 * counts, the few words that a tool writes, and the areas at the end of a thread's slot. Part of the layout
 * (LAYOUT_VERSION covers it); nothing in the core counts by them.
 */
import { assert } from './assert.ts';
import {
  H_BYTE_MESSAGE,
  H_BYTE_NODE,
  H_BYTE_NODE_SIZE,
  H_F64_SWITCH_COST,
  THREAD_BYTES,
  T_BYTE_AREAS,
  T_BYTE_NAME,
  T_F64_NATIVE,
} from './layout.ts';

// ---- header ---------------------------------------------------------------------------------------------------------
/** Written by the tool: CONTROL_*. */
export const H_CONTROL: number = 14;
/** Written by the tool: thread index + 1 whose JavaScript stack it wants to see. */
export const H_STACK_WANTED: number = 15;
/** From how long on a stretch of JavaScript is noted as a blockage, ms; 0 = none is. */
export const H_BLOCKED_MS: number = 22;
/** The process whose task started this one, 0 = none or unknown. */
export const H_OWNER_PID: number = 23;
/** 1 = the process was running before taskperf was loaded into it. */
export const H_ATTACHED: number = 31;
/** Start of the process in clock ticks after boot (/proc/PID/stat, field 22): tells a pid used again. 0 = unknown. */
export const H_F64_PROCESS_START: number = 23;
/** Id of the task of H_OWNER_PID that started this process. */
export const H_F64_OWNER_TASK: number = 24;
/** UTF-8, zero-terminated: the name of the task that started this process. */
export const H_BYTE_OWNER: number = 288;
export const H_BYTE_OWNER_SIZE: number = 120;
/** The same as H_F64_PROCESS_START, of the tool that asked for the region (H_SESSION). 0 = unknown. */
export const H_F64_SESSION_START: number = 51; // byte 408
/** Inode of the process's pid namespace, in which its pid is what it is. 0 = unknown. */
export const H_F64_NAMESPACE: number = 52;
/** The same of the tool. */
export const H_F64_SESSION_NAMESPACE: number = 53;
/** UTF-8, zero-terminated: what the process runs, "server.mjs", "server.mjs worker 2". */
export const H_BYTE_SCRIPT: number = 432;
export const H_BYTE_SCRIPT_SIZE: number = 80;

export const CONTROL_NONE: number = 0;
/** Stop counting and take everything of taskperf out of the process. */
export const CONTROL_DETACH: number = 1;

// ---- task, and the operation DO_CREDIT (job.ts) ----------------------------------------------------------------------
/** The task of another thread that this one works for, a reference is held: + for a job, − for what a job has started. */
export const K_ORIGIN: number = 14;
export const O_F64_ENABLED: number = 5;
export const O_F64_RUNNING: number = 6;

// ---- family (layout.ts): of a counter on another thread's task -------------------------------------------------------------
/** The slot + 1 of the request that will close it, 0 = none: so closing cannot fail for want of room. */
export const F_CLOSING: number = 2;

// ---- thread ---------------------------------------------------------------------------------------------------------
/** T_STATE while somebody takes the slot: T_ID and T_TID are not the new thread's yet. */
export const THREAD_STARTING: number = 3;
/** Operations that the thread has written and not sent yet, linked by R_NEXT: for its reaper. */
export const T_OUTBOX: number = 18;
/** The task that the thread keeps in its slot for the length of an operation, by a reference: for its reaper. */
export const T_HELD: number = 19;
/** The context that the thread has made and not published yet. */
export const T_MAKING: number = 20;
/** The context that it has taken from a task that exits, and how many of its children are free, whose references it keeps. */
export const T_LEAVING: number = 21;
export const T_LEAVING_CHILDREN: number = 22;
/** The task that it is burying, until it drops the reference that the task had while alive. */
export const T_BURYING: number = 23;

// ---- thread: what the native boundaries tell, f64 relative to T_F64_NATIVE (native/boundary.h) ------------------------
/** CLOCK_MONOTONIC of the last reading. */
export const NATIVE_NOW: number = 0;
/** When the loop last woke: the first JavaScript after it had gone to block. */
export const NATIVE_WOKE: number = 1;
/** When the present stretch of JavaScript ("section") began, or the last one. */
export const NATIVE_SECTION: number = 2;
/** When the last section ended: above NATIVE_SECTION the thread is in no JavaScript. */
export const NATIVE_LEFT: number = 3;
/** When the loop last went to wait for events: above NATIVE_LEFT it does, or runs C++ that an event has woken. */
export const NATIVE_POLLED: number = 4;
/** CPU time of the thread when the section began. */
export const NATIVE_SECTION_CPU: number = 5;
export const NATIVE_WORDS: number = 6;

// ---- thread: bytes relative to the slot -----------------------------------------------------------------------------
/** The last switches. */
export const T_BYTE_SWITCHES: number = T_BYTE_AREAS;
export const T_BYTE_SWITCHES_SIZE: number = 768;
/** The longest blockages. */
export const T_BYTE_BLOCKAGES: number = 4096;
export const T_BYTE_BLOCKAGES_SIZE: number = 4096;
/** A JavaScript stack as text, when asked for. */
export const T_BYTE_STACK: number = 8192;
export const T_BYTE_STACK_SIZE: number = 4096;
/** Who waited behind whom. */
export const T_BYTE_BEHIND: number = 12_288;
export const T_BYTE_BEHIND_SIZE: number = 4096;

/** A copy of a thread's slot, as those who look from outside have it: indexes are relative to the slot. */
export interface SlotCopy {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
}

assert((T_F64_NATIVE + NATIVE_WORDS) * 8 <= T_BYTE_NAME, 'the native words end before the name');
assert(H_F64_SWITCH_COST < H_F64_PROCESS_START, 'the doubles of the header do not overlap');
assert(H_BYTE_NODE + H_BYTE_NODE_SIZE <= H_BYTE_OWNER, 'the owner comes after the version of Node');
assert(
  H_BYTE_OWNER + H_BYTE_OWNER_SIZE <= H_F64_SESSION_START * 8,
  'the owner ends before the identity of the tool',
);
assert((H_F64_SESSION_NAMESPACE + 1) * 8 <= H_BYTE_SCRIPT, 'the identities end before the script');
assert(H_BYTE_SCRIPT + H_BYTE_SCRIPT_SIZE <= H_BYTE_MESSAGE, 'the script ends before the message');
assert(T_BYTE_SWITCHES + T_BYTE_SWITCHES_SIZE <= T_BYTE_BLOCKAGES, 'the areas of a thread do not overlap');
assert(T_BYTE_BEHIND + T_BYTE_BEHIND_SIZE === THREAD_BYTES, 'a thread slot is full');
