/** One process of the command and its threads, as the tool sees them from outside, look by look. */
import path from 'node:path';
import { TASK_CLOCK } from '../core/events.ts';
import { OWNER_VARIABLE, parseOwner } from '../core/owner.ts';
import type { Owner } from '../core/owner.ts';
import { ThreadClock } from './os-counter.ts';
import type { Kernel } from './os-counter.ts';
import { EventCounters } from './os-events.ts';
import type { EventOpener, OsEvent } from './os-events.ts';
import {
  childrenFile,
  childrenIn,
  commandOf,
  givenTo,
  ignoresChildrenIn,
  innerIdOf,
  nameOf,
  programOf,
  schedStatFile,
  schedStatIn,
  statusFile,
  threadsOf,
} from './os-proc.ts';
import type { ProcFile } from './os-proc.ts';

/** What all of them share. */
export interface Counting {
  readonly kernel: Kernel;
  readonly opener: EventOpener;
  readonly events: readonly OsEvent[];
}

/** A thread of Node.js that has counted nothing by itself for so long runs no JavaScript. */
const HELPER_MS = 250;

/** As much as a region has room for. */
const COMMAND_LENGTH_MAX = 88;

export class OsThread {
  readonly pid: number;
  readonly tid: number;
  readonly clock: ThreadClock;
  readonly events: EventCounters = new EventCounters();
  name = '';
  /** What it calls itself, in its own pid namespace. */
  innerTid: number;
  /** A region says so. */
  isJavaScript = false;
  readonly #counting: Counting;
  readonly #schedStat: ProcFile;
  readonly #children: ProcFile;
  #looks = 0;
  #seenMs = 0;
  /** The least that it had used beside what its region said at the same time. */
  #besideNs = Infinity;
  #isSpared = false;

  constructor(counting: Counting, pid: number, tid: number) {
    this.pid = pid;
    this.tid = tid;
    this.innerTid = tid;
    this.#counting = counting;
    this.clock = new ThreadClock(counting.kernel, tid);
    this.#schedStat = schedStatFile(pid, tid);
    this.#children = childrenFile(pid, tid);
  }

  /** It is about to become the command: it is counted from there on. */
  openOnExec(): void {
    const { opener, events } = this.#counting;
    this.clock.openOnExec();
    this.events.open(opener, this, events, { onExec: true });
  }

  /** false: it has gone. */
  look(isNode: boolean): boolean {
    // Of this thread: between the first and the last of a look we may have been off our core.
    const nowMs = performance.now();
    if (!this.clock.look(() => schedStatIn(this.#schedStat), nowMs)) return false;
    if (this.#looks === 0) this.#seenMs = nowMs;
    if (isRenameLook(this.#looks++)) this.name = nameOf(this.pid, this.tid) ?? this.name;
    if (this.#counting.events.length > 0) this.#lookAtEvents(nowMs, isNode);
    return true;
  }

  #lookAtEvents(nowMs: number, isNode: boolean): void {
    const { opener, events } = this.#counting;
    const mayCount = !isNode || (nowMs - this.#seenMs > HELPER_MS && this.tid !== this.pid);
    if (this.isJavaScript || !mayCount) this.events.closeHardware();
    if (this.isJavaScript && this.clock.isRestless) this.#spare();
    if (!this.isJavaScript)
      this.events.open(
        opener,
        this,
        events.filter((one) => mayCount || !one.isHardware),
      );
    this.events.read();
  }

  /** It counts by itself, and would feel more counters. */
  #spare(): void {
    if (!this.#isSpared) this.events.close();
    this.#isSpared = true;
  }

  /** A JavaScript thread: what the region had on the thread's totals just before the last look. */
  note(region: Float64Array): void {
    this.isJavaScript = true;
    this.#besideNs = Math.min(this.#besideNs, Math.max(0, this.clock.cpuNs - region[TASK_CLOCK]!));
    this.events.note(region);
  }

  /** Its CPU time, when its region ended with `regionNs`: what our last look missed is in the region, too. */
  cpuNsBeside(regionNs: number): number {
    const { cpuNs, isComplete } = this.clock;
    if (isComplete || this.#besideNs === Infinity) return cpuNs;
    return Math.max(cpuNs, regionNs + this.#besideNs);
  }

  /** It has gone. */
  end(): void {
    this.clock.end();
    this.events.end();
    this.#schedStat.close();
    this.#children.close();
  }

  /** Processes that it has started and that are still its children. */
  children(): number[] {
    return childrenIn(this.#children);
  }
}

export class OsProcess {
  readonly pid: number;
  readonly threads: Map<number, OsThread> = new Map();
  readonly ended: OsThread[] = [];
  /** File name of the program, '' when it is hidden from us. */
  program = '';
  /** The script of Node.js, '' where it runs none or is something else. */
  script = '';
  /** What Node.js calls itself (process.title), '' where it has not chosen a name. */
  title = '';
  /** The task that started it, as its environment says. */
  owner: Owner | null = null;
  /** Who is told what it used when it ends; undefined when its parent has gone or was never seen. */
  parent: OsProcess | undefined;
  /** A region was found to be of it. */
  isMatched = false;
  /** CPU time of threads that came and went between two looks. */
  unseenNs = 0;
  readonly #counting: Counting;
  readonly #first: OsThread;
  readonly #status: ProcFile;
  #endedNs = 0;
  #looks = 0;
  /** Its parent does not want to be told. */
  #isForgotten = false;

  constructor(counting: Counting, pid: number, parent?: OsProcess) {
    this.#counting = counting;
    this.pid = pid;
    this.parent = parent;
    this.#first = new OsThread(counting, pid, pid);
    this.#status = statusFile(pid);
    this.threads.set(pid, this.#first);
  }

  /** What it calls itself. */
  get innerPid(): number {
    return this.#first.innerTid;
  }

  /** It is in another pid namespace than we are. */
  get isNested(): boolean {
    return this.innerPid !== this.pid;
  }

  get isNode(): boolean {
    return /^node(js)?$/.test(this.program);
  }

  /** Its first thread has the name of the process. */
  get name(): string {
    return this.#first.name;
  }

  /** All it had and has. */
  allThreads(): OsThread[] {
    return [...this.ended, ...this.threads.values()];
  }

  cpuNs(): number {
    return this.allThreads().reduce((sum, thread) => sum + thread.clock.cpuNs, this.unseenNs);
  }

  eventOf(line: number): number {
    return this.allThreads().reduce((sum, thread) => sum + thread.events.values[line]!, 0);
  }

  /** false: it has gone. */
  look(): boolean {
    // Before the list of threads: what those that start in between do must not look like threads that we have not seen.
    const wholeNs = this.#counting.kernel.processCpuNs(this.pid);
    const tids = threadsOf(this.pid);
    if (this.#looks === 0) this.#first.innerTid = innerIdOf(this.pid, this.pid);
    if (isRenameLook(this.#looks++)) this.#identify();
    for (const tid of tids ?? []) if (!this.threads.has(tid)) this.#add(tid);
    const present = new Set(tids);
    const { isNode } = this;
    let liveNs = 0;
    for (const thread of this.threads.values()) {
      if (present.has(thread.tid) && thread.look(isNode)) liveNs += thread.clock.cpuNs;
      else this.#end(thread);
    }
    if (wholeNs !== undefined) this.unseenNs = Math.max(this.unseenNs, wholeNs - liveNs - this.#endedNs);
    return this.threads.size > 0;
  }

  /** An execve changes all of this. */
  #identify(): void {
    const { pid } = this;
    this.program = programOf(pid) || this.program;
    if (this.isNode) this.#readCommand(commandOf(pid));
    this.owner = parseOwner(givenTo(pid, OWNER_VARIABLE)) ?? this.owner;
  }

  /** A title is written over the command line, and the rest of it is cleared. */
  #readCommand([first = '', ...words]: readonly string[]): void {
    const isTitle = words.every((word) => word === '') && path.basename(first) !== this.program;
    this.title = isTitle ? shownName(first) : '';
    if (!isTitle) this.script = scriptIn(words) || this.script;
  }

  /** The thread that calls itself so. */
  threadInside(tid: number): OsThread | undefined {
    if (!this.isNested) return this.threads.get(tid);
    return [...this.threads.values()].find((thread) => thread.innerTid === tid);
  }

  /** After a look at its possible parents. None: the one it had has gone, or it was started after we had looked. */
  foundUnder(parent: OsProcess | undefined): void {
    if (parent !== undefined) this.parent = parent;
    else if (this.parent?.threads.size === 0) this.parent = undefined;
    this.#isForgotten = parent?.ignoresChildren() ?? this.#isForgotten;
  }

  ignoresChildren(): boolean {
    return ignoresChildrenIn(this.#status);
  }

  /**
   * Is what it used in what the parent of `command` is told? Everybody on the way must be there and ask: what the children
   * of a daemon used is lost with the daemon. One who ended between two looks is taken to have been waited for.
   */
  isWaitedFor(command: OsProcess | undefined): boolean {
    let lost = this as OsProcess | undefined;
    while (lost !== undefined && lost !== command && !lost.#isForgotten) lost = lost.parent;
    return lost === command;
  }

  /** It has gone, or nobody will look any more. */
  end(): void {
    for (const thread of this.threads.values()) this.#end(thread);
    this.#status.close();
  }

  #add(tid: number): void {
    const thread = new OsThread(this.#counting, this.pid, tid);
    if (this.isNested) thread.innerTid = innerIdOf(this.pid, tid);
    this.threads.set(tid, thread);
  }

  #end(thread: OsThread): void {
    thread.end();
    this.#endedNs += thread.clock.cpuNs;
    this.threads.delete(thread.tid);
    this.ended.push(thread);
  }
}

/** The first word that is no option of Node.js, nor the value of one; '' where the program is none of the words. */
function scriptIn(words: readonly string[]): string {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (/^(-e|--eval|-p|-pe|--print)$/.test(word)) return `node ${word}`;
    if (/^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions)$/.test(word)) i++;
    else if (!word.startsWith('-')) return shownName(path.basename(word));
  }
  return '';
}

/** A command line may be of any length, and of any bytes. */
function shownName(text: string): string {
  return text.slice(0, COMMAND_LENGTH_MAX);
}

/**
 * Threads name themselves when they have begun to run, which may be some looks later where the cores are busy, and an execve
 * renames: each of the first eight looks asks again, then look 16, 32 …
 */
function isRenameLook(looks: number): boolean {
  return looks < 8 || (looks & (looks - 1)) === 0;
}
