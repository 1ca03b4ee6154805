/**
 * The events that a run counts, numbered: those with a line of their own keep it, all others get the lines from
 * EVENT_GIVEN_FIRST on in the order in which they were asked for. Every process of the command numbers them the same way.
 */
import { EVENTS, EVENT_GIVEN_FIRST, TASK_CLOCK } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import { TaskperfError } from '../core/errors.ts';
import { EVENT_LINES } from '../core/layout.ts';
import type { EventGroup, EventSource, ResolvedEvent } from '../node/events/event.ts';
import { parseEvents } from '../node/events/parse.ts';

export interface AskedEvents {
  /** task-clock first. */
  readonly events: readonly EventInfo[];
  /** Not a word about them where the machine does not count them: nobody asked by name. */
  readonly optional: ReadonlySet<EventInfo>;
  /** Where the counts of an event come from. */
  readonly sources: ReadonlyMap<EventInfo, EventSource>;
  /** What was asked for by name, as it was grouped. */
  readonly named: readonly EventGroup[];
  /** For TASKPERF_EVENTS: resolves to the same again. */
  readonly text: string;
}

/** What a table shows unless told otherwise. */
export const DEFAULT_EVENTS: readonly string[] = ['task-clock', 'wait', 'gc-time'];
/** Shown, too, where the machine counts them. */
export const DEFAULT_IF_SUPPORTED: readonly string[] = ['cycles', 'instructions'];

const LINES_GIVEN = EVENT_LINES - EVENT_GIVEN_FIRST;

/** @throws TaskperfError ENOENT, EINVAL (a name, the syntax), ENOSPC (too many). */
export function askedEvents(lists: readonly string[] | undefined): AskedEvents {
  const named = (lists ?? [DEFAULT_EVENTS.join(',')]).flatMap((list) => parseEvents(list));
  const silent = lists === undefined ? parseEvents(DEFAULT_IF_SUPPORTED.join(',')) : [];
  const sources = numbered([...named, ...silent].flat());
  const events = [...sources.keys()];
  const names = new Set(silent.flat().map((event) => event.name));
  return {
    events,
    sources,
    optional: new Set(events.filter((event) => names.has(event.name))),
    named: lists === undefined ? [] : named,
    text: ['task-clock', ...(lists ?? [...DEFAULT_EVENTS, ...DEFAULT_IF_SUPPORTED])].join(','),
  };
}

function numbered(resolved: readonly ResolvedEvent[]): Map<EventInfo, EventSource> {
  const taskClock = EVENTS[TASK_CLOCK]!;
  const names = new Set([taskClock.name]);
  const events = new Map<EventInfo, EventSource>([[taskClock, { kind: 'fixed', line: TASK_CLOCK }]]);
  let next = EVENT_GIVEN_FIRST;
  for (const { name, unit, additive, meaning, source } of resolved) {
    if (names.has(name)) continue;
    names.add(name);
    const id = source.kind === 'fixed' ? source.line : next++;
    events.set({ id, name, unit, additive, meaning }, source);
  }
  const given = next - EVENT_GIVEN_FIRST;
  if (given > LINES_GIVEN) {
    const message = `${given} events beside the clocks are more than the ${LINES_GIVEN} that can be counted at once; ask for fewer`;
    throw new TaskperfError('ENOSPC', message, given);
  }
  return events;
}
