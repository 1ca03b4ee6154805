/**
 * Takes the exit events out of one thread's ring: bulk reads into one reused buffer, no object per event. The writer
 * never waits for us, so an event may be overwritten before or while we copy it: such events are counted as lost and
 * never handed on. Nor is what is impossible: that is noted as damage.
 */
import {
  E_F64_ID,
  E_F64_VALUES,
  E_NAME,
  E_SEQUENCE,
  E_TYPE,
  RING_BYTES,
  RING_EXIT,
  T_F64_RING_HEAD,
  THREAD_BYTES,
} from '../core/layout.ts';
import { wordsOf } from './reader.ts';
import type { RegionReader, Words } from './reader.ts';

/** Receives one event: its slot begins at word `word` of `words.i32` and at double `word / 2` of `words.f64`. */
export interface ExitSink {
  exit(words: Words, word: number): void;
}

/** Where a task that has ended was: what we call its process, and the number of its thread. */
export interface ExitPlace {
  /** Which region; a process may have several. */
  readonly region: string;
  readonly pid: number;
  readonly thread: number;
  readonly nameOf: (index: number) => string;
}

/** Gets a slot of a ring, at word `word`; its words are those of the next one soon. */
export type OnExit = (words: Words, word: number, place: ExitPlace) => void;

/** Slots copied by one read: 768 KiB, small enough to stay in a cache. */
const CHUNK_SLOTS = 4096;
const SLOT_WORDS = RING_BYTES / 4;
const SLOT_F64 = RING_BYTES / 8;
const SEQUENCE_MASK = 0x7fffffff;

let chunk: Words | undefined;

export class RingReader {
  /** Events overwritten before they could be read. */
  lost = 0;
  /** Number of the next event to read. */
  #next = 0;
  readonly #reader: RegionReader;
  readonly #thread: number;
  readonly #head: Words = wordsOf(8);
  /** The last head: it only grows. */
  #seen = 0;

  constructor(reader: RegionReader, thread: number) {
    this.#reader = reader;
    this.#thread = thread;
  }

  /** Hands every event written since the last call to the sink; returns how many slots it had to look at. */
  drain(sink: ExitSink): number {
    const ring = this.#reader.layout.ring;
    const head = this.#readHead();
    this.#skipTo(head - ring);
    const first = this.#next;
    while (this.#next < head) {
      const slot = this.#next % ring;
      const count = Math.min(head - this.#next, ring - slot, CHUNK_SLOTS);
      this.#take(slot, count, sink);
    }
    return this.#next - first;
  }

  #take(slot: number, count: number, sink: ExitSink): void {
    chunk ??= wordsOf(CHUNK_SLOTS * RING_BYTES);
    const { layout } = this.#reader;
    const at = layout.ringsAt + this.#thread * layout.ringBytes + slot * RING_BYTES;
    this.#reader.readInto(chunk.u8, at, count * RING_BYTES);
    const oldest = this.#readHead() - layout.ring;
    // Event `head` takes the slot of event `head - ring`: that one is whole only if its number is still there.
    const gone = this.#stillThere(oldest) ? oldest - 1 : oldest;
    for (let i = 0; i < count; i++, this.#next++) {
      const word = i * SLOT_WORDS;
      const intact =
        this.#next > gone &&
        chunk.i32[word + E_SEQUENCE] === ((this.#next + 1) & SEQUENCE_MASK) &&
        chunk.i32[word + E_TYPE] === RING_EXIT;
      if (intact && this.#isPossible(chunk, word)) sink.exit(chunk, word);
      else this.lost++;
    }
  }

  /** What is in no word of it as the core writes it; amounts that are none are 0 from now on. */
  #isPossible({ i32, f64 }: Words, word: number): boolean {
    const { damage, layout } = this.#reader;
    const name = i32[word + E_NAME]!;
    if (name < 0 || name >= layout.names) {
      damage.note('a name is out of range');
      return false;
    }
    const at = word / 2;
    damage.amounts(f64, at + E_F64_ID, at + E_F64_VALUES - 1, 'what an ended task says of itself');
    damage.amounts(f64, at + E_F64_VALUES, at + SLOT_F64, 'a value of an ended task');
    return true;
  }

  #stillThere(event: number): boolean {
    const { layout } = this.#reader;
    if (event < 0) return true;
    const at = layout.ringsAt + this.#thread * layout.ringBytes + (event % layout.ring) * RING_BYTES;
    this.#reader.readInto(this.#head.u8, at + E_SEQUENCE * 4, 4);
    return this.#head.i32[0] === ((event + 1) & SEQUENCE_MASK);
  }

  #skipTo(oldest: number): void {
    if (oldest <= this.#next) return;
    this.lost += oldest - this.#next;
    this.#next = oldest;
  }

  #readHead(): number {
    const at = this.#reader.layout.threadsAt + this.#thread * THREAD_BYTES + T_F64_RING_HEAD * 8;
    this.#reader.readInto(this.#head.u8, at, 8);
    const head = this.#head.f64[0]!;
    if (Number.isSafeInteger(head) && head >= this.#seen) return (this.#seen = head);
    this.#reader.damage.note('the head of a ring went back, or is no number');
    return this.#seen;
  }
}
