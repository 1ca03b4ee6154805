/** What one process did outside of the books of its region, thread by thread, and in which row it is shown. */
import { TASK_CLOCK } from '../core/events.ts';
import { EVENT_LINES } from '../core/layout.ts';
import type { OsProcess, OsThread } from './os-process.ts';
import type { OsThreads } from './os-threads.ts';
import { fieldOf } from './os-usage.ts';
import type { Grouping, Tally, ThreadBooks } from './tally.ts';

export interface Part {
  readonly row: string;
  readonly pid: number;
  readonly tid: number;
  readonly thread: string;
  readonly values: Float64Array;
}

export interface PartsContext {
  readonly os: OsThreads;
  readonly tally: Tally;
  readonly by: Grouping;
  /** Lines that are counted. */
  readonly lines: readonly number[];
}

const START = '(start and end)';
const UNSEEN = '(short-lived threads)';
const NOTHING = new Float64Array(EVENT_LINES);

export function partsOf(one: OsProcess, context: PartsContext): Part[] {
  const books = context.tally.threads.filter((thread) => thread.pid === one.pid);
  return books.length > 0 ? nodeParts(one, books, context) : otherParts(one, context);
}

/** A process that is in no region: all its threads. */
function otherParts(one: OsProcess, { os, by, lines }: PartsContext): Part[] {
  const whole = `(process ${one.name} ${one.pid})`;
  const isByThread = by === 'thread';
  const threads = one.allThreads().map((thread): Part => {
    const row = isByThread ? `(thread ${thread.name} ${thread.tid} of ${one.pid})` : whole;
    const values = valuesOf(thread.clock.cpuNs, thread, lines);
    if (one === os.command && thread.tid === one.pid) takeBefore(values, os);
    return { row, pid: one.pid, tid: thread.tid, thread: thread.name, values };
  });
  const row = isByThread ? `(short-lived threads of ${one.pid})` : whole;
  return [...threads, { row, pid: one.pid, tid: 0, thread: UNSEEN, values: valuesOf(one.unseenNs) }];
}

/** Its JavaScript threads are in its region, but for what they did before and after; the others are in none. */
function nodeParts(one: OsProcess, books: readonly ThreadBooks[], { os, by, lines }: PartsContext): Part[] {
  // Without the addon a worker does not know its tid: then no thread can be said to be something else.
  const isKnown = books.every((thread) => thread.tid !== 0 || thread.id === 0);
  const totals = new Map(books.map((thread) => [thread.tid === 0 ? one.innerPid : thread.tid, thread.total]));
  const isJavaScript = (thread: OsThread): boolean =>
    !isKnown || thread.isJavaScript || totals.has(thread.innerTid);
  const threads = one.allThreads();
  const start = new Float64Array(EVENT_LINES);
  for (const thread of threads.filter(isJavaScript)) {
    const total = totals.get(thread.innerTid) ?? NOTHING;
    // What our last look at a worker missed is in what was not seen; the first thread's end is that of the process.
    const isFirst = thread.tid === one.pid;
    start[TASK_CLOCK]! += isFirst ? thread.cpuNsBeside(total[TASK_CLOCK]!) : thread.clock.cpuNs;
    for (const line of lines) if (line !== TASK_CLOCK) start[line]! += thread.events.beside(total, line);
  }
  // Workers that came and went between two looks are in the region as well.
  const regionNs = books.reduce((sum, thread) => sum + thread.total[TASK_CLOCK]!, 0);
  start[TASK_CLOCK] = Math.max(0, start[TASK_CLOCK]! + one.unseenNs - regionNs);
  if (one === os.command) takeBefore(start, os);
  const helpers = threads
    .filter((thread) => !isJavaScript(thread))
    .map((thread): Part => {
      const name = kindOf(thread.name);
      const row = by === 'thread' ? `(thread ${name} ${thread.tid})` : `(thread ${name})`;
      const values = valuesOf(thread.clock.cpuNs, thread, lines);
      return { row, pid: one.pid, tid: thread.tid, thread: thread.name, values };
    });
  return [{ row: START, pid: one.pid, tid: one.pid, thread: START, values: start }, ...helpers];
}

/** One name for a kind of thread of Node.js: 26 puts `node-` before it, and the kernel has room for 15 bytes. */
function kindOf(name: string): string {
  const plain = name.replace(/^node-/, '');
  return plain === 'DelayedTaskSche' ? 'DelayedTaskScheduler' : plain;
}

/** Less what the process did before it was the command. */
function takeBefore(values: Float64Array, os: OsThreads): void {
  values[TASK_CLOCK] = Math.max(0, values[TASK_CLOCK]! - os.before[0]!);
  for (const [line, field] of os.opener.fields)
    values[line] = Math.max(0, values[line]! - fieldOf(os.before, field));
}

function valuesOf(taskClockNs: number, thread?: OsThread, lines: readonly number[] = []): Float64Array {
  const values = new Float64Array(EVENT_LINES);
  if (thread !== undefined) for (const line of lines) values[line] = thread.events.values[line]!;
  values[TASK_CLOCK] = taskClockNs;
  return values;
}
