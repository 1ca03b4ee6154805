/**
 * The JavaScript stack of a blocked thread, as text: "function (file:line:column)" per line, innermost first. Written by the
 * thread itself in an interrupt of V8's (native/stack.c), when a tool has asked for it through H_STACK_WANTED.
 *
 *     64 bytes   state, requests, sequence, of which section
 *     4032       UTF-8
 *
 * Right: ask, look again some milliseconds later, and take the text only when it is of the section that still goes on.
 */
import { assert } from './assert.ts';
import { T_BYTE_STACK, T_BYTE_STACK_SIZE } from './outside.ts';
import type { SlotCopy } from './outside.ts';
import { decodeUtf8 } from './utf8.ts';

// Words, then doubles.
const X_STATE = 0;
const X_ASKED = 1;
const X_TAKEN = 2;
/** Odd while it is being written. */
const X_SEQUENCE = 3;
const X_LENGTH = 4;
const X_CUT = 5;
const X_F64_SECTION = 3;
const X_F64_ASKED_SECTION = 4;
const HEADER_BYTES = 64;
export const STACK_TEXT_BYTES: number = T_BYTE_STACK_SIZE - HEADER_BYTES;

/** Nobody waits for requests in that process; somebody does; its runtime cannot tell stacks. */
export const STACK_UNWATCHED: number = 0;
export const STACK_WATCHED: number = 1;
export const STACK_LACKING: number = 2;

export interface StackText {
  /** STACK_* */
  readonly state: number;
  /** When the section began that was last asked for, and the one that the frames are of; 0: none. */
  readonly askedSectionNs: number;
  readonly sectionNs: number;
  /** "function (file:line:column)", innermost first. */
  readonly frames: readonly string[];
  /** Frames that found no room. */
  readonly cut: number;
}

export function stackOf({ i32, f64, u8 }: SlotCopy): StackText {
  const word = T_BYTE_STACK / 4;
  const double = T_BYTE_STACK / 8;
  const state = i32[word + X_STATE]!;
  const askedSectionNs = i32[word + X_ASKED] === 0 ? 0 : f64[double + X_F64_ASKED_SECTION]!;
  const isWhole = i32[word + X_TAKEN] !== 0 && (i32[word + X_SEQUENCE]! & 1) === 0;
  if (!isWhole) return { state, askedSectionNs, sectionNs: 0, frames: [], cut: 0 };
  const length = Math.min(Math.max(i32[word + X_LENGTH]!, 0), STACK_TEXT_BYTES);
  const text = decodeUtf8(u8, T_BYTE_STACK + HEADER_BYTES, length);
  const frames = text.split('\n').filter((line) => line !== '');
  return {
    state,
    askedSectionNs,
    sectionNs: f64[double + X_F64_SECTION]!,
    frames,
    cut: Math.max(0, i32[word + X_CUT]!),
  };
}

assert(HEADER_BYTES + STACK_TEXT_BYTES === T_BYTE_STACK_SIZE, 'the text fills its area');
