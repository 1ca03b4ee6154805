/**
 * Task names: interned once, referred to by number. The table is bounded; past the bound a task is called "(other)"
 * and H_LOST_NAMES counts it. Two threads that intern one text in the same instant may both get a slot of their own,
 * so readers add up by text.
 */
import {
  H_LOST_NAMES,
  H_NAMES_USED,
  NAME_OTHER,
  N_BYTE_TEXT_SIZE,
  N_LENGTH,
  N_STATE,
  nameByte,
  nameWord,
} from './layout.ts';
import { type Region, writeName } from './region.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

/** The number of the name, NAME_OTHER (counted as lost) when the table is full. Scans the table: see `Names`. */
export function internName(region: Region, text: string): number {
  const bytes = encodeUtf8(text, N_BYTE_TEXT_SIZE);
  const { i32, layout } = region;
  let scanned = 0;
  for (;;) {
    const used = Atomics.load(i32, H_NAMES_USED);
    for (; scanned < used; scanned++) if (isName(region, scanned, bytes)) return scanned;
    if (used >= layout.names) {
      Atomics.add(i32, H_LOST_NAMES, 1);
      return NAME_OTHER;
    }
    // A failed exchange means that another thread took the slot: progress was made, look at its name too.
    if (Atomics.compareExchange(i32, H_NAMES_USED, used, used + 1) !== used) continue;
    writeName(region, used, bytes);
    return used;
  }
}

/** The text of a name; empty while another thread is still writing it. */
export function nameText(region: Region, name: number): string {
  const at = nameWord(region.layout, name);
  if (Atomics.load(region.i32, at + N_STATE) !== 1) return '';
  const length = Math.min(region.i32[at + N_LENGTH]!, N_BYTE_TEXT_SIZE);
  return decodeUtf8(region.u8, nameByte(region.layout, name), length);
}

/** One thread's memory of the table, so that a known name costs one map look-up. */
export class Names {
  readonly #region: Region;
  readonly #known: Map<string, number> = new Map();
  /** The table was full when last looked at: everything in it is known by now. */
  #full = false;

  constructor(region: Region) {
    this.#region = region;
  }

  /** Like `internName`; an unknown name costs no scan once the table is full. */
  intern(text: string): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#full) {
      Atomics.add(this.#region.i32, H_LOST_NAMES, 1);
      return NAME_OTHER;
    }
    const name = internName(this.#region, text);
    if (name === NAME_OTHER) this.#learnAll();
    else this.#known.set(text, name);
    return name;
  }

  /** Is there such a name that this thread has met? */
  knows(text: string): boolean {
    return this.#known.has(text);
  }

  get hasRoom(): boolean {
    return Atomics.load(this.#region.i32, H_NAMES_USED) < this.#region.layout.names;
  }

  #learnAll(): void {
    const used = Math.min(Atomics.load(this.#region.i32, H_NAMES_USED), this.#region.layout.names);
    if (used < this.#region.layout.names) return;
    for (let name = 0; name < used; name++) this.#known.set(nameText(this.#region, name), name);
    this.#full = true;
  }
}

function isName(region: Region, name: number, bytes: Uint8Array): boolean {
  const { i32, u8, layout } = region;
  const at = nameWord(layout, name);
  if (Atomics.load(i32, at + N_STATE) !== 1 || i32[at + N_LENGTH] !== bytes.length) return false;
  const from = nameByte(layout, name);
  for (let i = 0; i < bytes.length; i++) if (u8[from + i] !== bytes[i]) return false;
  return true;
}
