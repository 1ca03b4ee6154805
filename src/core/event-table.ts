/**
 * The table of events in the region's header: which event each line from EVENT_GIVEN_FIRST on stands for in this
 * process, and how it is counted. Threads of the process give out lines by compare-and-exchange; a line keeps its name
 * for the life of the region. The tool reads the table from outside.
 *
 * Right: `lineOf(region, 'cycles')` on every thread that opens the event. Wrong: a name of more than V_BYTE_NAME_SIZE
 * bytes (the parser refuses it).
 */
import { assert } from './assert.ts';
import { EVENT_GIVEN_FIRST } from './events.ts';
import { EVENT_LINES, HEADER_BYTES, H_BYTE_EVENTS } from './layout.ts';
import type { Region } from './region.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

export const EVENT_ROW_BYTES: number = 96;
export const V_STATE: number = 0; // EVENT_ROW_*
/** Bits: EVENT_USER_ONLY, …: how this process counts it. */
export const V_FLAGS: number = 1;
/** Line + 1 of the ns in which the event's group was not on the PMU; 0 = it always is. */
export const V_MISSED: number = 2;
/** Why it is not counted: an errno, 0 when it is. */
export const V_ERRNO: number = 3;
export const V_BYTE_NAME: number = 16; // UTF-8, zero-terminated if shorter
export const V_BYTE_NAME_SIZE: number = 80;

export const EVENT_ROW_FREE: number = 0;
/** A thread is writing the name. */
export const EVENT_ROW_TAKEN: number = 1;
export const EVENT_ROW_NAMED: number = 2;

/** The kernel's part of the work is left out: counting it was not permitted. */
export const EVENT_USER_ONLY: number = 1;
/** Shared out, or joined afterwards: not counted where it happened. */
export const EVENT_ESTIMATED: number = 2;
/** No event of its own: the line that V_MISSED of others names. */
export const EVENT_HIDDEN: number = 4;
/** Read without a system call. */
export const EVENT_USER_READ: number = 8;
/** The source failed while it counted: what it had counted until then stays. */
export const EVENT_FAILED: number = 16;

assert(H_BYTE_EVENTS + EVENT_LINES * EVENT_ROW_BYTES <= HEADER_BYTES, 'the table of events fits the header');

/** Word index of a line's row; V_BYTE_NAME counts from four times that. */
export const eventRowWord = (event: number): number => (H_BYTE_EVENTS + event * EVENT_ROW_BYTES) >>> 2;

/**
 * The line that stands for this name, given out now if none does; −1 when all lines are in use. Two threads that ask for
 * a new name in the same instant may get a line each: every thread counts on its own line, and a name is looked up.
 */
export function lineOf(region: Region, name: string): number {
  const text = encodeUtf8(name, V_BYTE_NAME_SIZE);
  for (let line = EVENT_GIVEN_FIRST; line < EVENT_LINES; line++) {
    const at = eventRowWord(line);
    if (
      Atomics.compareExchange(region.i32, at + V_STATE, EVENT_ROW_FREE, EVENT_ROW_TAKEN) === EVENT_ROW_FREE
    ) {
      region.u8.set(text, at * 4 + V_BYTE_NAME);
      Atomics.store(region.i32, at + V_STATE, EVENT_ROW_NAMED);
      return line;
    }
    if (eventName(region, line) === name) return line;
  }
  return -1;
}

/** The name of a line; empty where none has been given out, or is only just being written. */
export function eventName(region: Region, line: number): string {
  const at = eventRowWord(line);
  if (Atomics.load(region.i32, at + V_STATE) !== EVENT_ROW_NAMED) return '';
  const start = at * 4 + V_BYTE_NAME;
  let length = 0;
  while (length < V_BYTE_NAME_SIZE && region.u8[start + length] !== 0) length++;
  return decodeUtf8(region.u8, start, length);
}

/** Gives all lines back. Only where no other thread and no tool uses the region, and no counter is open on a line. */
export function forgetLines(region: Region): void {
  const first = eventRowWord(EVENT_GIVEN_FIRST);
  const words = ((EVENT_LINES - EVENT_GIVEN_FIRST) * EVENT_ROW_BYTES) / 4;
  for (let word = 0; word < words; word++) region.i32[first + word] = 0;
}
