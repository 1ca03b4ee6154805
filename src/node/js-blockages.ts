/**
 * What native/blockage.c does, without the addon: slices and long sections, from JavaScript's clock. CPU time and garbage
 * collection within a section are not known here. Nor is a section that still goes on: the region's file is a copy, which
 * the same loop makes.
 */
import {
  BLOCKAGES_HEADER_BYTES,
  BLOCKAGE_BYTES,
  BLOCKAGE_RECORDS,
  B_F64_FROM,
  B_HEADER_BYTES,
  B_SLICES,
  B_WATCH,
  H_BLOCKED_MS,
  L_BLOCKAGE,
  L_F64_BEGIN,
  L_F64_END,
  L_F64_ID,
  L_KIND,
  L_NAME,
  L_WAITED,
  NATIVE_WOKE,
  Q_F64_BEGIN,
  Q_F64_COUNT,
  Q_F64_CPU,
  Q_F64_GC,
  Q_F64_ID,
  Q_F64_NEWEST_BEGIN,
  Q_F64_NEWEST_WALL,
  Q_F64_NS,
  Q_F64_SLICE,
  Q_F64_WALL,
  Q_KIND,
  Q_NAME,
  Q_WAITED,
  SLICE_BYTES,
  SLICE_MIN_NS,
  SLICE_RECORDS,
  T_BYTE_BEHIND,
  T_BYTE_BLOCKAGES,
  T_F64_NATIVE,
  WHO_LATE,
  WHO_SEVERAL,
  WHO_TASK,
  newestSwitch,
} from '../core/index.ts';
import type { Region } from '../core/index.ts';

const UNKNOWN = -1;

interface Slice {
  readonly id: number;
  readonly name: number;
  readonly kind: number;
  readonly ns: number;
  readonly waited: number;
}

export class JsBlockages {
  readonly #limit: Int32Array;
  /** The thread's slot. */
  readonly #i32: Int32Array;
  readonly #f64: Float64Array;
  readonly #slot: { i32: Int32Array; f64: Float64Array; u8: Uint8Array };
  /** Double index of the longest slice of this section, 0: none, or it is in #kept. */
  #longest = 0;
  /** The longest, once newer ones have taken its record. */
  #kept: Slice | undefined;

  /** @param slot double index of the thread's slot. */
  constructor(region: Region, slot: number) {
    this.#limit = region.i32;
    this.#i32 = region.i32.subarray(slot * 2);
    this.#f64 = region.f64.subarray(slot);
    this.#slot = { i32: this.#i32, f64: this.#f64, u8: region.u8.subarray(slot * 8) };
  }

  begin(): void {
    this.#longest = 0;
    this.#kept = undefined;
  }

  /** The running task has had the thread since `begin`. */
  slice(begin: number, end: number): void {
    if (end - begin < SLICE_MIN_NS) return;
    const at = this.#recordOf(begin);
    const who = newestSwitch(this.#slot);
    this.#f64[at + L_F64_END] = end;
    this.#f64[at + L_F64_ID] = who?.id ?? UNKNOWN;
    this.#i32[at * 2 + L_NAME] = who?.name ?? 0;
    this.#i32[at * 2 + L_KIND] = who?.id === undefined ? WHO_LATE : WHO_TASK;
    const longest = this.#longestSlice();
    if (longest === undefined || this.#lengthAt(at) > longest.ns) {
      this.#longest = at;
      this.#kept = undefined;
    }
    this.#watch();
  }

  /** The newest slice, if it began then, else a new one. */
  #recordOf(begin: number): number {
    const count = T_BYTE_BEHIND / 4 + B_SLICES;
    const newest = this.#sliceAt(this.#i32[count]! - 1);
    if (this.#i32[count] !== 0 && this.#f64[newest + L_F64_BEGIN] === begin) return newest;
    const fresh = this.#sliceAt(this.#i32[count]!++);
    if (this.#longest === fresh) {
      this.#kept = this.#sliceIn(fresh);
      this.#longest = 0;
    }
    this.#f64[fresh + L_F64_BEGIN] = begin;
    this.#i32[fresh * 2 + L_BLOCKAGE] = 0;
    this.#i32[fresh * 2 + L_WAITED] = 0;
    return fresh;
  }

  #watch(): void {
    const at = T_BYTE_BEHIND / 8;
    if (this.#i32[at * 2 + B_WATCH] === 0)
      this.#f64[at + B_F64_FROM] = this.#f64[T_F64_NATIVE + NATIVE_WOKE]!;
    this.#i32[at * 2 + B_WATCH] = 1;
  }

  /** The loop has slept: nobody waits any more for what is past. */
  slept(): void {
    this.#i32[T_BYTE_BEHIND / 4 + B_WATCH] = 0;
  }

  /** The section is over. */
  end(begin: number, end: number): void {
    const limitMs = this.#limit[H_BLOCKED_MS]!;
    if (limitMs <= 0 || end - begin < limitMs * 1e6) return;
    const header = T_BYTE_BLOCKAGES / 8;
    this.#f64[header + Q_F64_COUNT]! += 1;
    this.#f64[header + Q_F64_NS]! += end - begin;
    this.#f64[header + Q_F64_NEWEST_BEGIN] = begin;
    this.#f64[header + Q_F64_NEWEST_WALL] = end - begin;
    this.#writeWho(header);
    const record = this.#recordFor(end - begin);
    if (record !== undefined) this.#write(record, begin, end);
  }

  #write(record: number, begin: number, end: number): void {
    const i32 = this.#i32;
    const f64 = this.#f64;
    for (let n = 0; n < SLICE_RECORDS; n++) {
      const reference = this.#sliceAt(n) * 2 + L_BLOCKAGE;
      if (i32[reference] === record + 1) i32[reference] = 0;
    }
    // Who comes now looks at the slices in the region: of a section whose longest is there no more, at its last.
    const slice =
      this.#kept === undefined ? this.#longest : this.#sliceAt(i32[T_BYTE_BEHIND / 4 + B_SLICES]! - 1);
    if (slice !== 0) i32[slice * 2 + L_BLOCKAGE] = record + 1;
    const at = recordAt(record);
    f64[at + Q_F64_BEGIN] = begin;
    f64[at + Q_F64_WALL] = end - begin;
    f64[at + Q_F64_CPU] = UNKNOWN;
    f64[at + Q_F64_GC] = UNKNOWN;
    i32[at * 2 + Q_WAITED] = this.#longestSlice()?.waited ?? 0;
    this.#writeWho(at);
  }

  /** Into a record, or the header. */
  #writeWho(at: number): void {
    const slice = this.#longestSlice();
    this.#f64[at + Q_F64_ID] = slice?.id ?? UNKNOWN;
    this.#f64[at + Q_F64_SLICE] = slice?.ns ?? 0;
    this.#i32[at * 2 + Q_NAME] = slice?.name ?? 0;
    this.#i32[at * 2 + Q_KIND] = slice?.kind ?? WHO_SEVERAL;
  }

  #longestSlice(): Slice | undefined {
    return this.#longest === 0 ? this.#kept : this.#sliceIn(this.#longest);
  }

  #sliceIn(at: number): Slice {
    return {
      id: this.#f64[at + L_F64_ID]!,
      name: this.#i32[at * 2 + L_NAME]!,
      kind: this.#i32[at * 2 + L_KIND]!,
      ns: this.#lengthAt(at),
      waited: this.#i32[at * 2 + L_WAITED]!,
    };
  }

  /** A free record, or the shortest's if that is shorter. */
  #recordFor(wall: number): number | undefined {
    let shortest = 0;
    for (let record = 0; record < BLOCKAGE_RECORDS; record++) {
      if (this.#i32[recordAt(record) * 2 + Q_KIND] === 0) return record;
      if (this.#wallAt(record) < this.#wallAt(shortest)) shortest = record;
    }
    return this.#wallAt(shortest) < wall ? shortest : undefined;
  }

  #wallAt(record: number): number {
    return this.#f64[recordAt(record) + Q_F64_WALL]!;
  }

  #sliceAt(n: number): number {
    return (T_BYTE_BEHIND + B_HEADER_BYTES + (n & (SLICE_RECORDS - 1)) * SLICE_BYTES) / 8;
  }

  #lengthAt(slice: number): number {
    return this.#f64[slice + L_F64_END]! - this.#f64[slice + L_F64_BEGIN]!;
  }
}

function recordAt(record: number): number {
  return (T_BYTE_BLOCKAGES + BLOCKAGES_HEADER_BYTES + record * BLOCKAGE_BYTES) / 8;
}
