/**
 * How the program's own objects are marked: by a private field that is grafted onto them, or, in a process that taskperf will
 * let go again, in a WeakMap.
 *
 * A private field appears in no key list, no `util.inspect`, no JSON, and reads in a few ns (a WeakMap takes tens, a new entry
 * 170; a symbol property shows in console.log). But it gives the object another hidden class, and compiled code that has met
 * both looks for both ever after. After detaching, a request with ten awaits took 1.064 times as long with fields (middle half
 * of 10 pairs 1.047 to 1.146) and 1.005 times with WeakMaps (0.970 to 1.016; Node 24, `npm run bench -- detach`).
 */
let apart = false;

/** From now on, and for good: objects that have been marked by then are not found again. */
export function markApart(): void {
  apart = true;
}

export function marksApart(): boolean {
  return apart;
}

/** Returns the object it is given, so that a subclass can put its private field on a foreign object. */
export class Itself {
  constructor(target: object) {
    // oxlint-disable-next-line no-constructor-return -- the point of this class
    return target;
  }
}
