/**
 * Reads the region of another process through its file: plain reads, no mapping and no addon, so it also works while
 * the program is blocked and after it was killed. The file is not trusted: a short file, another layout version or
 * impossible numbers give one clear `TaskperfError`, never a crash and never garbage.
 */
import fs from 'node:fs';
import {
  EVENT_ROW_NAMED,
  V_BYTE_NAME,
  V_BYTE_NAME_SIZE,
  V_ERRNO,
  V_FLAGS,
  V_MISSED,
  V_STATE,
  eventRowWord,
} from '../core/event-table.ts';
import { TaskperfError } from '../core/errors.ts';
import {
  H_BYTE_MESSAGE,
  H_BYTE_MESSAGE_SIZE,
  H_BYTE_NODE,
  H_BYTE_NODE_SIZE,
  H_CONTEXTS,
  H_COUNTERS,
  EVENT_LINES,
  HEADER_BYTES,
  H_MAGIC,
  H_NAMES,
  H_NAMES_USED,
  H_RING,
  H_TASKS,
  H_THREADS,
  H_THREADS_USED,
  H_VERSION,
  LAYOUT_VERSION,
  layoutOf,
  MAGIC,
  N_BYTE_TEXT,
  N_BYTE_TEXT_SIZE,
  N_LENGTH,
  NAME_BYTES,
  NAME_TOTAL_BYTES,
  N_STATE,
  T_BYTE_NAME,
  T_BYTE_NAME_SIZE,
  THREAD_BYTES,
  T_SEQ,
  T_STATE,
  THREAD_FREE,
} from '../core/layout.ts';
import type { Layout } from '../core/layout.ts';

/** One slot or part copied out of the file, as the words and doubles that layout.ts counts in. */
export interface Words {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
}

/** A live thread is copied again while its owner is inside a switch; a killed one stays odd for ever. */
const SEQUENCE_TRIES = 8;
/** Far above any real region, far below what a damaged header could make us allocate. */
const SLOTS_MAX = 1 << 26;

/** A row of the region's table of events (src/core/event-table.ts). */
export interface EventRow {
  readonly name: string;
  /** EVENT_* bits. */
  readonly flags: number;
  /** Why it is not counted, 0 when it is. */
  readonly errno: number;
  /** Where the ns are that its group was not on the PMU; undefined: it always is. */
  readonly missedLine: number | undefined;
}

export class RegionReader {
  readonly path: string;
  readonly layout: Layout;
  /** The header as of the last `refresh()`. */
  readonly header: Words;
  readonly #fd: number;
  readonly #names: string[] = [];

  private constructor(path: string, fd: number, header: Words, layout: Layout) {
    this.path = path;
    this.#fd = fd;
    this.header = header;
    this.layout = layout;
  }

  /** Throws TaskperfError EINVAL when the file is no region this version can read; a missing file is an fs error. */
  static open(path: string): RegionReader {
    const fd = fs.openSync(path, 'r');
    try {
      const header = wordsOf(HEADER_BYTES);
      const bytes = fs.fstatSync(fd).size;
      if (fs.readSync(fd, header.u8, 0, HEADER_BYTES, 0) < HEADER_BYTES)
        throw truncated(path, bytes, HEADER_BYTES);
      return new RegionReader(path, fd, header, checkedLayout(path, header.i32, bytes));
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  close(): void {
    fs.closeSync(this.#fd);
  }

  /** Reads the header again: states, losses and how many slots are in use. */
  refresh(): void {
    this.readInto(this.header.u8, 0, HEADER_BYTES);
  }

  get nodeVersion(): string {
    return textOf(this.header.u8, H_BYTE_NODE, H_BYTE_NODE_SIZE);
  }

  /** Why taskperf switched itself off in that process; empty when it did not. */
  get offMessage(): string {
    return textOf(this.header.u8, H_BYTE_MESSAGE, H_BYTE_MESSAGE_SIZE);
  }

  /** What the process says of an event on this line; undefined where it has given the line to none. */
  eventRow(line: number): EventRow | undefined {
    const { i32, u8 } = this.header;
    const at = eventRowWord(line);
    if (i32[at + V_STATE] !== EVENT_ROW_NAMED) return undefined;
    const missed = i32[at + V_MISSED]! - 1;
    return {
      name: textOf(u8, at * 4 + V_BYTE_NAME, V_BYTE_NAME_SIZE),
      flags: i32[at + V_FLAGS]!,
      errno: i32[at + V_ERRNO]!,
      missedLine: missed > 0 && missed < EVENT_LINES ? missed : undefined,
    };
  }

  get threadsUsed(): number {
    return used(this.header.i32[H_THREADS_USED]!, this.layout.threads);
  }

  get namesUsed(): number {
    return used(this.header.i32[H_NAMES_USED]!, this.layout.names);
  }

  /** A consistent copy of a thread slot; undefined when nobody has used it. */
  thread(index: number): Words | undefined {
    const slot = wordsOf(THREAD_BYTES);
    const again = wordsOf(8);
    const at = this.layout.threadsAt + index * THREAD_BYTES;
    for (let tries = 0; tries < SEQUENCE_TRIES; tries++) {
      this.readInto(slot.u8, at, THREAD_BYTES);
      this.readInto(again.u8, at + T_SEQ * 4, 4);
      if ((slot.i32[T_SEQ]! & 1) === 0 && slot.i32[T_SEQ] === again.i32[0]) break;
    }
    return slot.i32[T_STATE] === THREAD_FREE ? undefined : slot;
  }

  /** [name][count, starts, sums per event] of what exited on this thread, for the names in use. */
  nameTotals(thread: number): Float64Array {
    const bytes = this.namesUsed * NAME_TOTAL_BYTES;
    const totals = wordsOf(bytes);
    this.readInto(totals.u8, this.layout.totalsAt + thread * this.layout.names * NAME_TOTAL_BYTES, bytes);
    return totals.f64;
  }

  /** The text of an interned name. Names never change, so each is read once. */
  name(index: number): string {
    const known = this.#names[index];
    if (known !== undefined) return known;
    if (index < 0 || index >= this.layout.names) return '(damaged)';
    const slot = wordsOf(NAME_BYTES);
    this.readInto(slot.u8, this.layout.namesAt + index * NAME_BYTES, NAME_BYTES);
    const length = Math.min(Math.max(slot.i32[N_LENGTH]!, 0), N_BYTE_TEXT_SIZE);
    const text = printable(new TextDecoder().decode(slot.u8.subarray(N_BYTE_TEXT, N_BYTE_TEXT + length)));
    if (slot.i32[N_STATE] === 1) this.#names[index] = text;
    return text;
  }

  /** Copies file bytes; what lies past the end of a file that was cut while we look reads as zeros. */
  readInto(target: Uint8Array, position: number, bytes: number): void {
    let done = 0;
    while (done < bytes) {
      const read = fs.readSync(this.#fd, target, done, bytes - done, position + done);
      if (read === 0) break;
      done += read;
    }
    if (done < bytes) target.fill(0, done, bytes);
  }
}

/** Zeroed memory for `bytes` bytes, seen as bytes, words and doubles. */
export function wordsOf(bytes: number): Words {
  const buffer = new ArrayBuffer(Math.ceil(bytes / 8) * 8);
  return { u8: new Uint8Array(buffer), i32: new Int32Array(buffer), f64: new Float64Array(buffer) };
}

/** The thread's own name ("main", "worker 3"). */
export function threadName(slot: Words): string {
  return textOf(slot.u8, T_BYTE_NAME, T_BYTE_NAME_SIZE);
}

function checkedLayout(path: string, words: Int32Array, bytes: number): Layout {
  if (words[H_MAGIC] !== MAGIC)
    throw new TaskperfError('EINVAL', `${path} is not a taskperf region; delete it`, path);
  if (words[H_VERSION] !== LAYOUT_VERSION) {
    throw new TaskperfError(
      'EINVAL',
      `${path} has region layout ${words[H_VERSION]}, this taskperf reads layout ${LAYOUT_VERSION}; ` +
        'use the same taskperf version for the command and the program',
      path,
    );
  }
  const capacities = {
    threads: words[H_THREADS]!,
    names: words[H_NAMES]!,
    tasks: words[H_TASKS]!,
    contexts: words[H_CONTEXTS]!,
    counters: words[H_COUNTERS]!,
    ring: words[H_RING]!,
  };
  const sane = Object.values(capacities).every((slots) => slots >= 0 && slots <= SLOTS_MAX);
  if (!sane || capacities.ring < 1 || (capacities.ring & (capacities.ring - 1)) !== 0) {
    throw new TaskperfError('EINVAL', `${path} is damaged: its capacities are impossible; delete it`, path);
  }
  const layout = layoutOf(capacities);
  if (bytes < layout.bytes) throw truncated(path, bytes, layout.bytes);
  return layout;
}

function truncated(path: string, bytes: number, expected: number): TaskperfError {
  return new TaskperfError('EINVAL', `${path} is truncated: ${bytes} of ${expected} bytes; delete it`, path);
}

function used(count: number, capacity: number): number {
  return Math.min(Math.max(count, 0), capacity);
}

function textOf(bytes: Uint8Array, at: number, size: number): string {
  const field = bytes.subarray(at, at + size);
  const end = field.indexOf(0);
  return printable(new TextDecoder().decode(end === -1 ? field : field.subarray(0, end)));
}

/** Names come from request paths: what a client sent must not move the cursor of whoever reads the table. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD');
}
