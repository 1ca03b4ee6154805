/**
 * Damages an image: blind (bits, words, blocks, its end) and knowing the layout (a field gets a value that is just
 * possible or just not). What was touched is put back afterwards from the original, which is faster than a copy.
 */
import {
  C_F64_TIME,
  C_FIRST,
  C_TASK,
  CONTEXT_BYTES,
  COUNTER_BYTES,
  E_NAME,
  E_SEQUENCE,
  E_TYPE,
  HEADER_BYTES,
  H_BYTE_EVENTS,
  H_BYTE_MESSAGE,
  H_BYTE_NODE,
  H_NAMES_USED,
  H_OFF,
  K_CONTEXT,
  K_F64_ID,
  K_F64_START,
  K_NAME,
  K_STATE,
  K_THREAD,
  NAME_BYTES,
  NAME_TOTAL_BYTES,
  N_BYTE_TEXT,
  N_LENGTH,
  N_STATE,
  RING_BYTES,
  R_CONTEXT,
  R_F64_COUNT,
  R_F64_ENABLED,
  R_NEXT,
  R_PACKED,
  TASK_BYTES,
  THREAD_BYTES,
  T_BYTE_AREAS,
  T_BYTE_NAME,
  T_CURRENT,
  T_F64_RING_HEAD,
  T_F64_SINCE,
  T_F64_TOTAL,
  T_ID,
  T_ROOT,
  T_SEQ,
  T_STATE,
  T_TID,
} from '#core/index.js';
import type { Prng } from '#sim/prng.js';
import type { Image } from './image.ts';

const WORDS = [0, 1, -1, 2, 3, 4, 7, 8, 15, 16, 17, 63, 64, 65, 255, 4096, 0x7fffffff, -0x80000000, 0x20000];
const DOUBLES = [
  0,
  -0,
  1,
  -1,
  0.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  2 ** 53 - 1,
  1e300,
  5e-324,
  6e9,
];
const BYTES = [0, 1, 0x1b, 0x0a, 0x7f, 0x80, 0x9b, 0xc0, 0xe2, 0xff];
const BLOCK_MAX = 512;
const CHANGES_MAX = 4;

/** Byte offsets of what a tool looks at. */
interface Fields {
  readonly words: readonly number[];
  readonly doubles: readonly number[];
  readonly texts: readonly number[];
}

export class Mutator {
  /** Of the file: smaller where it was cut off. */
  size: number;
  readonly #image: Image;
  readonly #original: Uint8Array;
  readonly #fields: Fields;
  readonly #touched: number[] = [];

  constructor(image: Image) {
    this.#image = image;
    this.#original = image.bytes.slice();
    this.#fields = fieldsOf(image);
    this.size = image.bytes.length;
  }

  /** One to CHANGES_MAX changes; most images have one, which is seldom hidden by another. */
  mutate(prng: Prng): void {
    const changes = prng.chance(1, 2) ? 1 : prng.between(2, CHANGES_MAX);
    for (let i = 0; i < changes; i++) this.#change(prng);
  }

  restore(): void {
    const { bytes } = this.#image;
    for (let i = 0; i < this.#touched.length; i += 2) {
      const from = this.#touched[i]!;
      const to = from + this.#touched[i + 1]!;
      bytes.set(this.#original.subarray(from, to), from);
    }
    this.#touched.length = 0;
    this.size = bytes.length;
  }

  #change(prng: Prng): void {
    const { bytes } = this.#image;
    const { words, doubles, texts } = this.#fields;
    const kind = prng.below(16);
    if (kind < 2) this.#flip(prng, prng.below(bytes.length));
    else if (kind === 2) this.#word(prng, prng.below(bytes.length / 4) * 4);
    else if (kind === 3) this.#double(prng, prng.below(bytes.length / 8) * 8);
    else if (kind < 6) this.#copyBlock(prng);
    else if (kind === 6) this.#cutOrStep(prng);
    else if (kind < 9) bytes[this.#touch(pick(prng, texts) + prng.below(32), 1)] = pick(prng, BYTES);
    else if (kind < 12) this.#double(prng, pick(prng, doubles));
    else if (kind === 12) this.#flip(prng, pick(prng, doubles) + prng.below(8));
    else if (kind === 13) this.#flip(prng, pick(prng, words) + prng.below(4));
    else this.#word(prng, pick(prng, words));
  }

  #flip(prng: Prng, at: number): void {
    this.#image.bytes[this.#touch(at, 1)]! ^= 1 << prng.below(8);
  }

  #word(prng: Prng, at: number): void {
    this.#image.i32[this.#touch(at, 4) / 4] = pick(prng, WORDS);
  }

  #double(prng: Prng, at: number): void {
    this.#image.f64[this.#touch(at, 8) / 8] = pick(prng, DOUBLES);
  }

  /** The file ends earlier, or a word is one more or less: an index just out of its bounds. */
  #cutOrStep(prng: Prng): void {
    if (prng.chance(1, 8)) this.size = prng.below(this.#image.bytes.length);
    else this.#image.i32[this.#touch(pick(prng, this.#fields.words), 4) / 4]! += prng.chance(1, 2) ? 1 : -1;
  }

  #copyBlock(prng: Prng): void {
    const { bytes } = this.#image;
    const length = Math.min(BLOCK_MAX, 8 << prng.below(7));
    const room = bytes.length - length;
    const to = this.#touch(prng.below(room / 8) * 8, length);
    if (prng.chance(1, 4)) bytes.fill(pick(prng, [0, 0xff]), to, to + length);
    else bytes.copyWithin(to, prng.below(room / 8) * 8, length);
  }

  #touch(from: number, length: number): number {
    this.#touched.push(from, length);
    return from;
  }
}

function pick<T>(prng: Prng, from: readonly T[]): T {
  return from[prng.below(from.length)]!;
}

function fieldsOf({ layout }: Image): Fields {
  const words: number[] = [];
  const doubles: number[] = [];
  const texts: number[] = [H_BYTE_NODE, H_BYTE_MESSAGE];
  const every = (at: number, slots: number, bytes: number, visit: (slot: number) => void): void => {
    for (let i = 0; i < slots; i++) visit(at + i * bytes);
  };
  const add = (slot: number, wordsOfSlot: readonly number[], doublesOfSlot: readonly number[]): void => {
    for (const word of wordsOfSlot) words.push(slot + word * 4);
    for (const double of doublesOfSlot) doubles.push(slot + double * 8);
  };
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
  // Twice: the header is small, and everything hangs on it.
  for (let i = 0; i < 2; i++) add(0, range(0, 32), range(20, 25));
  add(0, [H_NAMES_USED, H_OFF], range(51, 54));
  every(H_BYTE_EVENTS, 32, 96, (row) => {
    add(row, range(0, 4), []);
    texts.push(row + 16);
  });
  every(HEADER_BYTES, layout.threads, THREAD_BYTES, (slot) => {
    add(slot, [T_STATE, T_ID, T_TID, T_CURRENT, T_SEQ, T_ROOT], []);
    add(slot, [], [...range(T_F64_RING_HEAD, T_F64_SINCE + 4), ...range(T_F64_TOTAL, T_F64_TOTAL + 200)]);
    add(slot, [], range(T_BYTE_AREAS / 8, T_BYTE_AREAS / 8 + 24));
    texts.push(slot + T_BYTE_NAME);
  });
  every(layout.namesAt, layout.names, NAME_BYTES, (slot) => {
    add(slot, [N_STATE, N_LENGTH], []);
    texts.push(slot + N_BYTE_TEXT);
  });
  every(layout.totalsAt, layout.threads * layout.names, NAME_TOTAL_BYTES, (slot) =>
    add(slot, [], range(0, 8)),
  );
  every(layout.tasksAt, layout.tasks, TASK_BYTES, (slot) =>
    add(slot, [K_STATE, K_CONTEXT, K_NAME, K_THREAD], [K_F64_START, K_F64_ID]),
  );
  every(layout.contextsAt, layout.contexts, CONTEXT_BYTES, (slot) =>
    add(slot, [C_TASK, C_FIRST], [C_F64_TIME]),
  );
  every(layout.countersAt, layout.counters, COUNTER_BYTES, (slot) =>
    add(slot, [R_CONTEXT, R_NEXT, R_PACKED], [R_F64_COUNT, R_F64_ENABLED]),
  );
  every(layout.ringsAt, layout.threads * layout.ring, RING_BYTES, (slot) =>
    add(slot, [E_SEQUENCE, E_TYPE, E_NAME], range(2, 14)),
  );
  return { words, doubles, texts };
}
