/**
 * What must hold of a region when nobody is in the middle of anything. Everything is worked out anew from the structures
 * (who points where) and compared with the words that claim it:
 *
 *  - each slot is in exactly one place: a free list, a remote stack, a pending stack, or in use (I2, I4, I18);
 *  - references of contexts, tasks and counters are as many as there are referrers (I1, I7), pins as pending installs;
 *  - a task's context names the task, and a dead task has none (I9, I13);
 *  - a context's chain and its counts agree; leaders lead from within it (I15, I17, I19, I20).
 */
import { CHAINED, LISTED, STATE_DEAD, needsReading, stateOf } from '../core/counter.ts';
import {
  C_COUNT,
  C_FIRST,
  C_LAST,
  C_NEXT,
  C_PARENT,
  C_PINS,
  C_REFS,
  C_STAT,
  C_TASK,
  F_FIRST_CHILD,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_TASKS_USED,
  K_CONTEXT,
  K_NEXT,
  K_PARENT,
  K_REFS,
  K_STATE,
  O_KIND,
  O_TARGET,
  O_TASK,
  R_CONTEXT,
  R_FAMILY,
  R_LEADER,
  R_NEXT,
  R_PACKED,
  R_PARENT,
  R_REFS,
  TASK_EXITED,
  TASK_FREE,
  TASK_LIVE,
  TOMBSTONE,
  T_CONTEXT,
  T_FREE_TASK,
  T_PENDING,
  T_REMOTE_TASK,
  threadWord,
} from '../core/layout.ts';
import { F_CLOSING, K_ORIGIN } from '../core/outside.ts';
import { DO_INSTALL } from '../core/pending.ts';
import type { Region } from '../core/region.ts';
import { claim } from './scenario.ts';

const KINDS = ['task', 'context', 'counter'] as const;
const USED = [H_TASKS_USED, H_CONTEXTS_USED, H_COUNTERS_USED] as const;
const LINKS = [K_NEXT, C_NEXT, R_NEXT] as const;

/** Slots in use, by kind. */
export interface Census {
  readonly live: readonly [number, number, number];
  readonly lost: readonly [number, number, number];
}

/** `mayLose`: so many slots of each kind may be in no place, and references too many, since somebody died. */
export function inspect(region: Region, mayLose: number): Census {
  return new Inspection(region, mayLose).census();
}

class Inspection {
  readonly #region: Region;
  readonly #mayLose: number;
  /** By kind, by slot: where it was seen. */
  readonly #places: string[][] = [[], [], []];
  /** Operations on their way. */
  readonly #operations: number[] = [];

  constructor(region: Region, mayLose: number) {
    this.#region = region;
    this.#mayLose = mayLose;
  }

  census(): Census {
    this.#freeLists();
    this.#operationsOnTheirWay();
    const live = [this.#tasks(), this.#contexts(), this.#counters()] as const;
    const lost = USED.map((word, kind) => this.#lost(kind, this.#region.i32[word]!));
    return { live, lost: [lost[0]!, lost[1]!, lost[2]!] };
  }

  // ---- where slots are ------------------------------------------------------------------------------------------------

  #freeLists(): void {
    const { layout } = this.#region;
    for (let thread = 0; thread < layout.threads; thread++) {
      for (const kind of [0, 1, 2]) {
        const at = threadWord(layout, thread);
        this.#follow(kind, at + T_FREE_TASK + kind, `free list of thread ${thread}`);
        this.#follow(kind, at + T_REMOTE_TASK + kind, `remote stack of thread ${thread}`);
      }
    }
  }

  #operationsOnTheirWay(): void {
    const { layout } = this.#region;
    for (let thread = 0; thread < layout.threads; thread++) {
      const at = threadWord(layout, thread) + T_PENDING;
      this.#operations.push(...this.#follow(2, at, `pending stack of thread ${thread}`));
    }
  }

  #follow(kind: number, head: number, place: string): number[] {
    const { i32 } = this.#region;
    const slots: number[] = [];
    for (let slot = i32[head]!; slot !== 0; slot = i32[this.#at(kind, slot) + LINKS[kind]!]!) {
      claim(slot > 0 && slot <= i32[USED[kind]!]!, `${place}: ${KINDS[kind]} ${slot} does not exist`);
      this.#place(kind, slot, place);
      slots.push(slot);
    }
    return slots;
  }

  #place(kind: number, slot: number, place: string): void {
    const before = this.#places[kind]![slot];
    claim(before === undefined, `${KINDS[kind]} ${slot} is in two places: ${before} and ${place}`);
    this.#places[kind]![slot] = place;
  }

  #lost(kind: number, used: number): number {
    const lost: number[] = [];
    for (let slot = 1; slot <= used; slot++) if (this.#places[kind]![slot] === undefined) lost.push(slot);
    const text = `${KINDS[kind]} ${lost.join(', ')} is in no place: neither free nor in use`;
    claim(lost.length <= this.#mayLose, text);
    return lost.length;
  }

  // ---- what is in use -------------------------------------------------------------------------------------------------

  #tasks(): number {
    const { i32 } = this.#region;
    const used = i32[H_TASKS_USED]!;
    const refs = new Int32Array(used + 1);
    let live = 0;
    for (let task = 1; task <= used; task++) {
      const state = this.#word(0, task, K_STATE);
      if (state === TASK_FREE) continue;
      live++;
      this.#place(0, task, 'tasks in use');
      if (state === TASK_LIVE) refs[task]!++;
      refs[this.#word(0, task, K_PARENT)]!++;
      if (this.#word(0, task, K_STATE) === TASK_LIVE) refs[Math.abs(this.#word(0, task, K_ORIGIN))]!++;
      this.#taskContext(task, state);
    }
    for (const operation of this.#operations) refs[this.#word(2, operation, O_TASK)]!++;
    for (let task = 1; task <= used; task++) {
      if (this.#word(0, task, K_STATE) !== TASK_FREE)
        this.#compare(`task ${task}: references`, this.#word(0, task, K_REFS), refs[task]!);
      else claim(refs[task] === 0, `task ${task} is free, and ${refs[task]} refer to it`);
    }
    return live;
  }

  #taskContext(task: number, state: number): void {
    const context = this.#word(0, task, K_CONTEXT);
    if (state === TASK_EXITED)
      claim(context === TOMBSTONE, `task ${task} has exited and has context ${context}`);
    if (context <= 0) return;
    claim(this.#word(1, context, C_REFS) > 0, `task ${task} has the free context ${context}`);
    const owner = this.#word(1, context, C_TASK);
    claim(owner === task, `context ${context} of task ${task} names task ${owner}`);
  }

  #contexts(): number {
    const used = this.#region.i32[H_CONTEXTS_USED]!;
    const refs = this.#contextReferences(used);
    const pins = new Int32Array(used + 1);
    for (const operation of this.#operations) {
      if (this.#word(2, operation, O_KIND) !== DO_INSTALL) continue;
      pins[this.#word(2, this.#word(2, operation, O_TARGET), R_CONTEXT)]!++;
    }
    let live = 0;
    for (let context = 1; context <= used; context++) {
      const claimed = this.#word(1, context, C_REFS);
      claim(claimed >= 0, `context ${context} has ${claimed} references`);
      this.#compare(`context ${context}: references`, claimed, refs[context]!);
      if (claimed === 0) continue;
      live++;
      this.#place(1, context, 'contexts in use');
      this.#compare(`context ${context}: pins`, this.#word(1, context, C_PINS), pins[context]!);
      this.#chain(context);
    }
    return live;
  }

  /** By context: who refers to it. */
  #contextReferences(used: number): Int32Array {
    const { i32, layout } = this.#region;
    const refs = new Int32Array(used + 1);
    for (let task = 1; task <= i32[H_TASKS_USED]!; task++) {
      const context = this.#word(0, task, K_CONTEXT);
      if (this.#word(0, task, K_STATE) === TASK_LIVE && context > 0) refs[context]!++;
    }
    for (let thread = 0; thread < layout.threads; thread++)
      refs[i32[threadWord(layout, thread) + T_CONTEXT]!]!++;
    for (let counter = 1; counter <= i32[H_COUNTERS_USED]!; counter++) {
      if (this.#isCounter(counter)) refs[this.#word(2, counter, R_CONTEXT)]!++;
    }
    for (let context = 1; context <= used; context++) {
      if (this.#word(1, context, C_REFS) > 0) refs[this.#word(1, context, C_PARENT)]!++;
    }
    return refs;
  }

  #chain(context: number): void {
    let listed = 0;
    let reading = 0;
    let last = 0;
    const seen = new Set<number>();
    for (let c = this.#word(1, context, C_FIRST); c !== 0; c = this.#word(2, c, R_NEXT)) {
      claim(!seen.has(c), `the chain of context ${context} goes round through counter ${c}`);
      seen.add(c);
      const packed = this.#word(2, c, R_PACKED);
      claim((packed & CHAINED) !== 0, `counter ${c} is chained in context ${context} and does not know it`);
      claim(
        this.#word(2, c, R_CONTEXT) === context,
        `counter ${c} is chained in context ${context}, not its own`,
      );
      if ((packed & LISTED) !== 0) listed++;
      if ((packed & LISTED) !== 0 && needsReading(packed)) reading++;
      last = c;
    }
    for (const c of seen) {
      const leader = this.#word(2, c, R_LEADER);
      claim(
        leader === c || seen.has(leader),
        `counter ${c} follows leader ${leader}, which is not in its context`,
      );
      claim(this.#word(2, leader, R_LEADER) === leader, `counter ${c} follows ${leader}, which leads nobody`);
    }
    const count = this.#word(1, context, C_COUNT);
    claim(count === listed, `context ${context} counts ${count} counters, ${listed} are listed`);
    const stat = this.#word(1, context, C_STAT);
    claim(
      stat === reading,
      `context ${context} counts ${stat} counters that need a reading, it has ${reading}`,
    );
    claim(this.#word(1, context, C_LAST) === last, `the last counter of context ${context} is not the last`);
  }

  #counters(): number {
    const used = this.#region.i32[H_COUNTERS_USED]!;
    let live = 0;
    for (let counter = 1; counter <= used; counter++) {
      if (!this.#isCounter(counter)) continue;
      live++;
      this.#place(2, counter, 'counters in use');
      const chained = (this.#word(2, counter, R_PACKED) & CHAINED) !== 0;
      const context = this.#word(2, counter, R_CONTEXT);
      claim(
        !chained || this.#isInChain(context, counter),
        `counter ${counter} is not in its context's chain`,
      );
      if (this.#word(2, counter, R_PARENT) === 0) this.#family(counter);
    }
    return live;
  }

  #family(original: number): void {
    const family = this.#word(2, original, R_FAMILY);
    let children = 0;
    if (family !== 0) {
      this.#place(2, family, `family of counter ${original}`);
      const closing = this.#word(2, family, F_CLOSING);
      if (closing !== 0) this.#place(2, closing, `closing of counter ${original}`);
      let before = 0;
      for (let c = this.#word(2, family, F_FIRST_CHILD); c !== 0; c = this.#word(2, c, R_FAMILY)) {
        claim(this.#isCounter(c), `counter ${c} is a child of ${original} and free`);
        claim(this.#word(2, c, R_PARENT) === original, `counter ${c} is another's child`);
        claim(this.#word(2, c, R_REFS) === before, `counter ${c} does not know the child before it`);
        before = c;
        children++;
      }
    }
    this.#compare(`counter ${original}: references`, this.#word(2, original, R_REFS), 1 + children);
  }

  #isInChain(context: number, counter: number): boolean {
    for (let c = this.#word(1, context, C_FIRST); c !== 0; c = this.#word(2, c, R_NEXT))
      if (c === counter) return true;
    return false;
  }

  #isCounter(slot: number): boolean {
    if (stateOf(this.#word(2, slot, R_PACKED)) === STATE_DEAD || this.#operations.includes(slot))
      return false;
    // Half made by one who died: nobody's, so it is lost.
    return this.#mayLose === 0 || this.#word(2, slot, R_REFS) > 0 || this.#word(2, slot, R_PARENT) !== 0;
  }

  /** The dead may have left references behind; too few are never right. */
  #compare(what: string, is: number, shouldBe: number): void {
    const isRight = is === shouldBe || (is > shouldBe && is <= shouldBe + this.#mayLose);
    claim(isRight, `${what} are ${is}, there should be ${shouldBe}`);
  }

  #at(kind: number, slot: number): number {
    const { taskW, contextW, counterW } = this.#region;
    return [taskW, contextW, counterW][kind]! + slot * 16;
  }

  #word(kind: number, slot: number, word: number): number {
    return this.#region.i32[this.#at(kind, slot) + word]!;
  }
}
