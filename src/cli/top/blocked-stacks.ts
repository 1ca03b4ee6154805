/**
 * The JavaScript stacks of the threads of one process that are blocked, with --stack: the only thing that `top` asks of a
 * program. Asked between refreshes, because an answer takes some milliseconds.
 */
import { WHO_LOOP, runningOf } from '../../core/blockages.ts';
import { printable } from '../printable.ts';
import type { RegionReader } from '../reader.ts';
import type { Stack, Stacks } from '../stacks.ts';

export interface StackWish {
  readonly stacks: Stacks;
  readonly blockedNs: number;
}

export class BlockedStacks {
  readonly #wish: StackWish;
  readonly #found: Map<number, Stack> = new Map();

  constructor(wish: StackWish) {
    this.#wish = wish;
  }

  ask(reader: RegionReader): void {
    const nowNs = Number(process.hrtime.bigint());
    for (let index = 0; index < reader.threadsUsed; index++) {
      const slot = reader.thread(index);
      const running = slot && runningOf(slot);
      const isBlocked =
        running !== undefined && running.kind !== WHO_LOOP && nowNs - running.beginNs >= this.#wish.blockedNs;
      if (isBlocked) this.#found.set(index, this.#wish.stacks.of(reader, index, slot!, running));
      else this.#found.delete(index);
    }
  }

  /** Lines for people, innermost frame first; empty for a thread that is not blocked. */
  linesOf(index: number): string[] {
    const stack = this.#found.get(index);
    if (stack === undefined) return [];
    const { frames, cut, missing } = stack;
    if (frames.length === 0) return missing === undefined ? [] : [`no stack: ${missing}`];
    return [...frames.map((frame) => `at ${printable(frame)}`), ...(cut > 0 ? [`… ${cut} more`] : [])];
  }
}
