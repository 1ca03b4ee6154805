/**
 * Reads the region of another process through its file: plain reads, no mapping and no addon, so it also works while
 * the program is blocked and after it was killed.
 *
 * The file is not trusted (docs/security.md). What makes it unreadable (a short file, another layout version, impossible
 * capacities) is one clear `TaskperfError`; what is impossible later is noted in `damage` and read as nothing. How much
 * memory and how many reads a region can cost is bounded here, whatever it says.
 */
import { isUtf8 } from 'node:buffer';
import {
  EVENT_ROW_FREE,
  EVENT_ROW_NAMED,
  V_BYTE_NAME,
  V_BYTE_NAME_SIZE,
  V_ERRNO,
  V_FLAGS,
  V_MISSED,
  V_STATE,
  eventRowWord,
} from '../core/event-table.ts';
import { EVENT_GIVEN_FIRST } from '../core/events.ts';
import {
  H_BYTE_MESSAGE,
  H_BYTE_MESSAGE_SIZE,
  H_BYTE_NODE,
  H_BYTE_NODE_SIZE,
  EVENT_LINES,
  HEADER_BYTES,
  H_NAMES_USED,
  H_THREADS_USED,
  N_BYTE_TEXT,
  N_BYTE_TEXT_SIZE,
  N_LENGTH,
  NAME_BYTES,
  NAME_TOTAL_BYTES,
  NT_F64_EXITS,
  NT_F64_STARTS,
  NT_F64_SUM,
  N_STATE,
  THREAD_BYTES,
  T_SEQ,
  T_BYTE_NAME,
  T_BYTE_NAME_SIZE,
  T_STATE,
  THREAD_FREE,
} from '../core/layout.ts';
import type { Layout } from '../core/layout.ts';
import { THREAD_STARTING } from '../core/outside.ts';
import { checkedLayout, isSameLayout, truncated } from './checked-layout.ts';
import { checkThread } from './checked-thread.ts';
import { Damage } from './damage.ts';
import { openFile } from './source.ts';
import type { RegionSource, Trust } from './source.ts';

/** One slot or part copied out of the file, as the words and doubles that layout.ts counts in. */
export interface Words {
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
}

/** A live thread is copied again while its owner is inside a switch; a killed one stays odd for ever. */
const SEQUENCE_TRIES = 8;
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
  /** What was found to be impossible. */
  readonly damage: Damage;
  /** Its process has ended: nothing is being changed any more, so what disagrees now is damaged. */
  isFinal = false;
  readonly #source: RegionSource;
  readonly #names: string[] = [];
  /** Once they no longer change. */
  readonly #threads: Words[] = [];

  private constructor(path: string, source: RegionSource, header: Words, layout: Layout) {
    this.path = path;
    this.#source = source;
    this.header = header;
    this.layout = layout;
    this.damage = new Damage(path);
  }

  /**
   * @throws TaskperfError EINVAL when the file is no region this version can read, EACCES when it may not be trusted
   * (source.ts); a missing file is an fs error. `shown` is what it is called in messages.
   */
  static open(path: string, trust: Trust = 'private', shown: string = path): RegionReader {
    return RegionReader.over(shown, openFile(path, trust, shown));
  }

  /** Reads `source`, and closes it. @throws TaskperfError EINVAL. */
  static over(path: string, source: RegionSource): RegionReader {
    try {
      const header = wordsOf(HEADER_BYTES);
      const bytes = source.size();
      if (readFully(source, header.u8, 0, HEADER_BYTES) < HEADER_BYTES)
        throw truncated(path, bytes, HEADER_BYTES);
      return new RegionReader(path, source, header, checkedLayout(path, header.i32, bytes));
    } catch (error) {
      source.close();
      throw error;
    }
  }

  close(): void {
    this.#source.close();
  }

  /** Reads the header again: states, losses and how many slots are in use. */
  refresh(): void {
    this.readInto(this.header.u8, 0, HEADER_BYTES);
    if (!isSameLayout(this.layout, this.header.i32))
      this.damage.note('its header was overwritten or cut off while it was read');
  }

  get nodeVersion(): string {
    return this.textOf(this.header.u8, H_BYTE_NODE, H_BYTE_NODE_SIZE);
  }

  /** Why taskperf switched itself off in that process; empty when it did not. */
  get offMessage(): string {
    return this.textOf(this.header.u8, H_BYTE_MESSAGE, H_BYTE_MESSAGE_SIZE);
  }

  /** What the process says of an event on this line; undefined where it has given the line to none. */
  eventRow(line: number): EventRow | undefined {
    const { i32, u8 } = this.header;
    const at = eventRowWord(line);
    const state = i32[at + V_STATE]!;
    if (state !== EVENT_ROW_NAMED) {
      this.damage.index(
        state,
        { from: EVENT_ROW_FREE, to: EVENT_ROW_NAMED, fallback: 0 },
        'the state of an event',
      );
      return undefined;
    }
    const lines = { from: EVENT_GIVEN_FIRST, to: EVENT_LINES - 1, fallback: -1 };
    const missed = i32[at + V_MISSED]!;
    const missedLine =
      missed === 0 ? -1 : this.damage.index(missed - 1, lines, 'the line of what an event missed');
    return {
      name: this.textOf(u8, at * 4 + V_BYTE_NAME, V_BYTE_NAME_SIZE),
      flags: i32[at + V_FLAGS]!,
      errno: i32[at + V_ERRNO]!,
      missedLine: missedLine === -1 ? undefined : missedLine,
    };
  }

  get threadsUsed(): number {
    return this.used(H_THREADS_USED, this.layout.threads, 'threads');
  }

  get namesUsed(): number {
    return this.used(H_NAMES_USED, this.layout.names, 'names');
  }

  /** Slots that a word of the header says are in use. */
  used(word: number, capacity: number, what: string): number {
    const count = this.header.i32[word]!;
    return this.damage.index(count, { from: 0, to: capacity, fallback: 0 }, `the number of ${what}`);
  }

  /** A consistent copy of a thread slot, its amounts checked; undefined when nobody has used it. */
  thread(index: number): Words | undefined {
    if (!this.isFinal) return this.#readThread(index);
    const known = this.#threads[index];
    if (known !== undefined) return known;
    const slot = this.#readThread(index);
    if (slot !== undefined) this.#threads[index] = slot;
    return slot;
  }

  #readThread(index: number): Words | undefined {
    const slot = wordsOf(THREAD_BYTES);
    const { u8: again, i32: words } = scratch;
    const at = this.layout.threadsAt + index * THREAD_BYTES;
    for (let tries = 0; tries < SEQUENCE_TRIES; tries++) {
      this.readInto(slot.u8, at, THREAD_BYTES);
      this.readInto(again, at + T_SEQ * 4, 4);
      if ((slot.i32[T_SEQ]! & 1) === 0 && slot.i32[T_SEQ] === words[0]) break;
    }
    const states = { from: THREAD_FREE, to: THREAD_STARTING, fallback: THREAD_FREE };
    if (this.damage.index(slot.i32[T_STATE]!, states, 'the state of a thread') === THREAD_FREE)
      return undefined;
    checkThread(slot, this.damage);
    this.textOf(slot.u8, T_BYTE_NAME, T_BYTE_NAME_SIZE); // notes what is no text
    return slot;
  }

  /** [name][count, starts, sums per event] of what exited on this thread, for the names in use. */
  nameTotals(thread: number): Float64Array {
    const bytes = this.namesUsed * NAME_TOTAL_BYTES;
    const { f64, u8 } = wordsOf(bytes);
    this.readInto(u8, this.layout.totalsAt + thread * this.layout.names * NAME_TOTAL_BYTES, bytes);
    for (let at = 0; at < f64.length; at += NAME_TOTAL_BYTES / 8) {
      // A task may start under one name on one thread and get another on the next: not every part is an amount.
      if (!Number.isSafeInteger(f64[at + NT_F64_STARTS]!))
        f64[at + NT_F64_STARTS] = this.damage.amount(NaN, 'the starts of a name');
      this.damage.amounts(f64, at + NT_F64_EXITS, at + NT_F64_EXITS + 1, 'the exits of a name');
      // What a job of another thread has cost is taken from the name here once it is its task's (core/job.ts).
      this.damage.differences(f64, at + NT_F64_SUM, at + NAME_TOTAL_BYTES / 8, 'a sum of a name');
    }
    return f64;
  }

  /** The text of an interned name. Names never change, so each is read once. */
  name(index: number): string {
    const known = this.#names[index];
    if (known !== undefined) return known;
    if (!(index >= 0 && index < this.layout.names)) {
      this.damage.note('a name is out of range');
      return '(damaged)';
    }
    const slot = scratch;
    this.readInto(slot.u8, this.layout.namesAt + index * NAME_BYTES, NAME_BYTES);
    // Reserved and not written yet: its thread goes on, or was killed in this very moment.
    if (slot.i32[N_STATE] !== 1) {
      this.damage.index(slot.i32[N_STATE]!, { from: 0, to: 1, fallback: 0 }, 'the state of a name');
      return '(not named yet)';
    }
    const lengths = { from: 0, to: N_BYTE_TEXT_SIZE, fallback: 0 };
    const length = this.damage.index(slot.i32[N_LENGTH]!, lengths, 'the length of a name');
    return (this.#names[index] = this.#decode(slot.u8.subarray(N_BYTE_TEXT, N_BYTE_TEXT + length)));
  }

  /** A zero-terminated text as it is: `printable` makes it fit to be shown. */
  textOf(bytes: Uint8Array, at: number, size: number): string {
    return this.#decode(terminated(bytes, at, size));
  }

  #decode(bytes: Uint8Array): string {
    const text = decoder.decode(bytes);
    // Three bytes of a text that says U+FFFD itself are its own.
    if (text.includes('\uFFFD') && !isUtf8(bytes)) this.damage.note('a text is no UTF-8');
    return text;
  }

  /** Copies file bytes; what lies past the end of a file that was cut while we look reads as zeros. */
  readInto(target: Uint8Array, position: number, bytes: number): void {
    const done = readFully(this.#source, target, position, bytes);
    if (done === bytes) return;
    target.fill(0, done, bytes);
    this.damage.note('it was cut off while it was read');
  }
}

/** For what is taken out of it before the next read. */
const scratch: Words = wordsOf(NAME_BYTES);
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads until there is no more; how many bytes there were. */
function readFully(source: RegionSource, target: Uint8Array, position: number, bytes: number): number {
  let done = 0;
  while (done < bytes) {
    const read = source.read(target, done, bytes - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Zeroed memory for `bytes` bytes, seen as bytes, words and doubles. */
export function wordsOf(bytes: number): Words {
  const buffer = new ArrayBuffer(Math.ceil(bytes / 8) * 8);
  return { u8: new Uint8Array(buffer), i32: new Int32Array(buffer), f64: new Float64Array(buffer) };
}

/** The thread's own name ("main", "worker 3"). */
export function threadName(slot: Words): string {
  return decoder.decode(terminated(slot.u8, T_BYTE_NAME, T_BYTE_NAME_SIZE));
}

function terminated(bytes: Uint8Array, at: number, size: number): Uint8Array {
  const field = bytes.subarray(at, at + size);
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
}
