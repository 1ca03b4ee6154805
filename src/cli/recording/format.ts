/**
 * What a recording is: lines of JSON, one object each (schema `taskperf.record/1`, docs/record.md).
 *
 *     {"schema":"taskperf.record/1", …}   what is counted, and of what
 *     {"process": …}                      what a Node.js process says of itself, before its first task and when that changes
 *     {"scaled": …}                       where events take turns on the PMU: event → the counter of the ns that it was not
 *     {"task": …}                         each task that has ended, in the order in which they were read
 *     {"end": …}                          all that the tasks do not tell (end.ts); missing where the tool was killed
 *
 * Times are ns of CLOCK_MONOTONIC since the recording began; counters are by name, those that are missing are 0.
 */
import * as v from 'valibot';
import type { EventInfo } from '../../core/events.ts';
import { EVENT_LINES } from '../../core/layout.ts';
import { METRIC_GROUPS } from '../metrics.ts';
import type { MetricGroup } from '../metrics.ts';
import { LineError } from './lines.ts';
import type { Counters, Lines } from './lines.ts';
import type { Scaling } from '../scaling.ts';

export const SCHEMA = 'taskperf.record/1';
/** What a recording of any version begins with. */
export const SCHEMA_START = '{"schema":"taskperf.record/';

export interface Header {
  readonly schema: typeof SCHEMA;
  /** The version of taskperf. */
  readonly taskperf: string;
  readonly command: readonly string[];
  /** Of the command, or of the process that was attached to. */
  readonly pid: number;
  /** Time of day, ISO 8601. */
  readonly startedAt: string;
  readonly events: readonly EventInfo[];
  /** Names of those that are counted for metrics, without a column of their own. */
  readonly hidden: readonly string[];
  /** Names of those that nobody asked for by name: where they are not counted, not a word about them. */
  readonly optional: readonly string[];
  /** They were asked for by name. */
  readonly explicitEvents: boolean;
  readonly metricGroups: readonly MetricGroup[];
}

/** A task that has ended. */
export interface Task {
  readonly name: string;
  readonly id: number;
  readonly pid: number;
  /** The number of its JavaScript thread in the process; the main one is 0. */
  readonly thread: number;
  readonly startNs: number;
  readonly endNs: number;
  /** How long its counters were open, and how long of that they counted. */
  readonly enabledNs: number;
  readonly runningNs: number;
  readonly counters: Counters;
}

export const line: v.GenericSchema<number> = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(0),
  v.maxValue(EVENT_LINES - 1),
);
export const counters: v.GenericSchema<Counters> = v.record(v.string(), v.number());

const event: v.GenericSchema<EventInfo> = v.object({
  id: line,
  name: v.string(),
  unit: v.picklist(['ns', 'count', 'bytes']),
  additive: v.boolean(),
  meaning: v.string(),
});

const header: v.GenericSchema<Header> = v.object({
  schema: v.literal(SCHEMA),
  taskperf: v.string(),
  command: v.array(v.string()),
  pid: v.number(),
  startedAt: v.string(),
  events: v.pipe(v.array(event), v.minLength(1)),
  hidden: v.array(v.string()),
  optional: v.array(v.string()),
  explicitEvents: v.boolean(),
  metricGroups: v.array(v.picklist(METRIC_GROUPS)),
});

const task: v.GenericSchema<Task> = v.object({
  name: v.string(),
  id: v.number(),
  pid: v.number(),
  thread: v.number(),
  startNs: v.number(),
  endNs: v.number(),
  enabledNs: v.number(),
  runningNs: v.number(),
  counters,
});

/** A line by the kind of what it holds. @throws LineError */
export function lineIn(value: unknown): { readonly [kind: string]: unknown } {
  return checked(v.record(v.string(), v.unknown()), value);
}

/** @throws LineError */
export function headerIn(value: unknown): Header {
  return checked(header, value);
}

/** @throws LineError */
export function taskIn(value: unknown): Task {
  return checked(task, value);
}

/** As the text of a line. */
export function scaledText(scaling: Scaling, lines: Lines): string {
  const named = [...scaling].map(([event, missed]) => [lines.nameOf(event), lines.nameOf(missed)]);
  return JSON.stringify({ scaled: Object.fromEntries(named) });
}

/** @throws LineError */
export function scaledIn(value: unknown, lines: Lines): Scaling {
  const named = Object.entries(checked(v.record(v.string(), v.string()), value));
  return new Map(named.map(([event, missed]) => [lines.lineOf(event), lines.lineOf(missed)]));
}

/** @throws LineError */
export function checked<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue);
  throw new LineError(path === null ? issue.message : `${path}: ${issue.message}`);
}
