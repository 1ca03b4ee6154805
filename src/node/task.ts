/**
 * One flow of asynchronous execution on this thread, as the async context carries it: the only JavaScript object that
 * counting needs per task. Counts live in the region, under `slot`.
 */
export class Task {
  /** Slot in the region + 1; meaningless once ended. */
  readonly slot: number;
  parent: Task | null;
  /** Interned name: late work is charged in this name after the slot is gone. */
  name: number;
  ended = false;
  /** The async context frame that carries this task, and the frame it was derived from (FrameCarrier). */
  frame: object | null = null;
  base: unknown = undefined;

  constructor(slot: number, parent: Task | null, name: number) {
    this.slot = slot;
    this.parent = parent;
    this.name = name;
  }
}

/** Whoever stands in for an ended task: its nearest living ancestor. Dead ones on the way are let go. */
export function livingAncestor(task: Task): Task {
  let ancestor = task;
  while (ancestor.ended && ancestor.parent !== null) {
    const { parent } = ancestor;
    if (parent.ended && parent.parent !== null) ancestor.parent = parent.parent;
    ancestor = ancestor.parent;
  }
  return ancestor;
}
