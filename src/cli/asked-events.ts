/**
 * The events that a run counts, numbered: those with a line of their own keep it, all others get the lines from
 * EVENT_GIVEN_FIRST on in the order in which they were asked for. Every process of the command numbers them the same way.
 */
import { EVENTS, EVENT_GIVEN_FIRST, TASK_CLOCK } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import { TaskperfError } from '../core/errors.ts';
import { EVENT_LINES } from '../core/layout.ts';
import { detailEvents } from '../node/events/catalogue.ts';
import type { EventGroup, EventSource, ResolvedEvent } from '../node/events/event.ts';
import { parseEvents, systemPmus } from '../node/events/parse.ts';
import type { Pmus } from '../node/events/parse.ts';
import { eventsFor } from './metrics.ts';
import type { MetricGroup } from './metrics.ts';

export interface AskedEvents {
  /** task-clock first. */
  readonly events: readonly EventInfo[];
  /** Not a word about them where the machine does not count them: nobody asked by name. */
  readonly optional: ReadonlySet<EventInfo>;
  /** Where the counts of an event come from. */
  readonly sources: ReadonlyMap<EventInfo, EventSource>;
  /** Counted for the metrics that were asked for, without a column of their own. */
  readonly hidden: ReadonlySet<EventInfo>;
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

/** What the command line asks for. */
export interface Wanted {
  /** Of each -e; undefined: what is counted by default. */
  readonly lists: readonly string[] | undefined;
  /** How often -d was given. */
  readonly detail: number;
  readonly metricGroups: readonly MetricGroup[];
}

/** @throws TaskperfError ENOENT, EINVAL (a name, the syntax), ENOSPC (too many). */
export function askedEvents({ lists, detail, metricGroups }: Wanted, pmus: Pmus = systemPmus): AskedEvents {
  const named = (lists ?? []).flatMap((list) => parseEvents(list, pmus));
  const optional = lists === undefined ? DEFAULT_IF_SUPPORTED : [];
  const [more, derived] = [detailEvents(detail), eventsFor(metricGroups)];
  const text = ['task-clock', ...(lists ?? DEFAULT_EVENTS), ...more, ...optional, ...derived].join(',');
  // Numbered as the processes will, which see this text only.
  const sources = numbered(parseEvents(text, pmus).flat());
  const events = [...sources.keys()];
  // Of the default ones, those that a metric tells better have no column.
  const byName = new Set([...named.flat().map(({ name }) => name), ...namesOf(more, pmus)]);
  const [ifSupported, forMetrics] = [namesOf(optional, pmus), namesOf(derived, pmus)];
  return {
    events,
    sources,
    optional: new Set(events.filter(({ name }) => ifSupported.has(name) && !forMetrics.has(name))),
    hidden: new Set(events.filter(({ name }) => forMetrics.has(name) && !byName.has(name))),
    named,
    text,
  };
}

/** As they are shown: where there are several kinds of core, `cycles` is one event for each. */
function namesOf(asked: readonly string[], pmus: Pmus): Set<string> {
  return new Set(asked.flatMap((name) => parseEvents(name, pmus).flat()).map(({ name }) => name));
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
  // One line at least is needed for the time that hardware events are not on the PMU.
  const room = LINES_GIVEN - 1;
  if (given > room) {
    const isByCore = resolved.some(({ source }) => source.kind === 'perf' && source.coreType !== null);
    const byCore = isByCore ? ' (each kind of core counts separately)' : '';
    const message = `${given} events beside the clocks are more than the ${room} that can be counted at once${byCore}; ask for fewer`;
    throw new TaskperfError('ENOSPC', message, given);
  }
  return events;
}
