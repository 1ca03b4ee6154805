/**
 * The machine-readable result: schema `taskperf.stat/1`. Fields are only ever added. All times are integer ns.
 *
 * `conservation` compares what the threads really used with the sum of the rows; for exact events the error is 0.
 */
import type { EventInfo } from '../core/events.ts';
import { blockagesJson, waitedBehindJson } from './blocked-table.ts';
import type { BlockageJson, BlockedNowJson, WaitedBehindJson } from './blocked-table.ts';
import { childrenOf } from './children.ts';
import type { Children } from './children.ts';
import { rowMetrics, wholeMetrics } from './metric-values.ts';
import type { MetricJson } from './metric-values.ts';
import { processesJson } from './process-document.ts';
import type { ProcessJson } from './process-document.ts';
import { allProcesses } from './process-rows.ts';
import { endingText, eventStates, overheadOf, rowsOf, sumOf, systemRows, totalOf } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import { countedShare, scaledValues, scalingOf } from './scaling.ts';
import type { Scaling } from './scaling.ts';
import type { By, Losses } from './tally.ts';
import { valuesJson } from './values-json.ts';
import type { ValuesJson } from './values-json.ts';

export interface PerTaskJson {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface CounterJson {
  /** null where the event is not supported, or (scaled) nothing of the row's time was counted. */
  readonly value: number | null;
  readonly enabledNs: number;
  readonly runningNs: number;
  /** Over the tasks that exited; null when none did or all their events were lost. */
  readonly perTask: PerTaskJson | null;
}

export interface TaskJson {
  readonly name: string;
  /** With --by task only. */
  readonly id?: number;
  /** Pid, where the row is of one process. */
  readonly process?: number;
  readonly count: number;
  readonly live: number;
  readonly counters: Readonly<Record<string, CounterJson>>;
  /** By name; null: not supported here, not counted while the row's tasks ran, or nothing to divide by. */
  readonly metrics: Readonly<Record<string, number | null>>;
  /** What processes used that these tasks started: no part of `counters`. */
  readonly children?: { readonly processes: number; readonly counters: ValuesJson };
}

export interface StatJson {
  readonly schema: 'taskperf.stat/1';
  readonly command: readonly string[];
  readonly pid: number;
  /** Version of the first Node.js process, null when there was none. */
  readonly node: string | null;
  readonly exit: { readonly code: number | null; readonly signal: string | null };
  readonly ended: string;
  readonly elapsedNs: number;
  readonly by: By;
  readonly events: readonly {
    readonly name: string;
    readonly unit: string;
    readonly kind: string;
    readonly supported: boolean;
    readonly reason: string | null;
    /** The part of the time in which it was counted: below 1 when events took turns on the PMU. */
    readonly countedShare: number;
  }[];
  /** All of the command; their sum is that of `threads`. */
  readonly processes: readonly ProcessJson[];
  readonly threads: readonly {
    readonly id: number;
    readonly name: string;
    readonly pid: number;
    /** false: what the thread did is in no task; `id` is its number in the system then, 0 where it is many. */
    readonly javascript: boolean;
    readonly counters: ValuesJson;
  }[];
  readonly tasks: readonly TaskJson[];
  readonly system: readonly { readonly name: string; readonly counters: ValuesJson }[];
  /** Of the whole run: sums over all threads. */
  readonly metrics: Readonly<Record<string, MetricJson>>;
  readonly conservation: Readonly<Record<string, ConservationJson>>;
  readonly overhead: { readonly switches: number; readonly boundaries: number; readonly addedNs: number };
  /** The ten longest stretches in which an event loop did not answer, of those as long as --blocked says. */
  readonly blockages: readonly BlockageJson[];
  /** How many of them there were, and their time together. */
  readonly blocked: { readonly limitNs: number; readonly count: number; readonly ns: number };
  readonly waitedBehind: readonly WaitedBehindJson[];
  readonly lost: Losses;
  readonly notes: readonly string[];
  readonly intervals?: readonly IntervalJson[];
}

export interface ConservationJson {
  readonly threads: number;
  readonly attributed: number;
  readonly error: number;
}

/** What one interval of -I added. */
export interface IntervalJson {
  readonly startNs: number;
  readonly endNs: number;
  readonly tasks: readonly {
    readonly name: string;
    /** Pid, where the row is of one process. */
    readonly process?: number;
    readonly count: number;
    readonly counters: ValuesJson;
  }[];
  /** With --by process: what the JavaScript threads of each used. */
  readonly processes?: readonly { readonly pid: number; readonly counters: ValuesJson }[];
  /** Event loops that did not answer at its end. */
  readonly blocked: readonly BlockedNowJson[];
}

export function documentOf(report: Report, intervals?: readonly IntervalJson[]): StatJson {
  const { tally, events } = report;
  const rows = rowsOf(report);
  const states = eventStates(report);
  const counted = states.filter((state) => state.supported).map((state) => state.event);
  const additive = counted.filter((event) => event.additive);
  const everywhere = additive.filter((event) => report.others.lines.includes(event.id));
  const scaling = scalingOf(tally.processes);
  const metricsOfRow = rowMetrics(report);
  const children = childrenOf(report, allProcesses(report));
  const shown = (values: Float64Array): ValuesJson => valuesJson(additive, scaledValues(values, scaling));
  return {
    schema: 'taskperf.stat/1',
    command: report.command,
    pid: report.pid,
    node: nodeOf(report),
    exit: { code: report.ended.code, signal: report.ended.signal },
    ended: endingText(report.ended),
    elapsedNs: report.elapsedNs,
    by: report.by,
    events: states.map(({ event, kind, supported, reason, share }) => {
      return { name: event.name, unit: event.unit, kind, supported, reason, countedShare: share };
    }),
    processes: processesJson(report, additive),
    threads: [
      ...tally.threads.map(({ id, name, pid, total }) => {
        return { id, name, pid, javascript: true, counters: shown(total) };
      }),
      ...report.others.threads.map(({ tid, name, pid, values }) => {
        return { id: tid, name, pid, javascript: false, counters: valuesJson(everywhere, values) };
      }),
    ],
    tasks: rows.map((row) => ({
      ...taskJson(row, { events, counted: new Set(counted), scaling }),
      metrics: metricsOfRow(row),
      ...childrenJson(children(row), additive),
    })),
    system: systemRows(report).map((row) => {
      const isOther = report.others.rows.includes(row);
      return { name: row.name, counters: isOther ? valuesJson(everywhere, row.values) : shown(row.values) };
    }),
    metrics: wholeMetrics(report, rows),
    conservation: conservationOf(report, rows, additive),
    overhead: overheadOf(tally),
    ...blockedJson(report),
    lost: tally.lost,
    notes: report.notes,
    ...(intervals === undefined ? {} : { intervals }),
  };
}

function blockedJson({ blocked }: Report): Pick<StatJson, 'blockages' | 'blocked' | 'waitedBehind'> {
  if (blocked === undefined)
    return { blockages: [], blocked: { limitNs: 0, count: 0, ns: 0 }, waitedBehind: [] };
  const { limitNs, totals } = blocked.log;
  return {
    blockages: blockagesJson(blocked),
    blocked: { limitNs, count: totals.count, ns: Math.round(totals.ns) },
    waitedBehind: waitedBehindJson(blocked),
  };
}

/** Threads' total minus tasks and system rows, of what was counted: events that take turns are not scaled here. */
export function conservationOf(
  report: Report,
  rows: readonly ReportRow[],
  additive: readonly EventInfo[],
): Record<string, ConservationJson> {
  const threads = totalOf(report);
  const attributed = sumOf([...rows, ...systemRows(report)].map((row) => row.values));
  const entries = additive.map(({ id, name }): [string, ConservationJson] => {
    const [total, sum] = [threads[id]!, attributed[id]!];
    return [name, { threads: total, attributed: sum, error: total - sum }];
  });
  return Object.fromEntries(entries);
}

/** Asserted of every run, and said where it fails: the books of an exact event balance. */
export function imbalances(report: Report): string[] {
  const exact = eventStates(report).filter(({ kind, supported }) => kind === 'exact' && supported);
  const additive = exact.map((state) => state.event).filter((event) => event.additive);
  return Object.entries(conservationOf(report, rowsOf(report), additive))
    .filter(([, { error }]) => error !== 0)
    .map(
      ([name, { error }]) =>
        `the books of ${name} are off by ${error}: a damaged region, or a bug of taskperf: please report it`,
    );
}

function childrenJson(
  children: Children | undefined,
  additive: readonly EventInfo[],
): Pick<TaskJson, 'children'> {
  if (children === undefined) return {};
  const { processes, shown } = children;
  return { children: { processes, counters: valuesJson(additive, shown) } };
}

function nodeOf({ tally, pid }: Report): string | null {
  const own = tally.processes.find((one) => one.pid === pid) ?? tally.processes[0];
  return own?.node ?? null;
}

/** What is asked for, what of it was counted, and of that what took turns. */
interface Selection {
  readonly events: readonly EventInfo[];
  readonly counted: ReadonlySet<EventInfo>;
  readonly scaling: Scaling;
}

const NOT_COUNTED: CounterJson = { value: null, enabledNs: 0, runningNs: 0, perTask: null };

function taskJson(
  row: ReportRow,
  { events, counted, scaling }: Selection,
): Omit<TaskJson, 'metrics' | 'children'> {
  const values = scaledValues(row.values, scaling);
  const exited = scaledValues(row.exited, scaling);
  const counters = events.map((event): [string, CounterJson] => {
    const { id, name } = event;
    if (!counted.has(event)) return [name, NOT_COUNTED];
    const { enabledNs } = row;
    const share = countedShare(row.values, id, scaling);
    const runningNs = Math.round(row.runningNs * share);
    if (share === 0) return [name, { ...NOT_COUNTED, enabledNs }];
    return [name, { value: values[id]!, enabledNs, runningNs, perTask: perTaskJson(row, exited, id) }];
  });
  return {
    name: row.name,
    ...(row.id === undefined ? {} : { id: row.id }),
    ...(row.pid === undefined ? {} : { process: row.pid }),
    count: row.count,
    live: row.live,
    counters: Object.fromEntries(counters),
  };
}

/** `exited` are the row's sums over ended tasks, as shown. */
function perTaskJson(row: ReportRow, exited: Float64Array, event: number): PerTaskJson | null {
  const spread = row.spread(event);
  if (spread === undefined || row.count === 0 || Number.isNaN(exited[event]!)) return null;
  const { min, p50, p90, p99, max } = spread;
  return { min, mean: exited[event]! / row.count, p50, p90, p99, max };
}
