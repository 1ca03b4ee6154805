/**
 * Remembers the task of a request or response object without being seen: a private field grafted onto the object. It
 * appears in no key list, no `util.inspect`, no JSON, and reads in a few ns (a WeakMap takes tens, a symbol property
 * shows in console.log).
 */
import type { Task } from './task.ts';

class Itself {
  constructor(target: object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is how a private field is put on a foreign object
    return target;
  }
}

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

  static move(target: object, task: Task | null): void {
    (target as Stamp).#task = task;
  }

  static has(target: object): boolean {
    return #task in target;
  }
}

/** Says that what `target` emits is done in the name of `task`, or of nobody. */
export function stamp(target: object, task: Task | null): void {
  if (Stamp.has(target)) Stamp.move(target, task);
  else new Stamp(target, task);
}

export function taskOf(target: object): Task | null {
  return Stamp.of(target);
}

export function unstamp(target: object): void {
  if (Stamp.has(target)) Stamp.move(target, null);
}
