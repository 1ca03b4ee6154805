/**
 * A count of everything in the region, by walking every list once: which slots are free, on which chain each counter is,
 * how many references each context and task should have. The checkers compare it with what the slots say themselves.
 */
import {
  C_COUNT,
  C_FIRST,
  C_NEXT,
  C_PARENT,
  C_REFS,
  F_SAMPLE,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_TASKS_USED,
  K_CONTEXT,
  K_NEXT,
  K_PARENT,
  K_STATE,
  O_KIND,
  O_TARGET,
  O_TASK,
  R_CONTEXT,
  R_FAMILY,
  R_NEXT,
  R_PACKED,
  R_PARENT,
  type Region,
  TASK_FREE,
  TASK_LIVE,
  THREAD_LIVE,
  T_CONTEXT,
  T_FREE_TASK,
  T_PENDING,
  T_REMOTE_TASK,
  T_STATE,
  threadWord,
} from '../core/index.ts';
import { LISTED, ON_START, SLOTTED, needsReading } from '../core/counter.ts';
import { F_CLOSING } from '../core/outside.ts';
import { DO_INSTALL } from '../core/pending.ts';
import { KIND_CONTEXT, KIND_COUNTER, KIND_TASK } from '../core/slab.ts';

/** What a counter slot is used for. */
export const USE_FREE = 0;
export const USE_COUNTER = 1;
export const USE_FAMILY = 2;
export const USE_REQUEST = 3;
export const USE_SAMPLE = 4;

export class Census {
  readonly region: Region;
  tasksUsed = 0;
  contextsUsed = 0;
  countersUsed = 0;
  // By handle:
  readonly taskFree: Uint8Array;
  readonly contextFree: Uint8Array;
  readonly counterFree: Uint8Array;
  readonly taskRefs: Int32Array;
  readonly contextRefs: Int32Array;
  readonly contextPins: Int32Array;
  readonly contextChained: Int32Array;
  readonly contextListed: Int32Array;
  readonly contextStat: Int32Array;
  readonly contextSlotted: Int32Array;
  readonly contextLast: Int32Array;
  /** Who points to the context: tasks and threads. */
  readonly contextOwners: Int32Array;
  readonly counterUse: Uint8Array;
  /** On how many chains the counter was met; more than 1 is an error. */
  readonly counterChains: Uint8Array;
  /** Times a slot was met on free lists twice, a walk that did not end, and the like. */
  readonly faults: string[] = [];

  constructor(region: Region) {
    const { tasks, contexts, counters } = region.layout;
    this.region = region;
    this.taskFree = new Uint8Array(tasks + 1);
    this.contextFree = new Uint8Array(contexts + 1);
    this.counterFree = new Uint8Array(counters + 1);
    this.taskRefs = new Int32Array(tasks + 1);
    this.contextRefs = new Int32Array(contexts + 1);
    this.contextPins = new Int32Array(contexts + 1);
    this.contextChained = new Int32Array(contexts + 1);
    this.contextListed = new Int32Array(contexts + 1);
    this.contextStat = new Int32Array(contexts + 1);
    this.contextSlotted = new Int32Array(contexts + 1);
    this.contextLast = new Int32Array(contexts + 1);
    this.contextOwners = new Int32Array(contexts + 1);
    this.counterUse = new Uint8Array(counters + 1);
    this.counterChains = new Uint8Array(counters + 1);
  }

  take(): void {
    const { i32, layout } = this.region;
    this.#clear();
    this.tasksUsed = Math.min(i32[H_TASKS_USED]!, layout.tasks);
    this.contextsUsed = Math.min(i32[H_CONTEXTS_USED]!, layout.contexts);
    this.countersUsed = Math.min(i32[H_COUNTERS_USED]!, layout.counters);
    for (let thread = 0; thread < layout.threads; thread++) this.#visitThread(threadWord(layout, thread));
    for (let task = 1; task <= this.tasksUsed; task++) this.#visitTask(task);
    for (let context = 1; context <= this.contextsUsed; context++) this.#visitContext(context);
    for (let counter = 1; counter <= this.countersUsed; counter++) this.#visitCounter(counter);
  }

  #clear(): void {
    this.faults.length = 0;
    const arrays = [
      this.taskFree,
      this.contextFree,
      this.counterFree,
      this.taskRefs,
      this.contextRefs,
      this.contextPins,
      this.contextChained,
      this.contextListed,
      this.contextStat,
      this.contextSlotted,
      this.contextLast,
      this.contextOwners,
      this.counterUse,
      this.counterChains,
    ];
    for (const array of arrays) array.fill(0);
  }

  #visitThread(at: number): void {
    const { region } = this;
    const { i32 } = region;
    for (const head of [T_FREE_TASK, T_REMOTE_TASK]) {
      this.#visitFree(i32[at + head + KIND_TASK]!, region.taskW + K_NEXT, this.taskFree);
      this.#visitFree(i32[at + head + KIND_CONTEXT]!, region.contextW + C_NEXT, this.contextFree);
      this.#visitFree(i32[at + head + KIND_COUNTER]!, region.counterW + R_NEXT, this.counterFree);
    }
    const context = i32[at + T_CONTEXT]!;
    if (context !== 0 && i32[at + T_STATE] === THREAD_LIVE) {
      this.contextRefs[context]!++;
      this.contextOwners[context]!++;
    }
    this.#visitRequests(i32[at + T_PENDING]!);
  }

  #visitFree(head: number, nextAt: number, free: Uint8Array): void {
    for (let slot = head; slot !== 0; slot = this.region.i32[nextAt + (slot << 4)]!) {
      if (free[slot] !== 0) {
        this.faults.push(`slot ${slot} is on a free list twice`);
        return;
      }
      free[slot] = 1;
    }
  }

  #visitRequests(head: number): void {
    const { i32, counterW } = this.region;
    for (let slot = head; slot !== 0; slot = i32[counterW + (slot << 4) + R_NEXT]!) {
      const at = counterW + (slot << 4);
      this.counterUse[slot] = USE_REQUEST;
      if (i32[at + O_TASK] !== 0) this.taskRefs[i32[at + O_TASK]!]!++;
      if (i32[at + O_KIND] !== DO_INSTALL) continue;
      this.contextPins[i32[counterW + (i32[at + O_TARGET]! << 4) + R_CONTEXT]!]!++;
    }
  }

  #visitTask(task: number): void {
    const { i32, taskW } = this.region;
    const at = taskW + (task << 4);
    const state = i32[at + K_STATE]!;
    if (state === TASK_FREE) return;
    if (state === TASK_LIVE) this.taskRefs[task]!++;
    const parent = i32[at + K_PARENT]!;
    if (parent !== 0) this.taskRefs[parent]!++;
    const context = i32[at + K_CONTEXT]!;
    if (context > 0) {
      this.contextRefs[context]!++;
      this.contextOwners[context]!++;
    }
  }

  #visitContext(context: number): void {
    const { region } = this;
    const { i32 } = region;
    const at = region.contextW + (context << 4);
    if (i32[at + C_REFS]! <= 0 || this.contextFree[context] !== 0) return;
    const parent = i32[at + C_PARENT]!;
    if (parent !== 0) this.contextRefs[parent]!++;
    let left = region.layout.counters;
    for (let c = i32[at + C_FIRST]!; c !== 0; c = i32[region.counterW + (c << 4) + R_NEXT]!) {
      if (left-- === 0) {
        this.faults.push(`the chain of context ${context}, which counts ${i32[at + C_COUNT]}, does not end`);
        return;
      }
      this.#visitChained(context, c);
    }
  }

  #visitChained(context: number, counter: number): void {
    const { i32, counterW } = this.region;
    const packed = i32[counterW + (counter << 4) + R_PACKED]!;
    this.counterChains[counter]!++;
    this.contextChained[context]!++;
    this.contextLast[context] = counter;
    if ((packed & ON_START) !== 0) this.contextPins[context]!++;
    if ((packed & LISTED) === 0) return;
    this.contextListed[context]!++;
    if (needsReading(packed)) this.contextStat[context]!++;
    if ((packed & SLOTTED) !== 0) this.contextSlotted[context]!++;
  }

  #visitCounter(counter: number): void {
    const { i32, counterW } = this.region;
    const at = counterW + (counter << 4);
    if (this.counterFree[counter] !== 0 || this.counterUse[counter] === USE_REQUEST) return;
    if (i32[at + R_PACKED]! < 256) return; // no counter: a family, or lost
    this.counterUse[counter] = USE_COUNTER;
    this.contextRefs[i32[at + R_CONTEXT]!]!++;
    const family = i32[at + R_FAMILY]!;
    if (i32[at + R_PARENT] !== 0 || family === 0) return;
    this.counterUse[family] = USE_FAMILY;
    const sample = i32[counterW + (family << 4) + F_SAMPLE]!;
    if (sample !== 0) this.counterUse[sample] = USE_SAMPLE;
    const closing = i32[counterW + (family << 4) + F_CLOSING]!;
    if (closing !== 0) this.counterUse[closing] = USE_FAMILY;
  }
}
