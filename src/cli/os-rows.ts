/**
 * What was counted and is in no region, as rows of the system section and as entries of `threads`: both have the same
 * sums, so the books of the whole command balance as those of a region do.
 */
import { TASK_CLOCK } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import { EVENT_LINES } from '../core/layout.ts';
import type { EventState } from './event-state.ts';
import type { Owner } from '../core/owner.ts';
import { partsOf } from './os-parts.ts';
import type { Part } from './os-parts.ts';
import type { OsThreads } from './os-threads.ts';
import { SCALED_TEXT, USER_ONLY_TEXT, errnoText, noAddonText, permissionText } from './reasons.ts';
import type { Grouping, Tally } from './tally.ts';

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

export interface SeenProcess {
  readonly pid: number;
  /** Of its first thread, at most 15 bytes. */
  readonly name: string;
  readonly isNode: boolean;
  /** As in OsProcess. */
  readonly script: string;
  readonly title: string;
  readonly owner: Owner | null;
  readonly rows: readonly OtherRow[];
}

export interface Others {
  /** Most costly first. */
  readonly rows: readonly OtherRow[];
  readonly threads: readonly OtherThread[];
  /** Lines counted for them; the other events only JavaScript threads have. */
  readonly lines: readonly number[];
  /** How far each event can be trusted where no region counts it, by line. */
  readonly states: ReadonlyMap<number, EventState>;
  /** Each process that was seen, with what of it is in no region; in the order of their ends. */
  readonly seen: readonly SeenProcess[];
  /** What belongs to none of them. */
  readonly unplaced: Float64Array;
  /** Processes seen that made no region. */
  readonly processes: number;
  /** One of them is Node.js. */
  readonly hasUncountedNode: boolean;
  /** How many of those that ran for long enough to have made one. */
  readonly uncountedNode: number;
  readonly notes: readonly string[];
}

export const NO_OTHERS: Others = {
  rows: [],
  threads: [],
  lines: [],
  states: new Map(),
  seen: [],
  unplaced: new Float64Array(EVENT_LINES),
  processes: 0,
  hasUncountedNode: false,
  uncountedNode: 0,
  notes: [],
};

export interface Context {
  /** Pid that is named where it was many. */
  readonly command: number;
  readonly by: Grouping;
  readonly events: readonly EventInfo[];
}

/** Rows and entries kept; the others are one. */
const LISTED_MAX = 1000;
/** A share of the command's CPU time from which on it is worth a note that its place is not known. */
const NOTED_SHARE = 0.01;
/** The least that it must lack: readings of running threads are apart by less. */
const NOTED_NS = 5e6;
/** CPU time in which Node.js has started and would have loaded us: `node --version` does not. */
const NODE_START_NS = 100e6;
const REST = '(short-lived threads)';

/** After `os.stop()`. */
export function othersOf(os: OsThreads, tally: Tally, context: Context): Others {
  if (!os.isVisible) return { ...NO_OTHERS, notes: hiddenNotes() };
  const states = statesOf(os, context.events);
  const lines = [...states].filter(([, state]) => state.supported).map(([line]) => line);
  const ofEach = os.ended.map((one) => partsOf(one, { os, tally, by: context.by, lines }));
  const seen = ofEach.flat();
  const left = leftOf(os, tally, seen);
  const values = left.map((value) => Math.max(0, value));
  const rest = { row: REST, pid: context.command, tid: 0, thread: REST, values };
  const parts = [...seen, rest].filter((part) => part.values.some((value) => value > 0));
  const node = new Set(tally.processes.map((one) => one.pid));
  const others = os.ended.filter((one) => !node.has(one.pid));
  return {
    rows: rowsOf(parts),
    threads: threadsOf(parts),
    lines,
    states,
    seen: os.ended.map(({ pid, name, isNode, script, title, owner }, i) => {
      return { pid, name, isNode, script, title, owner, rows: rowsOf(ofEach[i]!) };
    }),
    unplaced: values,
    processes: others.length,
    hasUncountedNode: others.some((one) => one.isNode),
    uncountedNode: others.filter((one) => one.isNode && one.cpuNs() > NODE_START_NS).length,
    notes: notesOf(os, left[TASK_CLOCK]!),
  };
}

/** What is in the command's total and in nothing that was seen. Below 0: the total lacks something. */
function leftOf(os: OsThreads, tally: Tally, seen: readonly Part[]): Float64Array {
  const rest = new Float64Array(EVENT_LINES);
  for (const { line } of os.events) rest[line] = os.totalOf(line) ?? 0;
  rest[TASK_CLOCK] = os.totalNs() ?? 0;
  const booked = [...seen.map((part) => part.values), ...tally.threads.map((thread) => thread.total)];
  return rest.map((value, line) => {
    return Math.round(booked.reduce((left, values) => left - values[line]!, value));
  });
}

function statesOf(os: OsThreads, events: readonly EventInfo[]): Map<number, EventState> {
  const states = new Map<number, EventState>();
  for (const event of events) {
    const state = stateOf(os, event);
    if (state !== undefined) states.set(event.id, state);
  }
  return states;
}

/** Undefined for an event that only JavaScript threads have. */
function stateOf(os: OsThreads, event: EventInfo): EventState | undefined {
  const exact: EventState = { event, kind: 'exact', supported: true, reason: null, share: 1 };
  if (event.id === TASK_CLOCK) {
    if (os.totalNs() !== undefined) return exact;
    return { ...exact, kind: 'estimated', reason: 'without the native addon it is read from /proc only' };
  }
  const asked = os.events.find((one) => one.line === event.id);
  if (asked === undefined) return undefined;
  const errno = os.opener.refused.get(event.id) ?? 0;
  if (errno !== 0) {
    const reason = os.kernel.hasAddon ? errnoText(errno, event.name) : noAddonText();
    return { ...exact, supported: false, reason, share: 0 };
  }
  const share = os.whole.shares.get(event.id) ?? 1;
  if (share < 1) return { ...exact, kind: 'scaled', reason: SCALED_TEXT, share };
  return os.opener.isUserOnly ? { ...exact, reason: USER_ONLY_TEXT } : exact;
}

function rowsOf(parts: readonly Part[]): OtherRow[] {
  const rows = new Map<string, OtherRow>();
  for (const { row, values } of parts) {
    const known = rows.get(row);
    if (known === undefined) rows.set(row, { name: row, values: values.slice() });
    else addTo(known.values, values);
  }
  return listed([...rows.values()], (values) => ({ name: '(processes not listed)', values }));
}

function threadsOf(parts: readonly Part[]): OtherThread[] {
  const threads = parts.map(({ pid, tid, thread, values }) => ({ pid, tid, name: thread, values }));
  return listed(threads, (values) => ({
    pid: threads[0]!.pid,
    tid: 0,
    name: '(threads not listed)',
    values,
  }));
}

/** Most costly first; what is too much for the list is one entry. */
function listed<T extends { readonly values: Float64Array }>(
  all: T[],
  merged: (values: Float64Array) => T,
): T[] {
  all.sort((a, b) => b.values[TASK_CLOCK]! - a.values[TASK_CLOCK]!);
  if (all.length <= LISTED_MAX) return all;
  const values = new Float64Array(EVENT_LINES);
  for (const one of all.slice(LISTED_MAX)) addTo(values, one.values);
  return [...all.slice(0, LISTED_MAX), merged(values)];
}

function addTo(sums: Float64Array, values: Float64Array): void {
  values.forEach((value, line) => (sums[line]! += value));
}

function notesOf(os: OsThreads, leftNs: number): string[] {
  const notes: string[] = [];
  const totalNs = os.totalNs();
  if (totalNs !== undefined && leftNs < -Math.max(totalNs * NOTED_SHARE, NOTED_NS)) {
    notes.push(
      `what was seen is ${Math.round(-leftNs / 1e6)} ms more than the kernel's account of the command, as when a program ` +
        `does not wait for what it starts; as much may be missing in ${REST}`,
    );
  }
  const dropped = os.dropped.size;
  if (dropped > 0) notes.push(`${dropped} processes are not listed; what they used is in ${REST}`);
  if (os.kernel.refused !== 0 && leftNs > (totalNs ?? 0) * NOTED_SHARE) {
    notes.push(
      `perf_event_open is refused here, so what threads without JavaScript did last is in ${REST}; ` +
        (os.kernel.hasAddon ? permissionText(2) : noAddonText()),
    );
  }
  return notes;
}

function hiddenNotes(): string[] {
  if (process.platform !== 'linux') return [];
  return ['/proc is not readable here: threads that run no JavaScript and other programs are not counted'];
}
