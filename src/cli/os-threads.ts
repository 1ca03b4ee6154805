/**
 * All processes and threads of the command, as the kernel counts them: what is in no region. They are looked for while
 * the command runs, and followed to their end even when their parent has gone.
 *
 *     total of the command = JavaScript threads, as counted in their regions
 *                          + what these used before and after that
 *                          + all other threads that we have seen
 *                          + what came and went between two looks
 *
 * The total is the kernel's figure for all processes that were waited for (rusage), plus the processes that were not: those
 * whose parent, or a parent's parent, has left them, and children of a parent that does not ask for them. A look costs about 10 us per thread; we look every 50 ms, more often at the start, and seldom enough to use at most 2 %
 * of a core.
 */
import path from 'node:path';
import { fieldOf, noUsage } from './os-usage.ts';
import type { Usage } from './os-usage.ts';
import { isAlive } from './directory.ts';
import type { Owner } from '../core/owner.ts';
import type { Addon } from '../node/addon.ts';
import { Kernel } from './os-counter.ts';
import { EventCounters, EventOpener } from './os-events.ts';
import type { OsEvent } from './os-events.ts';
import { OsProcess } from './os-process.ts';
import type { Counting } from './os-process.ts';
import { childrenByParent, hasProc, innerIdOf, listsChildren, processes, wasGiven } from './os-proc.ts';

/** A JavaScript thread and what its region says. */
export interface RegionThread {
  readonly pid: number;
  /** What it calls itself, in its own pid namespace. */
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
  readonly #owners: Owner[] = [];
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

  /**
   * The process of the command that calls itself `inner`, as a region does: in another pid namespace it has another number
   * than here. Undefined: we have not seen it, or not yet.
   */
  hostPidOf(inner: number): number | undefined {
    if (!this.isVisible) return inner;
    const named = [...this.processes.values(), ...this.ended].filter((one) => one.innerPid === inner);
    const isThere = ({ pid }: OsProcess): boolean => this.processes.has(pid) && isAlive(pid);
    const nested = named.filter((one) => one.isNested);
    // A number comes back sooner in a small namespace: one without a region goes before one that has made its region.
    const found =
      nested.find((one) => !one.isMatched && (one.isNode || isThere(one))) ?? nested.find(isThere);
    if (found !== undefined) {
      found.isMatched = true;
      return found.pid;
    }
    if (named.length > nested.length) return inner;
    return innerIdOf(inner, inner) === inner && this.owns(inner) ? inner : undefined;
  }

  /** Is it of the command? Asked before it is killed: a process that we have seen may have gone, and its number come back. */
  owns(pid: number): boolean {
    return !this.isVisible || wasGiven(pid, this.#mark);
  }

  /** Tasks that own processes, found since this was last called. */
  takeOwners(): Owner[] {
    return this.#owners.splice(0);
  }

  /** One look at everything. */
  look(): void {
    const regions = this.#regions();
    const slow = this.#listsChildren ? undefined : childrenByParent();
    const parents = new Map<number, OsProcess>();
    if (this.#looks++ % STRAY_LOOKS === STRAY_LOOKS - 1) this.#addStrays();
    // Those found on the way are looked at, too: the map grows under the loop.
    for (const one of this.processes.values()) {
      const { owner } = one;
      if (one.look()) this.#addChildren(one, slow, parents);
      else this.#ended(one);
      if (one.owner !== null && one.owner !== owner) this.#owners.push(one.owner);
      // Its threads count by themselves, and registers are few.
      if (one.isNode) this.whole.closeHardware();
    }
    for (const { pid, tid, total } of regions) this.processes.get(pid)?.threadInside(tid)?.note(total);
    for (const one of this.processes.values()) one.foundUnder(parents.get(one.pid));
  }

  #addChildren(
    one: OsProcess,
    slow: Map<number, number[]> | undefined,
    parents: Map<number, OsProcess>,
  ): void {
    const pids =
      slow === undefined
        ? [...one.threads.values()].flatMap((thread) => thread.children())
        : (slow.get(one.pid) ?? []);
    for (const pid of pids) {
      parents.set(pid, one);
      if (!this.processes.has(pid)) this.#add(pid, one);
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

  #add(pid: number, parent?: OsProcess): void {
    if (this.processes.size + this.ended.length >= PROCESSES_MAX) this.dropped.add(pid);
    else this.processes.set(pid, new OsProcess(this.#counting, pid, parent));
  }

  #ended(one: OsProcess): void {
    one.end();
    this.processes.delete(one.pid);
    this.ended.push(one);
  }

  /** The command has ended: reads everything for the last time. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#addStrays();
    if (this.processes.size > 0) this.look();
    for (const one of this.processes.values()) {
      // It is still there: nobody has waited for it.
      one.parent = undefined;
      this.#ended(one);
    }
    this.whole.end();
  }

  /** CPU time of the whole command, after `stop`; undefined where the kernel's figure is not to be had. */
  totalNs(): number | undefined {
    const waited = this.#waitedOf((usage) => usage[0]!);
    if (waited === undefined) return undefined;
    return this.#lost().reduce((sum, one) => sum + one.cpuNs(), waited);
  }

  /** The same of another event; undefined where only the threads tell. */
  totalOf(line: number): number | undefined {
    const field = this.opener.fields.get(line);
    if (field === undefined) return this.whole.shares.has(line) ? this.whole.values[line] : undefined;
    const waited = this.#waitedOf((usage) => fieldOf(usage, field));
    if (waited === undefined) return undefined;
    return this.#lost().reduce((sum, one) => sum + one.eventOf(line), waited);
  }

  /** Those whose use nobody has told the kernel to pass on. */
  #lost(): OsProcess[] {
    return this.ended.filter((one) => !one.isWaitedFor(this.command));
  }

  #waitedOf(part: (usage: Usage) => number): number | undefined {
    const now = this.kernel.waited();
    if (this.#waited === undefined || now === undefined) return undefined;
    return Math.max(0, part(now) - part(this.#waited) - part(this.before));
  }
}
