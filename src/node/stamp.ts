/** Remembers the task of a request or response object without being seen (marking.ts says how). */
import { Itself, marksApart } from './marking.ts';
import type { Task } from './task.ts';

const apart = new WeakMap<object, Task>();

class Stamp extends Itself {
  #task: Task | null;

  constructor(target: object, task: Task | null) {
    super(target);
    this.#task = task;
  }

  /** Read without asking `#task in target` first: V8 answers that in its runtime once objects of many shapes have come by. */
  static of(target: object): Task | null {
    try {
      return (target as Stamp).#task;
    } catch {
      new Stamp(target, null); // once for an object: throwing takes microseconds
      return null;
    }
  }

  static set(target: object, task: Task | null): void {
    if (#task in target) (target as Stamp).#task = task;
    else new Stamp(target, task);
  }
}

/** Says that what `target` emits is done in the name of `task`, or of nobody. */
export function stamp(target: object, task: Task | null): void {
  if (!marksApart()) Stamp.set(target, task);
  else if (task === null) apart.delete(target);
  else apart.set(target, task);
}

export function taskOf(target: object): Task | null {
  return marksApart() ? (apart.get(target) ?? null) : Stamp.of(target);
}

export function unstamp(target: object): void {
  stamp(target, null);
}
