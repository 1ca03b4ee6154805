/**
 * Derived metrics: what counts say about each other. Each names the events it needs and is computed from sums, never from
 * means; without its events it is absent, and without anything to divide by it has no value.
 */
import type { EventInfo } from '../core/events.ts';

/** Groups for -M. */
export const METRIC_GROUPS = ['cpu', 'cache', 'memory', 'gc', 'loop'] as const;
export type MetricGroup = (typeof METRIC_GROUPS)[number];

/** What a metric is computed from: sums of one row, or of all threads. */
export interface MetricInput {
  /** Sum of an event, scaled where it was counted a part of the time. */
  readonly sum: (event: string) => number;
  /** Tasks that the sums are of. */
  readonly tasks: number;
}

export interface Metric {
  /** Key in the document. */
  readonly name: string;
  /** Title of the column, its unit included. */
  readonly title: string;
  readonly group: MetricGroup;
  readonly needs: readonly string[];
  /** What one of the column's unit is. */
  readonly scale: number;
  readonly decimals: number;
  /** Means of one task: no value for time that is no task's. */
  readonly perTask: boolean;
  /** In the unit of the name (ns, bytes, percent). Not finite: there is no value. */
  readonly value: (input: MetricInput) => number;
}

/** What is a share of what, in percent. */
function share(
  name: string,
  title: string,
  group: MetricGroup,
  [part, whole]: readonly [string, string],
): Metric {
  const value = ({ sum }: MetricInput): number => (sum(part) / sum(whole)) * 100;
  return { name, title, group, needs: [part, whole], scale: 1, decimals: 2, perTask: false, value };
}

function missRate(group: MetricGroup, cache: string): Metric {
  const events = [`${cache}-load-misses`, `${cache}-loads`] as const;
  return share(`${cache}-miss-percent`, `${cache} miss %`, group, events);
}

const NS_PER_SECOND = 1e9;

/** In the order of their columns. */
export const METRICS: readonly Metric[] = [
  {
    name: 'insn-per-cycle',
    title: 'IPC',
    group: 'cpu',
    needs: ['instructions', 'cycles'],
    scale: 1,
    decimals: 2,
    perTask: false,
    value: ({ sum }) => sum('instructions') / sum('cycles'),
  },
  {
    name: 'ghz',
    title: 'GHz',
    group: 'cpu',
    needs: ['cycles', 'task-clock'],
    scale: 1,
    decimals: 3,
    perTask: false,
    value: ({ sum }) => sum('cycles') / sum('task-clock'),
  },
  share('branch-miss-percent', 'branch miss %', 'cpu', ['branch-misses', 'branches']),
  share('frontend-stall-percent', 'frontend stall %', 'cpu', ['stalled-cycles-frontend', 'cycles']),
  share('backend-stall-percent', 'backend stall %', 'cpu', ['stalled-cycles-backend', 'cycles']),
  {
    name: 'stalled-cycles-per-insn',
    title: 'stalls/insn',
    group: 'cpu',
    needs: ['stalled-cycles-frontend', 'stalled-cycles-backend', 'instructions'],
    scale: 1,
    decimals: 2,
    perTask: false,
    // The larger one, as perf does: a cycle can be stalled at both ends.
    value: ({ sum }) =>
      Math.max(sum('stalled-cycles-frontend'), sum('stalled-cycles-backend')) / sum('instructions'),
  },
  share('cache-miss-percent', 'cache miss %', 'cache', ['cache-misses', 'cache-references']),
  missRate('cache', 'L1-dcache'),
  missRate('cache', 'LLC'),
  missRate('cache', 'dTLB'),
  missRate('cache', 'L1-icache'),
  missRate('cache', 'iTLB'),
  {
    name: 'page-faults-per-second',
    title: 'faults/s',
    group: 'memory',
    needs: ['page-faults', 'task-clock'],
    scale: 1,
    decimals: 1,
    perTask: false,
    value: ({ sum }) => (sum('page-faults') / sum('task-clock')) * NS_PER_SECOND,
  },
  {
    name: 'alloc-bytes-per-task',
    title: 'alloc kB/task',
    group: 'memory',
    needs: ['alloc-bytes'],
    scale: 1e3,
    decimals: 1,
    perTask: true,
    value: ({ sum, tasks }) => sum('alloc-bytes') / tasks,
  },
  {
    name: 'alloc-bytes-per-second',
    title: 'alloc MB/s',
    group: 'memory',
    needs: ['alloc-bytes', 'task-clock'],
    scale: 1e6,
    decimals: 1,
    perTask: false,
    value: ({ sum }) => (sum('alloc-bytes') / sum('task-clock')) * NS_PER_SECOND,
  },
  share('gc-percent', 'GC %', 'gc', ['gc-time', 'cpu-clock']),
  {
    name: 'gc-per-task',
    title: 'GCs/task',
    group: 'gc',
    needs: ['gc-count'],
    scale: 1,
    decimals: 2,
    perTask: true,
    value: ({ sum, tasks }) => sum('gc-count') / tasks,
  },
  {
    name: 'wait-ns-per-task',
    title: 'wait ms/task',
    group: 'loop',
    needs: ['wait'],
    scale: 1e6,
    decimals: 3,
    perTask: true,
    value: ({ sum, tasks }) => sum('wait') / tasks,
  },
  share('wait-percent', 'wait %', 'loop', ['wait', 'wall']),
];

/** The events that the metrics of these groups need, each once. */
export function eventsFor(groups: readonly MetricGroup[]): string[] {
  const needed = METRICS.filter(({ group }) => groups.includes(group)).flatMap(({ needs }) => needs);
  return [...new Set(needed)];
}

/** A metric with the events that were counted for it: `cycles:u` serves where `instructions:u` does. */
export interface BoundMetric {
  readonly metric: Metric;
  /** By the metric's name of the event; several where each kind of core counts its part. */
  readonly events: ReadonlyMap<string, readonly EventInfo[]>;
}

/** Those whose events are among the given ones, all with the same modifiers; clocks have none. */
export function metricsOf(events: readonly EventInfo[]): BoundMetric[] {
  const byName = new Map([
    ...partsByName(events),
    ...events.map((event): [string, readonly EventInfo[]] => [event.name, [event]]),
  ]);
  const suffixes = new Set(['', ...[...byName.keys()].map(modifierOf)]);
  return METRICS.flatMap((metric) => {
    for (const suffix of suffixes) {
      const found = metric.needs.map((name) => byName.get(name + suffix) ?? clockOf(name, byName));
      if (found.every((event) => event !== undefined))
        return [{ metric, events: new Map(metric.needs.map((name, i) => [name, found[i]!])) }];
    }
    return [];
  });
}

/** Of the row or thread whose values these are; undefined where there is none. */
export function valueOf(
  { metric, events }: BoundMetric,
  values: Float64Array,
  tasks: number,
): number | undefined {
  const sum = (name: string): number => events.get(name)!.reduce((all, { id }) => all + values[id]!, 0);
  const value = metric.value({ tasks, sum });
  return Number.isFinite(value) ? value : undefined;
}

/** ":u" of "cycles:u"; a PMU's own names ("cpu/event=1/u") stand for themselves. */
function modifierOf(name: string): string {
  return /^[^/]*?(:[a-z]+)$/i.exec(name)?.[1] ?? '';
}

/**
 * On a machine with several kinds of core `cycles` is `cpu_core/cycles/` and `cpu_atom/cycles/`, and their sum is what the
 * one would be. A PMU of a machine with one kind of core stands for itself.
 */
function partsByName(events: readonly EventInfo[]): [string, readonly EventInfo[]][] {
  const parts = new Map<string, EventInfo[]>();
  for (const event of events) {
    const [, base, letters] = /^[^/]+\/([^/=,]+)\/([uk]*)$/.exec(event.name) ?? [];
    if (base === undefined) continue;
    const name = letters === '' ? base : `${base}:${letters}`;
    parts.set(name, [...(parts.get(name) ?? []), event]);
  }
  return [...parts].filter(([, all]) => all.length > 1);
}

function clockOf(
  name: string,
  byName: ReadonlyMap<string, readonly EventInfo[]>,
): readonly EventInfo[] | undefined {
  return name === 'task-clock' ? byName.get(name) : undefined;
}
