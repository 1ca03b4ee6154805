// Where every slot of a region is while nobody is in the middle of anything: on somebody's free list, on its way as a
// request, in use, or nowhere. Who is terminated with a slot in its hands leaves it nowhere, or in use for ever.
import { STATE_DEAD, stateOf } from '#core/counter.js';
import {
  C_NEXT,
  C_REFS,
  F_SAMPLE,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_TASKS_USED,
  K_NEXT,
  K_STATE,
  R_FAMILY,
  R_NEXT,
  R_PACKED,
  R_PARENT,
  TASK_FREE,
  T_FREE_TASK,
  T_OUTBOX,
  T_PENDING,
  T_REMOTE_TASK,
  T_TAKEN,
  threadWord,
} from '#core/index.js';

const KINDS = [
  { name: 'tasks', usedAt: H_TASKS_USED, next: K_NEXT },
  { name: 'contexts', usedAt: H_CONTEXTS_USED, next: C_NEXT },
  { name: 'counters', usedAt: H_COUNTERS_USED, next: R_NEXT },
];
const [TASK, CONTEXT, COUNTER] = [0, 1, 2];

/** By kind: how many slots were ever used, and how many of them are free, on their way, in use and nowhere. */
export function slotsOf(region) {
  return Object.fromEntries(KINDS.map(({ name }, kind) => [name, new Places(region, kind).count()]));
}

class Places {
  #region;
  #kind;
  #base;
  #places = new Map();

  constructor(region, kind) {
    this.#region = region;
    this.#kind = kind;
    this.#base = [region.taskW, region.contextW, region.counterW][kind];
  }

  count() {
    const { i32, layout } = this.#region;
    const used = i32[KINDS[this.#kind].usedAt];
    for (let thread = 0; thread < layout.threads; thread++) {
      const at = threadWord(layout, thread);
      this.#follow(at + T_FREE_TASK + this.#kind, 'free');
      this.#follow(at + T_REMOTE_TASK + this.#kind, 'free');
      if (this.#kind !== COUNTER) continue;
      for (const word of [T_PENDING, T_TAKEN, T_OUTBOX]) this.#follow(at + word, 'onTheirWay');
    }
    for (let slot = 1; slot <= used; slot++) for (const part of this.#inUse(slot)) this.#put(part, 'inUse');
    const count = { used, free: 0, onTheirWay: 0, inUse: 0, nowhere: used - this.#places.size };
    for (const place of this.#places.values()) count[place]++;
    return count;
  }

  /** The slot, if it is in use, and those that belong to it. */
  #inUse(slot) {
    if (this.#kind === TASK) return this.#word(slot, K_STATE) === TASK_FREE ? [] : [slot];
    if (this.#kind === CONTEXT) return this.#word(slot, C_REFS) === 0 ? [] : [slot];
    if (stateOf(this.#word(slot, R_PACKED)) === STATE_DEAD) return [];
    const family = this.#word(slot, R_PARENT) === 0 ? this.#word(slot, R_FAMILY) : 0;
    const sample = family === 0 ? 0 : this.#word(family, F_SAMPLE);
    return [slot, family, sample].filter((part) => part !== 0);
  }

  #follow(head, place) {
    const { next } = KINDS[this.#kind];
    for (let slot = this.#region.i32[head]; slot !== 0; slot = this.#word(slot, next)) this.#put(slot, place);
  }

  #put(slot, place) {
    const before = this.#places.get(slot);
    if (before !== undefined)
      throw new Error(`${KINDS[this.#kind].name}: slot ${slot} is ${before} and ${place}`);
    this.#places.set(slot, place);
  }

  #word(slot, word) {
    return this.#region.i32[this.#base + slot * 16 + word];
  }
}
