/** What a run of `taskperf stat` found, before it becomes a table or a document. */
import { LATE, TASK_CLOCK } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import { EVENT_LINES } from '../core/layout.ts';
import type { Owner } from '../core/owner.ts';
import type { BlockedReport } from './blocked-table.ts';
import type { Group, Spread } from './collector.ts';
import { statesOf } from './event-state.ts';
import type { EventState } from './event-state.ts';
import type { MetricGroup } from './metrics.ts';
import type { OtherRow, Others } from './os-rows.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import type { Scaling } from './scaling.ts';
import { hasSums } from './tally.ts';
import type { ProcessFacts } from './process-facts.ts';
import type { By, Row, Tally } from './tally.ts';
import type { LoggedTask } from './task-log.ts';

/** How the command ended: one of code and signal is set. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  /** A second SIGINT made the tool kill it. */
  readonly forced: boolean;
  /** It was attached to, so how it ends is not ours to know: did it run on when we detached? */
  readonly runsOn?: boolean;
}

export interface Report {
  readonly command: readonly string[];
  readonly pid: number;
  readonly ended: Ending;
  readonly elapsedNs: number;
  /** Events asked for, task-clock among them. */
  readonly events: readonly EventInfo[];
  /** The user named the events: their columns come before the quantiles. */
  readonly explicitEvents: boolean;
  /** Groups of metrics asked for: their columns come first. */
  readonly metricGroups: readonly MetricGroup[];
  /** Events without a column of their own. */
  readonly hidden: ReadonlySet<EventInfo>;
  readonly by: By;
  readonly tally: Tally;
  /** What is in no region: threads that run no JavaScript, programs that are not Node.js. */
  readonly others: Others;
  readonly groups: ReadonlyMap<string, Group>;
  /** With `by: 'task'` only. */
  readonly tasks: readonly LoggedTask[];
  /** The tasks that started processes, by the pid of the process: pids as we call them, names as the tasks ended. */
  readonly owners: ReadonlyMap<number, Owner>;
  /** Undefined: not looked for. */
  readonly blocked?: BlockedReport | undefined;
  /** Sentences for the user: regions that could not be read, processes that switched taskperf off. */
  readonly notes: readonly string[];
}

/** A row; its values are what was counted, of events that take turns a part (scaling.ts). */
export interface ReportRow {
  readonly name: string;
  /** The task's number, for rows of single tasks. */
  readonly id: number | undefined;
  /** The process, where the row is of one. */
  readonly pid: number | undefined;
  readonly count: number;
  readonly live: number;
  readonly values: Float64Array;
  readonly exited: Float64Array;
  readonly enabledNs: number;
  readonly runningNs: number;
  readonly spread: (event: number) => Spread | undefined;
}

const NO_SPREAD = (): undefined => undefined;

/** The rows of the report, most costly first; their sum is the sum of all tasks, whatever `by` says. */
export function rowsOf(report: Report): ReportRow[] {
  const rows = report.tally.sortedRows().filter(isSomething);
  if (report.by === 'task') return taskRows(report, rows);
  return rows.map((row) => groupRow(row, report.groups.get(row.key)));
}

/** The cost of jobs may have been booked on this name and gone on to a task of another since: then nothing is left of it. */
function isSomething(row: Row): boolean {
  return row.count !== 0 || row.live !== 0 || hasSums(row.values, 0);
}

/** Where CPU time went that no task used: on the threads of the regions, then on all others. */
export function systemRows({ tally, others }: Report): OtherRow[] {
  if (tally.threads.length === 0 && others.rows.length > 0) return [...others.rows];
  return [
    { name: '(event loop)', values: sumOf(tally.threads.map((thread) => thread.loop)) },
    { name: '(idle)', values: sumOf(tally.threads.map((thread) => thread.idle)) },
    { name: '(unattributed)', values: sumOf(tally.threads.map((thread) => thread.unattributed)) },
    { name: '(late)', values: sumOf(tally.threads.map((thread) => thread.late)) },
    ...others.rows,
  ];
}

/** What all threads of the command used. */
export function totalOf({ tally, others }: Report): Float64Array {
  return sumOf([...tally.threads.map((thread) => thread.total), ...others.threads.map((one) => one.values)]);
}

/** Some process of the command counted it. */
export function isCounted({ id }: EventInfo, processes: readonly ProcessFacts[]): boolean {
  return processes.some(({ eventBits }) => (eventBits & (1 << id)) !== 0);
}

export function sumOf(lines: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(EVENT_LINES);
  for (const line of lines) line.forEach((value, event) => (sum[event]! += value));
  return sum;
}

/** CPU time of all threads in ns: what shares are shares of. */
export function cpuOf(report: Report): number {
  return totalOf(report)[TASK_CLOCK]!;
}

/** Requests if they are named like requests, else tasks. */
export function nounFor(rows: readonly ReportRow[]): 'requests' | 'tasks' {
  return rows.some((row) => /^[A-Z]+ [/*]/.test(row.name)) ? 'requests' : 'tasks';
}

/** How far each event can be trusted, over all processes of the command. */
export function eventStates({ events, tally, others }: Report): EventState[] {
  const totals = sumOf(tally.threads.map((thread) => thread.total));
  const states = statesOf({
    events,
    processes: tally.processes,
    totals,
    scaling: scalingOf(tally.processes),
    busyPids: busyPids(tally),
  });
  // Where tasks ran it is they who must have counted it.
  const isSettled = (state: EventState): boolean => state.supported || busyPids(tally).size > 0;
  return states.map((state) => (isSettled(state) ? state : (others.states.get(state.event.id) ?? state)));
}

/** Of the processes in which tasks ran. */
export function busyPids({ threads }: Tally): Set<number> {
  return new Set(threads.filter(({ tasks }) => tasks[TASK_CLOCK]! > 0).map(({ pid }) => pid));
}

/** "exited with code 3", "killed by SIGKILL". */
export function endingText({ code, signal, forced, runsOn }: Ending): string {
  if (runsOn !== undefined) return runsOn ? 'runs on, without taskperf' : 'has ended';
  if (signal === null) return code === null ? 'has no recorded end' : `exited with code ${code}`;
  return `killed by ${signal}${forced ? ' (forced by a second SIGINT)' : ''}`;
}

/** What taskperf itself added: switches × the calibrated cost of one. */
export function overheadOf(tally: Tally): { switches: number; boundaries: number; addedNs: number } {
  const sum = { switches: 0, boundaries: 0, addedNs: 0 };
  for (const thread of tally.threads) {
    sum.switches += thread.switches;
    sum.boundaries += thread.boundaries;
    sum.addedNs += thread.switches * thread.switchCostNs;
  }
  sum.addedNs = Math.round(sum.addedNs);
  return sum;
}

/** Several rows as one. */
export function mergedRow(name: string, rows: readonly ReportRow[]): ReportRow {
  return {
    name,
    id: undefined,
    pid: undefined,
    count: rows.reduce((sum, row) => sum + row.count, 0),
    live: rows.reduce((sum, row) => sum + row.live, 0),
    values: sumOf(rows.map((row) => row.values)),
    exited: sumOf(rows.map((row) => row.exited)),
    enabledNs: 0,
    runningNs: 0,
    spread: NO_SPREAD,
  };
}

function groupRow(row: Row, group: Group | undefined): ReportRow {
  return {
    name: row.name,
    id: undefined,
    pid: row.pid,
    count: row.count,
    live: row.live,
    values: row.values,
    exited: row.exited,
    enabledNs: (group?.enabledNs ?? 0) + row.liveEnabledNs,
    runningNs: (group?.runningNs ?? 0) + row.liveRunningNs,
    spread: (event) => (event === LATE ? undefined : group?.spread(event)),
  };
}

/** One row per logged task, one per name for the live ones, and one for all that the log does not hold. */
function taskRows(report: Report, rows: readonly Row[]): ReportRow[] {
  const scaling = scalingOf(report.tally.processes);
  const tasks = report.tasks.map((task) => taskRow(task, scaling));
  const live = rows
    .filter((row) => row.live > 0)
    .map((row) => ({ ...groupRow(row, undefined), ...liveOnly(row) }));
  const shown = [...tasks, ...live].sort((a, b) => b.values[TASK_CLOCK]! - a.values[TASK_CLOCK]!);
  const count = rows.reduce((sum, row) => sum + row.count, 0) - tasks.length;
  if (count <= 0) return shown;
  const rest = sumOf(rows.map((row) => row.exited));
  for (const task of tasks) task.values.forEach((value, event) => (rest[event]! -= value));
  const more = {
    name: '(tasks not listed)',
    id: undefined,
    pid: undefined,
    count,
    live: 0,
    values: rest,
    exited: rest,
  };
  return [...shown, { ...more, enabledNs: 0, runningNs: 0, spread: NO_SPREAD }];
}

function taskRow(task: LoggedTask, scaling: Scaling): ReportRow {
  const { name, id, pid, values, enabledNs, runningNs } = task;
  const shown = scaledValues(values, scaling);
  const spread = (event: number): Spread | undefined => {
    const value = shown[event]!;
    if (Number.isNaN(value)) return undefined;
    return { min: value, p50: value, p90: value, p99: value, max: value };
  };
  return { name, id, pid, count: 1, live: 0, values, exited: values, enabledNs, runningNs, spread };
}

function liveOnly(row: Row): Pick<ReportRow, 'count' | 'values' | 'exited'> {
  const values = row.values.map((value, event) => value - row.exited[event]!);
  return { count: 0, values, exited: new Float64Array(EVENT_LINES) };
}
