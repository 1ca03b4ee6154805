/**
 * The processes of the command, each with all that it used: its JavaScript threads as in its region, its other threads as
 * seen from outside. Their sum, and what could be placed in none, is the total of the command.
 */
import { TASK_CLOCK } from '../core/events.ts';
import { EVENT_LINES } from '../core/layout.ts';
import type { Owner } from '../core/owner.ts';
import type { OtherRow, SeenProcess } from './os-rows.ts';
import { rowsOf, sumOf } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import type { Scaling } from './scaling.ts';
import type { ProcessFacts } from './process-facts.ts';
import type { ThreadBooks } from './tally.ts';

export interface ProcessRows {
  readonly pid: number;
  /** What it runs: "server.mjs worker 2", "gzip". */
  readonly name: string;
  /** Its version, null where it is not Node.js or made no region. */
  readonly node: string | null;
  /** Did it end by itself? null where only it could say so. */
  readonly exited: boolean | null;
  readonly owner: Owner | null;
  /** Its tasks, with `by: 'process'` only. */
  readonly tasks: readonly ReportRow[];
  /** What no task of it used; of JavaScript threads first. */
  readonly system: readonly OtherRow[];
  /** How many of `system` are of JavaScript threads. */
  readonly systemOwn: number;
  /** All that its JavaScript threads used. */
  readonly own: Float64Array;
  /** All that it used. */
  readonly values: Float64Array;
  /** The values scaled, where they are to be (scaling.ts). */
  readonly shown: Float64Array;
}

/** The entry of what belongs to no process, or to too many to list. */
export const UNPLACED_PID: number = 0;
/** Processes listed, the most costly; the others are one entry. */
const LISTED_MAX = 1000;

/** As many as are listed, and what is in none of them last. */
export function processRows(report: Report): ProcessRows[] {
  const rows = allProcesses(report);
  const listed = rows.slice(0, LISTED_MAX);
  const rest = rows.slice(LISTED_MAX);
  if (rest.length > 0) listed.push(merged(rest, '(processes not listed)'));
  return [...listed, ...unplacedRows(report)];
}

/** What is in no process: one row, or none. */
export function unplacedRows({ others }: Report): ProcessRows[] {
  const unplaced = { name: '(short-lived threads)', values: others.unplaced };
  return isUsed(unplaced) ? [lineOf(unplaced)] : [];
}

/** Most costly first. */
export function allProcesses(report: Report): ProcessRows[] {
  const { tally, others } = report;
  const tasks = groupBy(report.by === 'process' ? rowsOf(report) : [], (row) => row.pid!);
  const books = groupBy(tally.threads, (thread) => thread.pid);
  const facts = new Map(tally.processes.map((one) => [one.pid, one]));
  const seen = groupBy(others.seen, (one) => one.pid);
  const pids = new Set([...facts.keys(), ...seen.keys()]);
  const scaling = scalingOf(tally.processes);
  const rows = [...pids].map((pid) =>
    rowsOfOne(pid, scaling, {
      facts: facts.get(pid),
      owner: report.owners.get(pid) ?? null,
      books: books.get(pid) ?? [],
      seen: seen.get(pid) ?? [],
      tasks: tasks.get(pid) ?? [],
    }),
  );
  return rows.sort((a, b) => b.values[TASK_CLOCK]! - a.values[TASK_CLOCK]!);
}

interface Material {
  readonly facts: ProcessFacts | undefined;
  readonly owner: Owner | null;
  readonly books: readonly ThreadBooks[];
  readonly seen: readonly SeenProcess[];
  readonly tasks: readonly ReportRow[];
}

function rowsOfOne(pid: number, scaling: Scaling, material: Material): ProcessRows {
  const { facts, owner, books, seen, tasks } = material;
  const own = sumOf(books.map((thread) => thread.total));
  const outside = seen.flatMap((one) => one.rows).filter(isUsed);
  const inside = [
    { name: '(event loop)', values: sumOf(books.map((thread) => thread.loop)) },
    { name: '(idle)', values: sumOf(books.map((thread) => thread.idle)) },
    { name: '(unattributed)', values: sumOf(books.map((thread) => thread.unattributed)) },
    { name: '(late)', values: sumOf(books.map((thread) => thread.late)) },
  ].filter(isUsed);
  const beside = outside.map((row) => row.values);
  return {
    pid,
    name: nameOf(facts, seen),
    node: facts?.node ?? null,
    exited: facts?.exited ?? null,
    owner,
    tasks,
    system: [...inside, ...outside],
    systemOwn: inside.length,
    own,
    values: sumOf([own, ...beside]),
    shown: sumOf([scaledValues(own, scaling), ...beside]),
  };
}

function nameOf(facts: ProcessFacts | undefined, seen: readonly SeenProcess[]): string {
  const last = seen.at(-1);
  // Seen from outside a process that has just been forked still has its parent's title.
  const script = facts?.exited === true ? facts.script : last?.title || facts?.script;
  return script || last?.script || last?.name || 'node';
}

function isUsed({ values }: OtherRow): boolean {
  return values.some((value) => value > 0);
}

function lineOf({ name, values }: OtherRow): ProcessRows {
  return {
    pid: UNPLACED_PID,
    name,
    node: null,
    exited: null,
    owner: null,
    tasks: [],
    system: [],
    systemOwn: 0,
    own: new Float64Array(EVENT_LINES),
    values,
    shown: values,
  };
}

/** Several as one. */
export function merged(rows: readonly ProcessRows[], name: string): ProcessRows {
  return {
    ...lineOf({ name, values: sumOf(rows.map((row) => row.values)) }),
    tasks: rows.flatMap((row) => row.tasks),
    own: sumOf(rows.map((row) => row.own)),
    shown: sumOf(rows.map((row) => row.shown)),
  };
}

function groupBy<T>(all: readonly T[], pidOf: (one: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const one of all) {
    const group = groups.get(pidOf(one));
    if (group === undefined) groups.set(pidOf(one), [one]);
    else group.push(one);
  }
  return groups;
}
