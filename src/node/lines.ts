/** On which line of the region a thread counts an event, and from when on. */
import { EVENT_FAILED, V_FLAGS, eventRowWord } from '../core/index.ts';
import type { ResolvedEvent } from './events/event.ts';
import { refusalOf } from './refusal.ts';
import type { Thread } from './thread.ts';

/** The line on which the event is counted, from now on if it was not. @throws TaskperfError why it cannot be. */
export function requireLine(thread: Thread, event: ResolvedEvent): number {
  if (!thread.isOff) thread.sources.open([[event]]);
  const { line, errno } = thread.lineOf(event);
  if (errno !== 0) throw refusalOf(event.name, errno);
  return line;
}

/** The event's line, for a counter on another thread. @throws TaskperfError when this thread could not count it. */
export function lineForOthers(thread: Thread, event: ResolvedEvent): number {
  const known = thread.lineOf(event);
  if (known.errno === 0) return known.line;
  const { line, errno } = thread.sources.offer(event);
  if (errno !== 0) throw refusalOf(event.name, errno);
  return line;
}

/** Counts events of the kernel as one group from now on. @throws TaskperfError why they cannot be. */
export function countTogether(thread: Thread, events: readonly ResolvedEvent[]): void {
  if (thread.isOff) return;
  const culprit = thread.sources.open([events]);
  if (culprit !== null) throw refusalOf(culprit.name, thread.lineOf(culprit).errno);
}

/** The kernel has stopped counting the event of this line: its values stand still. */
export function hasFailed(thread: Thread, line: number): boolean {
  return (thread.words[eventRowWord(line) + V_FLAGS]! & EVENT_FAILED) !== 0;
}
