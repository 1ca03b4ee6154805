/**
 * One look at one region: the books of its threads and of its names as they are now. Nothing is written, nothing is
 * waited for: all of it works the same while the program's event loop is blocked.
 *
 * What a task has used since it was given the thread is in no book yet. It is estimated here (running.ts) and added to
 * its name, so that a task that blocks the thread for ten seconds is seen to use it from the first of them.
 */
import { EVENTS, EVENT_GIVEN_FIRST, TASK_CLOCK } from '../../core/events.ts';
import {
  EVENT_LINES,
  H_EVENTS,
  H_F64_START_MONO,
  H_OFF,
  H_STATE,
  H_TASKS_USED,
  NAME_TOTAL_BYTES,
  NT_F64_EXITS,
  NT_F64_STARTS,
  NT_F64_SUM,
  PROCESS_EXITED,
  THREAD_LIVE,
  T_F64_IDLE,
  T_F64_LATE,
  T_F64_LOOP,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  T_STATE,
} from '../../core/layout.ts';
import { checkRows } from '../balance.ts';
import { visitLiveTasks } from '../live.ts';
import { hasSums } from '../tally.ts';
import { threadName } from '../reader.ts';
import type { RegionReader, Words } from '../reader.ts';
import { blockagesOf, newestBlockage } from '../../core/blockages.ts';
import type { NewestBlockage } from '../../core/blockages.ts';
import { culpritOf } from '../culprit.ts';
import type { Culprit } from '../culprit.ts';
import { BEHIND_LOOP, BEHIND_NOBODY, waitPairsOf } from '../../core/behind.ts';
import { holderOf, pendingOf } from './holder.ts';
import type { Holder, Pending } from './holder.ts';
import type { Running } from './running.ts';

/**
 * Live tasks are looked at one by one only where that many or fewer have been alive at once (a default region has room for
 * 16,384): it takes 1.3 µs each. Beyond that what they have used so far is known in sum only, until they end.
 */
export const LIVE_SCAN_MAX: number = 32_768;

export interface ThreadBooks {
  readonly index: number;
  readonly name: string;
  readonly isLive: boolean;
  /** What the thread has counted, by event line, and the parts of it. */
  readonly total: Float64Array;
  readonly tasks: Float64Array;
  readonly unattributed: Float64Array;
  readonly late: Float64Array;
  readonly loop: Float64Array;
  readonly idle: Float64Array;
  /** Who has the thread; undefined once the thread or its process has ended. */
  readonly holder: HeldThread | undefined;
  readonly pending: Pending;
  /** The longest stretches of JavaScript and the newest one, with names; the longest first. */
  readonly blockages: readonly NamedBlockage[];
}

export interface NamedBlockage extends NewestBlockage {
  /** Who had the thread for the longest part of it. */
  readonly culprit: Culprit;
}

/** Tasks of one name that waited behind those of another. */
export interface WaitedBehind {
  readonly waiting: string;
  readonly behind: string;
  count: number;
  /** At most: of those that an event began the moment they became ready is not known. */
  ns: number;
}

export interface HeldThread extends Holder {
  /** false: it sleeps. Undefined: the system does not say. */
  readonly isOnCpu: boolean | undefined;
}

export interface NameBooks {
  starts: number;
  exits: number;
  /** Exited tasks. */
  readonly exited: Float64Array;
  /** Exited and live ones, and what runs now. */
  readonly values: Float64Array;
}

/** An event that the process counts for every task. */
export interface CountedEvent {
  readonly id: number;
  readonly name: string;
  readonly unit: 'ns' | 'count' | 'bytes';
}

export interface Snapshot {
  /** CLOCK_MONOTONIC. */
  readonly atNs: number;
  readonly startNs: number;
  readonly hasEnded: boolean;
  /** Why taskperf switched itself off there; empty when it did not. */
  readonly off: string;
  readonly node: string;
  readonly events: readonly CountedEvent[];
  readonly eventBits: number;
  /** Line of gc-time, undefined when it is not counted. */
  readonly gcLine: number | undefined;
  /** There were too many live tasks to look at each. */
  readonly isPartial: boolean;
  /** CPU time of all tasks, also of those that were not looked at. */
  readonly tasksCpuNs: number;
  readonly threads: readonly ThreadBooks[];
  readonly names: ReadonlyMap<string, NameBooks>;
  /** By both names. */
  readonly waits: ReadonlyMap<string, WaitedBehind>;
}

export function takeSnapshot(reader: RegionReader, atNs: number, running: Running | undefined): Snapshot {
  reader.refresh();
  const { i32, f64 } = reader.header;
  const names = new Map<string, NameBooks>();
  const waits = new Map<string, WaitedBehind>();
  const threads: ThreadBooks[] = [];
  const isPartial = i32[H_TASKS_USED]! > LIVE_SCAN_MAX;
  for (let index = 0; index < reader.threadsUsed; index++) {
    const slot = reader.thread(index);
    if (slot === undefined) continue;
    addTotals(reader, index, names);
    addWaits(reader, slot, waits);
    threads.push(booksOf(reader, slot, { index, holder: running && heldThread(reader, slot, running) }));
  }
  if (!isPartial) {
    visitLiveTasks(reader, atNs, (task) => {
      const { values } = booksOfName(names, reader.name(task.name));
      for (let event = 0; event < EVENT_LINES; event++) values[event]! += task.values[event]!;
    });
  }
  if (reader.isFinal) checkRows(names.values(), reader.damage);
  else for (const { exited, values } of names.values()) [exited, values].forEach(atLeastNothing);
  const tasksCpuNs = addUnbooked({ threads, names, running, atNs });
  return {
    atNs,
    startNs: reader.damage.amount(f64[H_F64_START_MONO]!, 'the start of the process'),
    hasEnded: running === undefined || i32[H_STATE] === PROCESS_EXITED,
    off: i32[H_OFF] === 1 ? reader.offMessage : '',
    node: reader.nodeVersion,
    events: countedEvents(reader),
    eventBits: i32[H_EVENTS]!,
    gcLine: lineOf(reader, 'gc-time'),
    isPartial,
    tasksCpuNs,
    threads,
    names,
    waits,
  };
}

/** What has moved from one thread's books to another's while they were read may be missing from both. */
function atLeastNothing(sums: Float64Array): void {
  for (let event = 0; event < EVENT_LINES; event++) sums[event] = Math.max(0, sums[event]!);
}

interface Unbooked {
  readonly threads: readonly ThreadBooks[];
  readonly names: Map<string, NameBooks>;
  readonly running: Running | undefined;
  readonly atNs: number;
}

/** Adds what no book has yet to the names it will belong to. Returns the CPU time of all tasks. */
function addUnbooked({ threads, names, running, atNs }: Unbooked): number {
  let tasksCpuNs = 0;
  const credit = (name: string, cpuNs: number): void => {
    booksOfName(names, name).values[TASK_CLOCK]! += cpuNs;
    tasksCpuNs += cpuNs;
  };
  for (const { index, holder, pending, tasks } of threads) {
    tasksCpuNs += tasks[TASK_CLOCK]!;
    if (pending.name !== undefined) credit(pending.name, pending.cpuNs);
    if (holder === undefined || holder.kind === 'unseen' || running === undefined) continue;
    const cpuNs = running.cpuNs(index, holder, atNs);
    if (holder.kind === 'task') credit(holder.name, cpuNs);
  }
  return tasksCpuNs;
}

function heldThread(reader: RegionReader, slot: Words, running: Running): HeldThread {
  const holder = holderOf(reader, slot);
  return { ...holder, isOnCpu: running.isOnCpu(holder.tid) };
}

function booksOf(
  reader: RegionReader,
  slot: Words,
  { index, holder }: { index: number; holder: HeldThread | undefined },
): ThreadBooks {
  const line = (at: number): Float64Array => slot.f64.subarray(at, at + EVENT_LINES);
  const isLive = slot.i32[T_STATE] === THREAD_LIVE;
  return {
    index,
    name: threadName(slot),
    isLive,
    total: line(T_F64_TOTAL),
    tasks: line(T_F64_TASKS),
    unattributed: line(T_F64_UNATTRIBUTED),
    late: line(T_F64_LATE),
    loop: line(T_F64_LOOP),
    idle: line(T_F64_IDLE),
    holder: isLive ? holder : undefined,
    pending: pendingOf(reader, slot),
    blockages: namedBlockages(reader, slot),
  };
}

/** The records are of the longest since the start: a shorter one of just now is in none of them. */
function namedBlockages(reader: RegionReader, slot: Words): NamedBlockage[] {
  const found: NewestBlockage[] = blockagesOf(slot);
  const newest = newestBlockage(slot);
  if (newest !== undefined && !found.some(({ beginNs }) => beginNs === newest.beginNs)) found.push(newest);
  return found.map((one) => ({ ...one, culprit: culpritOf(one, reader, slot) }));
}

function addWaits(reader: RegionReader, slot: Words, waits: Map<string, WaitedBehind>): void {
  for (const pair of waitPairsOf(slot)) {
    const [waiting, behind] = [reader.name(pair.waiting), behindText(reader, pair.behind)];
    const key = `${waiting}\n${behind}`;
    let row = waits.get(key);
    if (row === undefined) waits.set(key, (row = { waiting, behind, count: 0, ns: 0 }));
    row.count += pair.count;
    row.ns += pair.atMostNs;
  }
}

function behindText(reader: RegionReader, behind: number): string {
  if (behind === BEHIND_NOBODY) return '(no task)';
  return behind === BEHIND_LOOP ? '(event loop)' : reader.name(behind);
}

function addTotals(reader: RegionReader, thread: number, names: Map<string, NameBooks>): void {
  const totals = reader.nameTotals(thread);
  for (let name = 0; name < reader.namesUsed; name++) {
    const at = (name * NAME_TOTAL_BYTES) / 8;
    const starts = totals[at + NT_F64_STARTS]!;
    const exits = totals[at + NT_F64_EXITS]!;
    // Without either: what jobs of other threads' tasks have cost, and what of it has arrived (core/job.ts).
    if (starts === 0 && exits === 0 && !hasSums(totals, at + NT_F64_SUM)) continue;
    const books = booksOfName(names, reader.name(name));
    books.starts += starts;
    books.exits += exits;
    for (let event = 0; event < EVENT_LINES; event++) {
      books.exited[event]! += totals[at + NT_F64_SUM + event]!;
      books.values[event]! += totals[at + NT_F64_SUM + event]!;
    }
  }
}

function booksOfName(names: Map<string, NameBooks>, name: string): NameBooks {
  let books = names.get(name);
  if (books === undefined) {
    books = {
      starts: 0,
      exits: 0,
      exited: new Float64Array(EVENT_LINES),
      values: new Float64Array(EVENT_LINES),
    };
    names.set(name, books);
  }
  return books;
}

function countedEvents(reader: RegionReader): CountedEvent[] {
  const bits = reader.header.i32[H_EVENTS]!;
  const counted: CountedEvent[] = [];
  for (let id = 0; id < EVENT_LINES; id++) {
    if ((bits & (1 << id)) === 0) continue;
    const given = reader.eventRow(id);
    const event = EVENTS[id] ?? (given && { id, name: given.name, unit: unitOf(given.name) });
    if (event !== undefined) counted.push(event);
  }
  return counted;
}

/** The region has the names of events that are given lines at run time, not their units. */
function unitOf(name: string): CountedEvent['unit'] {
  if (/-(?:time|clock)$/.test(name)) return 'ns';
  return name.endsWith('-bytes') ? 'bytes' : 'count';
}

function lineOf(reader: RegionReader, name: string): number | undefined {
  for (let line = EVENT_GIVEN_FIRST; line < EVENT_LINES; line++)
    if (reader.eventRow(line)?.name === name) return line;
  return undefined;
}
