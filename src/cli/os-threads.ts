/**
 * All processes and threads of the command, as the kernel counts them: what is in no region. They are looked for while
 * the command runs, and followed to their end even when their parent has gone.
 *
 *     total of the command = JavaScript threads, as counted in their regions
 *                          + what these used before and after that
 *                          + all other threads that we have seen
 *                          + what came and went between two looks
 *
 * The total is the kernel's figure for all processes that were waited for (rusage), plus the processes that were not. A
 * look costs about 10 us per thread; we look every 50 ms, more often at the start, and seldom enough to use at most 2 %
 * of a core.
 */
import path from 'node:path';
import { fieldOf, noUsage } from './os-usage.ts';
import type { Usage } from './os-usage.ts';
import type { Addon } from '../node/addon.ts';
import { Kernel } from './os-counter.ts';
import { EventCounters, EventOpener } from './os-events.ts';
import type { OsEvent } from './os-events.ts';
import { OsProcess } from './os-process.ts';
import type { Counting } from './os-process.ts';
import { childrenByParent, hasProc, listsChildren, processes, wasGiven } from './os-proc.ts';

/** A JavaScript thread and what its region says. */
export interface RegionThread {
  readonly pid: number;
  readonly tid: number;
  /** By line. */
  readonly total: Float64Array;
}

const LOOK_MS_FIRST = 1;
const LOOK_MS_MAX = 50;
/** Every so many looks we look for processes whose parents were too short-lived to be seen. */
const STRAY_LOOKS = 10;
/** We rest this many times as long as the look took. */
const REST_FACTOR = 50;
const NAME_LENGTH_MAX = 15;
/** Processes remembered; what later ones use is in the rest. */
const PROCESSES_MAX = 10_000;

export interface OsOptions {
  readonly addon: Addon | null;
  readonly events: readonly OsEvent[];
  readonly regions: () => readonly RegionThread[];
  /** A variable, as `NAME=value`, that every process of the command was started with. */
  readonly mark: string;
}

export class OsThreads {
  readonly kernel: Kernel;
  readonly events: readonly OsEvent[];
  readonly opener: EventOpener;
  /** The events of the whole command. */
  readonly whole: EventCounters = new EventCounters();
  /** Of the command, the first is the command itself. */
  readonly processes: Map<number, OsProcess> = new Map();
  /** Ended ones: a pid may come back. */
  readonly ended: OsProcess[] = [];
  /** Processes that found no room in the list; each look finds them again. */
  readonly dropped: Set<number> = new Set();
  /** What the command's process had used before it became the command. */
  before: Usage = noUsage();
  /** Of the command itself. */
  command: OsProcess | undefined;
  readonly isVisible: boolean = process.platform === 'linux' && hasProc();
  readonly #listsChildren: boolean = listsChildren();
  readonly #regions: () => readonly RegionThread[];
  /** What all processes of the command have in their environment, as `NAME=value`. */
  readonly #mark: string;
  /** Processes that are known not to be of the command. */
  #strangers: ReadonlySet<number> = new Set();
  #looks = 0;
  readonly #counting: Counting;
  readonly #waited: Usage | undefined;
  #timer: NodeJS.Timeout | undefined;
  #restMs = LOOK_MS_FIRST;

  constructor({ addon, events, regions, mark }: OsOptions) {
    this.#regions = regions;
    this.#mark = mark;
    this.events = events;
    this.kernel = new Kernel(addon);
    this.opener = new EventOpener(this.kernel);
    this.#counting = { kernel: this.kernel, opener: this.opener, events };
    this.#waited = this.kernel.waited();
  }

  /** The command's process is there. `isHeld`: it waits for our word to exec, so it is counted from there on. */
  begin(pid: number, file: string, isHeld: boolean): void {
    if (!this.isVisible) return;
    this.command = new OsProcess(this.#counting, pid);
    // Should it end before our first look, this is its name: as long as the kernel's.
    this.command.threads.get(pid)!.name = path.basename(file).slice(0, NAME_LENGTH_MAX);
    this.whole.open(this.opener, { pid, tid: pid }, this.events, { inherit: true, onExec: isHeld });
    if (isHeld) this.command.threads.get(pid)!.openOnExec();
    this.processes.set(pid, this.command);
  }

  /** It runs: looks from now on until `stop`. */
  follow(before: Usage): void {
    const { command } = this;
    if (command === undefined) return;
    this.before = before;
    command.threads.get(command.pid)!.clock.began(before[0]!);
    const next = (): void => {
      const start = process.cpuUsage();
      this.look();
      // Its CPU time: where others keep the cores busy a look lasts longer, and costs no more.
      const { user, system } = process.cpuUsage(start);
      const tookMs = (user + system) / 1000;
      this.#restMs = Math.min(this.#restMs * 2, LOOK_MS_MAX);
      this.#timer = setTimeout(next, Math.max(this.#restMs, tookMs * REST_FACTOR));
    };
    this.#timer = setTimeout(next, LOOK_MS_FIRST);
  }

  /** One look at everything. */
  look(): void {
    const nowMs = performance.now();
    const regions = this.#regions();
    const slow = this.#listsChildren ? undefined : childrenByParent();
    const children = new Set<number>();
    if (this.#looks++ % STRAY_LOOKS === STRAY_LOOKS - 1) this.#addStrays();
    // Those found on the way are looked at, too: the map grows under the loop.
    for (const one of this.processes.values()) {
      if (one.look(nowMs)) this.#addChildren(one, slow, children);
      else this.#ended(one);
      // Its threads count by themselves, and registers are few.
      if (one.isNode) this.whole.closeHardware();
    }
    for (const { pid, tid, total } of regions) this.processes.get(pid)?.threads.get(tid)?.note(total);
    for (const one of this.processes.values()) one.isOrphan = one !== this.command && !children.has(one.pid);
  }

  #addChildren(one: OsProcess, slow: Map<number, number[]> | undefined, found: Set<number>): void {
    const pids =
      slow === undefined
        ? [...one.threads.values()].flatMap((thread) => thread.children())
        : (slow.get(one.pid) ?? []);
    for (const pid of pids) {
      found.add(pid);
      if (!this.processes.has(pid)) this.#add(pid);
    }
  }

  /** A parent that ended at once, as that of a daemon does, has left its children to another. */
  #addStrays(): void {
    const all = processes();
    for (const pid of all) {
      if (this.#strangers.has(pid) || this.processes.has(pid) || pid === process.pid) continue;
      if (wasGiven(pid, this.#mark)) this.#add(pid);
    }
    this.#strangers = new Set(all.filter((pid) => !this.processes.has(pid)));
  }

  #add(pid: number): void {
    if (this.processes.size + this.ended.length >= PROCESSES_MAX) this.dropped.add(pid);
    else this.processes.set(pid, new OsProcess(this.#counting, pid));
  }

  #ended(one: OsProcess): void {
    this.processes.delete(one.pid);
    this.ended.push(one);
  }

  /** The command has ended: reads everything for the last time. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#addStrays();
    if (this.processes.size > 0) this.look();
    for (const one of this.processes.values()) {
      one.isOrphan = true;
      one.end();
      this.#ended(one);
    }
    this.whole.end();
  }

  /** CPU time of the whole command, after `stop`; undefined where the kernel's figure is not to be had. */
  totalNs(): number | undefined {
    const waited = this.#waitedOf((usage) => usage[0]!);
    if (waited === undefined) return undefined;
    return this.ended.filter((one) => one.isOrphan).reduce((sum, one) => sum + one.cpuNs(), waited);
  }

  /** The same of another event; undefined where only the threads tell. */
  totalOf(line: number): number | undefined {
    const field = this.opener.fields.get(line);
    if (field === undefined) return this.whole.shares.has(line) ? this.whole.values[line] : undefined;
    const waited = this.#waitedOf((usage) => fieldOf(usage, field));
    if (waited === undefined) return undefined;
    return this.ended.filter((one) => one.isOrphan).reduce((sum, one) => sum + one.eventOf(line), waited);
  }

  #waitedOf(part: (usage: Usage) => number): number | undefined {
    const now = this.kernel.waited();
    if (this.#waited === undefined || now === undefined) return undefined;
    return Math.max(0, part(now) - part(this.#waited) - part(this.before));
  }
}
