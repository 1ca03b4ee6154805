/**
 * Where the CPU time went that is in no region, as rows of the system section and as entries of `threads`: both have the
 * same sum, so the books of the whole command balance as those of a region do.
 */
import { TASK_CLOCK } from '../core/events.ts';
import { EVENT_LINES } from '../core/layout.ts';
import type { OsProcess, OsThread } from './os-process.ts';
import type { OsThreads } from './os-threads.ts';
import type { By, Tally, ThreadBooks } from './tally.ts';

/** A thread, or a part of one, that ran no JavaScript that is counted in a region. */
export interface OtherThread {
  readonly pid: number;
  /** 0 where it is many. */
  readonly tid: number;
  readonly name: string;
  readonly values: Float64Array;
}

export interface OtherRow {
  readonly name: string;
  readonly values: Float64Array;
}

export interface Others {
  /** Most costly first. */
  readonly rows: readonly OtherRow[];
  readonly threads: readonly OtherThread[];
  /** Events counted for them; others only JavaScript threads have. */
  readonly lines: readonly number[];
  /** Processes seen that are no Node.js process, or are one that was not counted. */
  readonly processes: number;
  /** Some Node.js process of the command made no region. */
  readonly hasUncountedNode: boolean;
  /** Why the sum of all this is estimated, null when it is exact. */
  readonly reason: string | null;
  readonly notes: readonly string[];
}

export const NO_OTHERS: Others = {
  rows: [],
  threads: [],
  lines: [],
  processes: 0,
  hasUncountedNode: false,
  reason: null,
  notes: [],
};

/** Rows and entries kept; the others are one. */
const LISTED_MAX = 1000;
/** A share of the command's CPU time from which on it is worth a note that its place is not known. */
const NOTED_SHARE = 0.01;

interface Part {
  readonly row: string;
  readonly pid: number;
  readonly tid: number;
  readonly thread: string;
  readonly ns: number;
}

/** After `os.stop()`. `command` is the pid that the rest is booked on. */
export function othersOf(os: OsThreads, tally: Tally, options: { command: number; by: By }): Others {
  if (!os.isVisible) return { ...NO_OTHERS, notes: hiddenNotes() };
  const seen = os.ended.flatMap((one) => partsOf(os, one, tally, options.by));
  const countedNs = tally.threads.reduce((sum, thread) => sum + thread.total[TASK_CLOCK]!, 0);
  const seenNs = seen.reduce((sum, part) => sum + part.ns, 0);
  const totalNs = os.totalNs();
  const restNs = Math.max(0, Math.round((totalNs ?? 0) - countedNs - seenNs));
  const rest = { row: '(short-lived threads)', pid: options.command, tid: 0, ns: restNs };
  const parts = [...seen, { ...rest, thread: rest.row }].filter((part) => part.ns > 0);
  const node = new Set(tally.processes.map((one) => one.pid));
  const others = os.ended.filter((one) => !node.has(one.pid));
  return {
    rows: rowsOf(parts),
    threads: threadsOf(parts),
    lines: [TASK_CLOCK],
    processes: others.length,
    hasUncountedNode: others.some((one) => /^node(js)?$/.test(one.program)),
    reason: totalNs === undefined ? 'the native addon is not loaded: threads are read from /proc only' : null,
    notes: notesOf(os, restNs / Math.max(totalNs ?? 0, 1)),
  };
}

function partsOf(os: OsThreads, one: OsProcess, tally: Tally, by: By): Part[] {
  const isCommand = one === os.command;
  const beforeNs = isCommand ? os.beforeNs : 0;
  const books = tally.threads.filter((thread) => thread.pid === one.pid);
  if (books.length > 0) return nodeParts(one, books, { by, beforeNs });
  const threads = one.allThreads();
  const row = (thread: OsThread): string =>
    by === 'thread'
      ? `(thread ${thread.name} ${thread.tid} of ${one.pid})`
      : `(process ${one.name} ${one.pid})`;
  const parts = threads.map((thread): Part => {
    const ns = thread.clock.cpuNs - (thread.tid === one.pid ? beforeNs : 0);
    return { row: row(thread), pid: one.pid, tid: thread.tid, thread: thread.name, ns };
  });
  const unseen = by === 'thread' ? `(short-lived threads of ${one.pid})` : `(process ${one.name} ${one.pid})`;
  return [...parts, { row: unseen, pid: one.pid, tid: 0, thread: '(short-lived threads)', ns: one.unseenNs }];
}

/** Its JavaScript threads are in its region, but for what they did before and after; the others are in none. */
function nodeParts(
  one: OsProcess,
  books: readonly ThreadBooks[],
  { by, beforeNs }: { by: By; beforeNs: number },
): Part[] {
  const regionNs = books.reduce((sum, thread) => sum + thread.total[TASK_CLOCK]!, 0);
  // Without the addon a worker does not know its tid: then no thread can be said to be something else.
  const isKnown = books.every((thread) => thread.tid !== 0 || thread.id === 0);
  const byTid = new Map(books.map((thread) => [thread.tid === 0 ? one.pid : thread.tid, thread]));
  const isJavaScript = (thread: OsThread): boolean => !isKnown || byTid.has(thread.tid);
  const threads = one.allThreads();
  const javaScriptNs = threads
    .filter(isJavaScript)
    .map((thread) => thread.cpuNsBeside(byTid.get(thread.tid)?.total[TASK_CLOCK] ?? 0))
    .reduce((sum, ns) => sum + ns, -beforeNs);
  const startNs = Math.max(0, javaScriptNs + one.unseenNs - regionNs);
  const start = {
    row: '(start and end)',
    pid: one.pid,
    tid: one.pid,
    thread: '(start and end)',
    ns: startNs,
  };
  const helpers = threads
    .filter((thread) => !isJavaScript(thread))
    .map((thread): Part => {
      const row = by === 'thread' ? `(thread ${thread.name} ${thread.tid})` : `(thread ${thread.name})`;
      return { row, pid: one.pid, tid: thread.tid, thread: thread.name, ns: thread.clock.cpuNs };
    });
  return [start, ...helpers];
}

function rowsOf(parts: readonly Part[]): OtherRow[] {
  const sums = new Map<string, number>();
  for (const { row, ns } of parts) sums.set(row, (sums.get(row) ?? 0) + ns);
  const sorted = [...sums].sort(([, a], [, b]) => b - a);
  const listed = sorted.slice(0, LISTED_MAX).map(([name, ns]) => ({ name, values: valuesOf(ns) }));
  const restNs = sorted.slice(LISTED_MAX).reduce((sum, [, ns]) => sum + ns, 0);
  return restNs === 0 ? listed : [...listed, { name: '(processes not listed)', values: valuesOf(restNs) }];
}

function threadsOf(parts: readonly Part[]): OtherThread[] {
  const sorted = [...parts].sort((a, b) => b.ns - a.ns);
  const listed = sorted.slice(0, LISTED_MAX).map(({ pid, tid, thread, ns }) => {
    return { pid, tid, name: thread, values: valuesOf(ns) };
  });
  const hidden = sorted.slice(LISTED_MAX);
  if (hidden.length === 0) return listed;
  const restNs = hidden.reduce((sum, { ns }) => sum + ns, 0);
  return [...listed, { pid: hidden[0]!.pid, tid: 0, name: '(threads not listed)', values: valuesOf(restNs) }];
}

function valuesOf(taskClockNs: number): Float64Array {
  const values = new Float64Array(EVENT_LINES);
  values[TASK_CLOCK] = taskClockNs;
  return values;
}

function notesOf(os: OsThreads, restShare: number): string[] {
  const notes: string[] = [];
  if (os.dropped > 0)
    notes.push(`${os.dropped} processes are not listed; what they used is in (short-lived threads)`);
  if (os.kernel.refused !== 0 && restShare > NOTED_SHARE) {
    notes.push(
      'perf_event_open is refused here, so what threads without JavaScript did last is in (short-lived threads); ' +
        'allow it with `sudo sysctl kernel.perf_event_paranoid=2`',
    );
  }
  return notes;
}

function hiddenNotes(): string[] {
  if (process.platform !== 'linux') return [];
  return ['/proc is not readable here: threads that run no JavaScript and other programs are not counted'];
}
