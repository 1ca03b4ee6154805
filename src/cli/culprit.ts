/** Who blocked a thread, in words: of a section that is over, and of one that goes on. */
import { WHO_LATE, WHO_LOOP, WHO_NOBODY, WHO_TASK } from '../core/blockages.ts';
import type { Who } from '../core/blockages.ts';
import { threadName } from './reader.ts';
import type { RegionReader, Words } from './reader.ts';

export const LOOP: string = '(event loop)';
export const NOBODY: string = '(no task)';
const SEVERAL = '(many short ones)';

/** Whose it was, for people and for programs. */
export interface Culprit {
  /** A task's name, or what is in parentheses: (no task), (event loop), (many short ones). */
  readonly name: string;
  /** Undefined: not a task, or one that had ended (`isLate`). */
  readonly id: number | undefined;
  readonly isLate: boolean;
}

/** "GET /report #8123", "GET /report (late)", "(no task)". */
export function culpritText({ name, id, isLate }: Culprit): string {
  if (isLate) return `${name} (late)`;
  return id === undefined ? name : `${name} #${id}`;
}

export function culpritOf({ kind, id, name }: Who, reader: RegionReader, slot: Words): Culprit {
  if (kind === WHO_TASK || kind === WHO_LATE) {
    const text = reader.name(name!);
    // The thread's own task: what of its code is told apart is nobody's.
    if (text === threadName(slot)) return { name: NOBODY, id: undefined, isLate: false };
    return { name: text, id, isLate: kind === WHO_LATE };
  }
  const text = kind === WHO_LOOP ? LOOP : kind === WHO_NOBODY ? NOBODY : SEVERAL;
  return { name: text, id: undefined, isLate: false };
}
