/**
 * What counters mean, said as plainly as possible: a counter is a sum, kept up by whoever makes time pass. Maps and
 * loops over everything; nothing here is fast, and nothing is shared with the core.
 */
import { CPU_CLOCK, FORKS, LATE, TASK_CLOCK, TASK_SWITCHES, WALL } from '#core/index.js';

export interface ModelCounter {
  readonly event: number;
  readonly inherit: boolean;
  /** The task it was opened on; undefined: on the thread. */
  readonly task: number | undefined;
  leader: ModelCounter;
  value: number;
  enabled: number;
  /** Per living task that it counts: is it switched on? The thread is task 0. */
  readonly on: Map<number, boolean>;
  /** Tasks at whose start it is switched on. */
  readonly starts: Set<number>;
}

export class Model {
  /** Living tasks and their parents. */
  readonly parents: Map<number, number> = new Map();
  readonly counters: Set<ModelCounter> = new Set();
  running: number | undefined;
  /** While late work runs: who it is charged to. */
  lateFor: number | undefined;
  readonly root: number;

  constructor(root: number) {
    this.root = root;
    this.parents.set(root, 0);
    this.running = root;
  }

  advance(ns: number): void {
    for (const counter of this.counters) {
      for (const task of counter.on.keys()) {
        if (!this.counts(counter, task)) continue;
        const runs = task === 0 || task === this.running;
        if (runs) counter.enabled += ns;
        if (runs ? this.#isTime(counter.event) : counter.event === WALL) counter.value += ns;
        if (counter.event === LATE && this.#isLateFor(task)) counter.value += ns;
      }
    }
  }

  #isTime(event: number): boolean {
    return event === TASK_CLOCK || event === CPU_CLOCK || event === WALL;
  }

  #isLateFor(task: number): boolean {
    return this.lateFor !== undefined && (task === 0 || task === this.lateFor);
  }

  sleep(ns: number): void {
    for (const counter of this.counters) {
      if (counter.event !== WALL) continue;
      for (const task of counter.on.keys()) if (this.counts(counter, task)) counter.value += ns;
    }
  }

  switchTo(task: number): void {
    if (task === this.running) return;
    this.running = task;
    this.lateFor = undefined;
    for (const counter of this.counters) if (counter.starts.delete(task)) counter.on.set(task, true);
    this.#addTo(TASK_SWITCHES, task);
  }

  fork(parent: number, child: number): void {
    this.parents.set(child, parent);
    this.#addTo(FORKS, parent);
    for (const counter of this.counters) {
      const state = counter.on.get(parent);
      if (counter.inherit && state !== undefined) counter.on.set(child, state);
      if (counter.inherit && counter.starts.has(parent)) counter.starts.add(child);
    }
  }

  exit(task: number): void {
    const parent = this.parents.get(task)!;
    this.parents.delete(task);
    for (const [child, from] of this.parents) if (from === task) this.parents.set(child, parent);
    for (const counter of this.counters) for (const by of [counter.on, counter.starts]) by.delete(task);
    if (this.running === task || this.lateFor === task) {
      this.running = undefined;
      this.lateFor = parent;
    }
  }

  open(
    task: number | undefined,
    event: number,
    options: { inherit: boolean; disabled: boolean; enableOnStart?: boolean },
  ): ModelCounter {
    const waits = options.enableOnStart === true && task !== undefined;
    const on = new Map([[task ?? 0, !options.disabled && !waits]]);
    const starts = new Set(waits ? [task] : []);
    const counter = {
      event,
      inherit: options.inherit,
      task,
      value: 0,
      enabled: 0,
      on,
      starts,
    } as unknown as ModelCounter;
    counter.leader = counter;
    this.counters.add(counter);
    return counter;
  }

  close(counter: ModelCounter): void {
    this.counters.delete(counter);
    for (const other of this.counters) if (other.leader === counter) other.leader = other;
  }

  /** All members of a group, or the counter alone. */
  members(counter: ModelCounter, group: boolean): ModelCounter[] {
    if (!group) return [counter];
    return [...this.counters].filter((other) => other.leader === counter.leader);
  }

  setOn(counter: ModelCounter, on: boolean): void {
    for (const task of counter.on.keys()) counter.on.set(task, on);
    counter.starts.clear();
  }

  /** prctl: the leaders on this task. */
  setTask(task: number, on: boolean): void {
    for (const counter of this.counters) {
      if (counter.leader !== counter || !counter.on.has(task)) continue;
      counter.on.set(task, on);
      counter.starts.delete(task);
    }
  }

  counts(counter: ModelCounter, task: number): boolean {
    // A leader that counts less of the family than its sibling was closed for those tasks: then it gates nothing.
    return counter.on.get(task) === true && (counter.leader.on.get(task) ?? true);
  }

  #addTo(event: number, task: number): void {
    for (const counter of this.counters) {
      if (counter.event !== event) continue;
      for (const counted of [0, task]) if (this.counts(counter, counted)) counter.value += 1;
    }
  }
}
