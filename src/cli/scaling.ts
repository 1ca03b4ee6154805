/**
 * Multiplexing: more events than the PMU has registers take turns on it, so a count is of a part of the time only. For
 * each group of them the region holds the ns that a task ran while the group was not on the PMU, on a line of its own
 * ("missed"), booked like any event. What the whole time would have brought is value × ran ÷ (ran − missed), as perf
 * computes it from time_enabled and time_running.
 */
import { TASK_CLOCK } from '../core/events.ts';
import type { ProcessFacts } from './process-facts.ts';

/** Line of an event → line of the ns that its group missed. Events that always count are not in it. */
export type Scaling = ReadonlyMap<number, number>;

/** As the processes say; their lines are the same, since the tool has numbered the events. */
export function scalingOf(processes: readonly ProcessFacts[]): Scaling {
  const scaling = new Map<number, number>();
  for (const { events } of processes)
    for (const [line, { missedLine }] of events) if (missedLine !== undefined) scaling.set(line, missedLine);
  return scaling;
}

/** The part of the time that was counted, 0 to 1; 1 for events that never wait. */
export function countedShare(values: Float64Array, event: number, scaling: Scaling): number {
  const line = scaling.get(event);
  if (line === undefined) return 1;
  const [ran, missed] = [values[TASK_CLOCK]!, values[line]!];
  if (missed <= 0) return 1;
  return ran <= missed ? 0 : (ran - missed) / ran;
}

/** The value for the whole time; 0 when nothing of it was counted. */
export function scaledValue(values: Float64Array, event: number, scaling: Scaling): number {
  const share = countedShare(values, event, scaling);
  return share === 0 ? 0 : values[event]! / share;
}

/**
 * The values with those that are to be scaled scaled and rounded, NaN where nothing was counted; the same array when there
 * are none. What is computed from NaN is NaN, so nothing can be made of a count that never had its turn.
 */
export function scaledValues(values: Float64Array, scaling: Scaling): Float64Array {
  if (scaling.size === 0) return values;
  const scaled = values.slice();
  for (const event of scaling.keys()) scaled[event] = shownValue(values, event, scaling);
  return scaled;
}

function shownValue(values: Float64Array, event: number, scaling: Scaling): number {
  if (countedShare(values, event, scaling) === 0) return NaN;
  return Math.round(scaledValue(values, event, scaling));
}
