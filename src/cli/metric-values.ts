/** The metrics of a run: which can be had from what was counted, their columns, and their part of the document. */
import { CPU_CLOCK, TASK_CLOCK } from '../core/events.ts';
import { metricsOf, valueOf } from './metrics.ts';
import type { BoundMetric } from './metrics.ts';
import type { EventState } from './event-state.ts';
import { eventStates, sumOf } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import { grouped } from './units.ts';

/** A column of the table. */
export interface MetricColumn {
  readonly title: string;
  readonly rank: number;
  readonly cell: (line: MetricLine) => string;
}

/** A line of the table: with a task it is a row, without one it is the threads' own. */
export interface MetricLine {
  readonly task?: ReportRow;
  readonly values: Float64Array;
}

export interface MetricJson {
  /** null: not supported here, or nothing to divide by. */
  readonly value: number | null;
  /** The worst of the events it is made of. */
  readonly kind: EventState['kind'];
}

/** Asked for with -M: they go last. The others come where there is room. */
const RANK_ASKED = 0.5;
const RANK_BY_THE_WAY = 9;

interface Judged {
  readonly bound: BoundMetric;
  readonly kind: EventState['kind'];
  readonly supported: boolean;
}

/** Means per task only if they were asked for: the columns of their events show them, too. */
export function metricColumns(report: Report): MetricColumn[] {
  const scaling = scalingOf(report.tally.processes);
  const isAsked = ({ bound }: Judged): boolean => report.metricGroups.includes(bound.metric.group);
  return judged(report)
    .filter((one) => one.supported && (isAsked(one) || !one.bound.metric.perTask))
    .map((one, i) => {
      const { bound, kind } = one;
      const { title, scale, decimals } = bound.metric;
      const mark = kind === 'exact' ? '' : '~';
      return {
        title,
        rank: (isAsked(one) ? RANK_ASKED : RANK_BY_THE_WAY) + i / 100,
        cell: (line) => {
          const value = valueOfLine(bound, line, (values) => scaledValues(values, scaling));
          return value === undefined ? '' : mark + grouped(value / scale, decimals);
        },
      };
    });
}

/** Of one row of the document, by name; null where there is no value. */
export function rowMetrics(report: Report): (row: ReportRow) => Record<string, number | null> {
  const scaling = scalingOf(report.tally.processes);
  const metrics = judged(report);
  return (row) => {
    const entries = metrics.map(({ bound, supported }): [string, number | null] => {
      const line = { task: row, values: row.values };
      const value = valueOfLine(bound, line, (values) => scaledValues(values, scaling));
      return [bound.metric.name, supported ? (value ?? null) : null];
    });
    return Object.fromEntries(entries);
  };
}

/** Of the whole run: sums over all threads; per task: over all tasks that ended. */
export function wholeMetrics(report: Report, rows: readonly ReportRow[]): Record<string, MetricJson> {
  const { tally } = report;
  const scaling = scalingOf(tally.processes);
  const total = scaledValues(sumOf(tally.threads.map((thread) => thread.total)), scaling);
  const exited = scaledValues(sumOf(rows.map((row) => row.exited)), scaling);
  const tasks = rows.reduce((sum, row) => sum + row.count, 0);
  const entries = judged(report).map(({ bound, kind, supported }): [string, MetricJson] => {
    const values = bound.metric.perTask ? exited : total;
    return [bound.metric.name, { value: supported ? (valueOf(bound, values, tasks) ?? null) : null, kind }];
  });
  return { ...runMetrics(report), ...Object.fromEntries(entries) };
}

/** CPUs that the threads used on average, and the share of their time in which they were not idle. */
function runMetrics(report: Report): Record<string, MetricJson> {
  const { tally, elapsedNs } = report;
  const total = sumOf(tally.threads.map((thread) => thread.total));
  const idleNs = sumOf(tally.threads.map((thread) => thread.idle))[CPU_CLOCK]!;
  const kind = eventStates(report).find(({ event }) => event.id === TASK_CLOCK)?.kind ?? 'exact';
  const ratio = (part: number, whole: number): MetricJson => {
    return { value: whole > 0 ? part / whole : null, kind };
  };
  return {
    'cpus-utilized': ratio(total[TASK_CLOCK]!, elapsedNs),
    'loop-busy-percent': ratio((total[CPU_CLOCK]! - idleNs) * 100, total[CPU_CLOCK]!),
  };
}

function valueOfLine(
  bound: BoundMetric,
  { task, values }: MetricLine,
  scaled: (values: Float64Array) => Float64Array,
): number | undefined {
  if (!bound.metric.perTask) return valueOf(bound, scaled(values), 0);
  return task === undefined ? undefined : valueOf(bound, scaled(task.exited), task.count);
}

function judged(report: Report): Judged[] {
  const states = new Map(eventStates(report).map((state) => [state.event, state]));
  return metricsOf(report.events).map((bound) => {
    const inputs = [...bound.events.values()].map((event) => states.get(event)!);
    const worst =
      inputs.find(({ kind }) => kind === 'estimated') ?? inputs.find(({ kind }) => kind !== 'exact');
    return {
      bound,
      kind: worst?.kind ?? 'exact',
      supported: inputs.every(({ supported, share }) => supported && share > 0),
    };
  });
}
