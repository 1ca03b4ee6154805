/**
 * Kernel counters on threads of other processes, and from them the CPU time of one such thread.
 *
 * `schedstat` is the same clock that JavaScript threads are counted by (CLOCK_THREAD_CPUTIME_ID, which the process's own
 * rusage is the sum of), but it is gone with the thread: what the thread used after our last look would be missing. A
 * perf task-clock event can still be read then, but it stands still while the kernel switches: of a thread that is woken
 * 20,000 times a second on changing cores it sees up to 20 % less. So the perf event tells what was used since the last
 * look, and `schedstat` all before:
 *
 *     CPU time = perf event + offset        offset = schedstat - perf event, when both were read last
 *
 * A thread with a perf event of its own costs the kernel about 1 us more at every switch (measured: 0.9). So who switches
 * often loses it again: its CPU time is then that of the last look.
 */
import { constants } from 'node:os';
import type { Addon } from '../node/addon.ts';
import type { PerfSpec } from '../node/events/event.ts';
import { noUsage } from './os-usage.ts';
import type { Usage } from './os-usage.ts';
import { openFilesMax } from './os-proc.ts';
import type { SchedStat } from './os-proc.ts';

/** PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK. Not the kernel's share: it is counted anyway, but may be refused. */
const TASK_CLOCK_SPEC: PerfSpec = {
  type: 1,
  config: 1n,
  config1: 0n,
  config2: 0n,
  excludeUser: false,
  excludeKernel: true,
};
const { EACCES, EMFILE, ENOSYS, EPERM } = constants.errno;

/** A count on a thread. */
export interface Counter {
  /** The part of the time in which it was counted, 0 to 1. */
  readonly share: number;
  /** It never goes back, and keeps its value when the thread has gone. */
  read(): number;
  close(): void;
}

export interface OpenOptions {
  /** Counts what the thread starts from now on, too. */
  readonly inherit?: boolean;
  /** Counts from its next execve on. */
  readonly onExec?: boolean;
}

/** Opens counters; where the kernel refuses the first of its clocks for lack of rights, no more is tried. */
export class Kernel {
  /** The errno that says that perf events are not for us, 0 when none has. */
  refused = 0;
  readonly hasAddon: boolean;
  readonly #addon: Addon | null;
  #open = 0;
  /** Perf events are for us: what is refused now is that thread (its program is set-user-ID, or hidden from tracers). */
  #hasOpened = false;
  readonly #words: Float64Array = new Float64Array(3);

  constructor(addon: Addon | null) {
    this.#addon = addon;
    this.hasAddon = addon !== null;
    if (addon === null) this.refused = ENOSYS;
  }

  openClock(tid: number, options: OpenOptions): KernelCounter | undefined {
    const counter = this.open(tid, TASK_CLOCK_SPEC, options);
    if (typeof counter !== 'number') return counter;
    if (!this.#hasOpened && [EPERM, EACCES, ENOSYS].includes(counter)) this.refused = counter;
    return undefined;
  }

  /** An errno when it is refused or the thread has gone. */
  open(
    tid: number,
    spec: PerfSpec,
    { inherit = false, onExec = false }: OpenOptions,
  ): KernelCounter | number {
    if (this.refused !== 0) return this.refused;
    if (this.#open >= openFilesMax() / 2) return EMFILE;
    const fd = this.#addon!.perfOpen(tid, spec, inherit, onExec);
    if (fd < 0) return -fd;
    this.#open++;
    this.#hasOpened = true;
    return new KernelCounter(this, fd);
  }

  /** [value, ns enabled, ns running], undefined when the reading failed. */
  read(fd: number): Float64Array | undefined {
    return this.#addon!.perfRead(fd, this.#words) === 0 ? this.#words : undefined;
  }

  close(fd: number): void {
    this.#open--;
    this.#addon!.perfClose(fd);
  }

  /** CPU time of all threads that the process has and had, undefined when it is gone or there is no addon. */
  processCpuNs(pid: number): number | undefined {
    const ns = this.#addon?.processCpu(pid) ?? -1;
    return ns < 0 ? undefined : ns;
  }

  /** What the processes that were waited for have used, undefined without the addon. */
  waited(): Usage | undefined {
    if (this.#addon === null) return undefined;
    const usage = noUsage();
    this.#addon.childrenUsage(usage);
    return usage;
  }
}

export class KernelCounter implements Counter {
  /** As of the last reading; it never goes back. */
  value = 0;
  /** The part of the time in which it was counted, 0 to 1. */
  share = 1;
  readonly #kernel: Kernel;
  readonly #fd: number;

  constructor(kernel: Kernel, fd: number) {
    this.#kernel = kernel;
    this.#fd = fd;
  }

  /** Scaled where the kernel could count only part of the time. */
  read(): number {
    const words = this.#kernel.read(this.#fd);
    if (words === undefined) return this.value;
    const value = words[0]!;
    const enabledNs = words[1]!;
    const runningNs = words[2]!;
    this.share = runningNs < enabledNs ? runningNs / enabledNs : 1;
    this.value = Math.max(this.value, this.share > 0 ? Math.round(value / this.share) : 0);
    return this.value;
  }

  close(): void {
    this.#kernel.close(this.#fd);
  }
}

/** Above this many turns a second a thread loses its perf event, below a quarter of it gets one again. */
const TURNS_PER_SECOND_MAX = 2000;
/** Over less than this a few turns in a row would be a rate: on a busy machine everyone has them. */
const RATE_MS_MIN = 10;

/** The CPU time of one thread. */
export class ThreadClock {
  /** Best figure so far. */
  cpuNs = 0;
  /** true: nothing the thread used is missing, even after its end. */
  isComplete = false;
  /** It switches so often that a perf event would be felt. */
  isRestless = false;
  readonly #kernel: Kernel;
  readonly #tid: number;
  #perf: KernelCounter | undefined;
  #offsetNs = 0;
  #turns = 0;
  #turnsMs = 0;

  constructor(kernel: Kernel, tid: number) {
    this.#kernel = kernel;
    this.#tid = tid;
  }

  /** The thread is about to exec: counts from there on. */
  openOnExec(): void {
    this.#perf = this.#kernel.openClock(this.#tid, { onExec: true });
  }

  /** It has exec'd, and had used this much before. */
  began(cpuNs: number): void {
    this.#offsetNs = Math.max(this.#offsetNs, cpuNs);
  }

  /** false: the thread has gone. */
  look(read: () => SchedStat | undefined, nowMs: number): boolean {
    let before = this.#perf?.read();
    let stat = read();
    if (stat === undefined) return false;
    this.#choose(stat, nowMs);
    const perf = this.#perf;
    if (perf === undefined) {
      this.cpuNs = Math.max(this.cpuNs, stat.cpuNs);
      return true;
    }
    if (before === undefined) {
      // What the thread used until the perf event was open is in neither, which for a tool that had to wait for a core was 18 ms.
      before = perf.read();
      stat = read() ?? stat;
    }
    const after = perf.read();
    // It did not run between the two: schedstat is exact. Otherwise it may be behind by a tick, so the largest counts.
    const offsetNs = stat.cpuNs - after;
    this.#offsetNs = before === after ? offsetNs : Math.max(offsetNs, this.#offsetNs);
    this.cpuNs = Math.max(this.cpuNs, after + this.#offsetNs);
    return true;
  }

  /** The thread has gone: what it used after the last look is known from the perf event only. */
  end(): void {
    if (this.#perf === undefined) return;
    this.cpuNs = Math.max(this.cpuNs, this.#perf.read() + this.#offsetNs);
    this.isComplete = true;
    this.#drop();
  }

  /** Gives the thread a perf event, or takes it away, by how often it switches. */
  #choose({ turns, cpuNs }: SchedStat, nowMs: number): void {
    const isFirst = this.#turnsMs === 0;
    const passedMs = nowMs - this.#turnsMs;
    if (!isFirst && passedMs < RATE_MS_MIN) return;
    const perSecond = ((turns - this.#turns) * 1000) / passedMs;
    this.#turns = turns;
    this.#turnsMs = nowMs;
    const limit = this.isRestless ? TURNS_PER_SECOND_MAX / 4 : TURNS_PER_SECOND_MAX;
    this.isRestless = !isFirst && perSecond > limit;
    if (this.#perf === undefined && !this.isRestless) {
      this.#perf = this.#kernel.openClock(this.#tid, {});
      this.#offsetNs = cpuNs;
    } else if (this.isRestless) {
      this.#drop();
    }
  }

  #drop(): void {
    this.#perf?.close();
    this.#perf = undefined;
  }
}
