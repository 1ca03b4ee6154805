/** The metrics of a run: which can be had from what was counted, their columns, and their part of the document. */
import { CPU_CLOCK, TASK_CLOCK } from '../core/events.ts';
import { metricsOf, valueOf } from './metrics.ts';
import type { BoundMetric } from './metrics.ts';
import type { EventState } from './event-state.ts';
import { cpuOf, eventStates, sumOf, totalOf } from './report.ts';
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
  /** What the metrics of the line are made of, where that is not `values`. */
  readonly measured?: Float64Array;
  /** The line of the whole run. */
  readonly isTotal?: boolean;
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
export function metricColumns(report: Report, rows: readonly ReportRow[]): MetricColumn[] {
  const scaling = scalingOf(report.tally.processes);
  const whole = wholeValues(report, rows);
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
          const value =
            line.isTotal === true && !bound.metric.perTask
              ? whole(bound)
              : valueOfLine(bound, line, (values) => scaledValues(values, scaling));
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

/** Of the whole run, by name. */
export function wholeMetrics(report: Report, rows: readonly ReportRow[]): Record<string, MetricJson> {
  const whole = wholeValues(report, rows);
  const entries = judged(report).map(({ bound, kind, supported }): [string, MetricJson] => {
    return [bound.metric.name, { value: supported ? (whole(bound) ?? null) : null, kind }];
  });
  return { ...runMetrics(report), ...Object.fromEntries(entries) };
}

/**
 * From sums over the JavaScript threads, since only they have all events; where nothing is JavaScript, over all threads.
 * What does not add up (wall, wait) threads do not have: there the tasks are all there is. Per task: over those that ended.
 */
function wholeValues(report: Report, rows: readonly ReportRow[]): (bound: BoundMetric) => number | undefined {
  const { tally } = report;
  const scaling = scalingOf(tally.processes);
  const threads = tally.threads.map((thread) => thread.total);
  const total = threads.length === 0 ? totalOf(report) : scaledValues(sumOf(threads), scaling);
  const exited = scaledValues(sumOf(rows.map((row) => row.exited)), scaling);
  const ofTasks = scaledValues(sumOf(rows.map((row) => row.values)), scaling);
  const tasks = rows.reduce((sum, row) => sum + row.count, 0);
  return (bound) => {
    const addsUp = [...bound.events.values()].flat().every(({ additive }) => additive);
    return valueOf(bound, bound.metric.perTask ? exited : addsUp ? total : ofTasks, tasks);
  };
}

/** CPUs that all threads of the command used on average; the share of the JavaScript threads' time that was not idle. */
function runMetrics(report: Report): Record<string, MetricJson> {
  const { tally, elapsedNs } = report;
  const total = sumOf(tally.threads.map((thread) => thread.total));
  const idleNs = sumOf(tally.threads.map((thread) => thread.idle))[CPU_CLOCK]!;
  const kind = eventStates(report).find(({ event }) => event.id === TASK_CLOCK)?.kind ?? 'exact';
  const ratio = (part: number, whole: number): MetricJson => {
    return { value: whole > 0 ? part / whole : null, kind };
  };
  return {
    'cpus-utilized': ratio(cpuOf(report), elapsedNs),
    'loop-busy-percent': ratio(Math.max(0, total[CPU_CLOCK]! - idleNs) * 100, total[CPU_CLOCK]!),
  };
}

function valueOfLine(
  bound: BoundMetric,
  { task, values, measured = values }: MetricLine,
  scaled: (values: Float64Array) => Float64Array,
): number | undefined {
  if (!bound.metric.perTask) return valueOf(bound, scaled(measured), 0);
  return task === undefined ? undefined : valueOf(bound, scaled(task.exited), task.count);
}

function judged(report: Report): Judged[] {
  const states = new Map(eventStates(report).map((state) => [state.event, state]));
  return metricsOf(report.events).map((bound) => {
    const inputs = [...bound.events.values()].flat().map((event) => states.get(event)!);
    const worst =
      inputs.find(({ kind }) => kind === 'estimated') ?? inputs.find(({ kind }) => kind !== 'exact');
    return {
      bound,
      kind: worst?.kind ?? 'exact',
      supported: inputs.every(({ supported, share }) => supported && share > 0),
    };
  });
}
