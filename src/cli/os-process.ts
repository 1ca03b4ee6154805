/** One process of the command and its threads, as the tool sees them from outside, look by look. */
import { ThreadClock } from './os-counter.ts';
import type { Kernel } from './os-counter.ts';
import { nameOf, programOf, schedStatOf, threadsOf } from './os-proc.ts';

export class OsThread {
  readonly pid: number;
  readonly tid: number;
  readonly clock: ThreadClock;
  name = '';
  #looks = 0;
  /** The least that it had used beside what its region said at the same time. */
  #besideNs = Infinity;

  constructor(kernel: Kernel, pid: number, tid: number) {
    this.pid = pid;
    this.tid = tid;
    this.clock = new ThreadClock(kernel, tid);
  }

  /** false: it has gone. */
  look(nowMs: number): boolean {
    if (!this.clock.look(() => schedStatOf(this.pid, this.tid), nowMs)) return false;
    if (isRenameLook(this.#looks++)) this.name = nameOf(this.pid, this.tid) ?? this.name;
    return true;
  }

  /** A JavaScript thread: the region had this much on the thread's total just before the last look. */
  note(regionNs: number): void {
    this.#besideNs = Math.min(this.#besideNs, Math.max(0, this.clock.cpuNs - regionNs));
  }

  /** Its CPU time, when its region ended with `regionNs`: what our last look missed is in the region, too. */
  cpuNsBeside(regionNs: number): number {
    const { cpuNs, isComplete } = this.clock;
    if (isComplete || this.#besideNs === Infinity) return cpuNs;
    return Math.max(cpuNs, regionNs + this.#besideNs);
  }
}

export class OsProcess {
  readonly pid: number;
  readonly threads: Map<number, OsThread> = new Map();
  readonly ended: OsThread[] = [];
  /** File name of the program, '' when it is hidden from us. */
  program = '';
  /** Its parent is none of the command's: nobody who is waited for will wait for it. */
  isOrphan = false;
  /** CPU time of threads that came and went between two looks. */
  unseenNs = 0;
  readonly #kernel: Kernel;
  #endedNs = 0;
  #looks = 0;

  constructor(kernel: Kernel, pid: number) {
    this.#kernel = kernel;
    this.pid = pid;
    this.threads.set(pid, new OsThread(kernel, pid, pid));
  }

  /** Its first thread has the name of the process. */
  get name(): string {
    return (this.threads.get(this.pid) ?? this.ended.find((one) => one.tid === this.pid))?.name ?? '';
  }

  /** All it had and has. */
  allThreads(): OsThread[] {
    return [...this.ended, ...this.threads.values()];
  }

  cpuNs(): number {
    return this.allThreads().reduce((sum, thread) => sum + thread.clock.cpuNs, this.unseenNs);
  }

  /** false: it has gone. */
  look(nowMs: number): boolean {
    const tids = threadsOf(this.pid);
    // Before the threads: what they do in between must not look like threads that we have not seen.
    const wholeNs = this.#kernel.processCpuNs(this.pid);
    if (isRenameLook(this.#looks++)) this.program = programOf(this.pid) || this.program;
    for (const tid of tids ?? []) {
      if (!this.threads.has(tid)) this.threads.set(tid, new OsThread(this.#kernel, this.pid, tid));
    }
    const present = new Set(tids);
    let liveNs = 0;
    for (const thread of this.threads.values()) {
      if (present.has(thread.tid) && thread.look(nowMs)) liveNs += thread.clock.cpuNs;
      else this.#end(thread);
    }
    if (wholeNs !== undefined) this.unseenNs = Math.max(this.unseenNs, wholeNs - liveNs - this.#endedNs);
    return this.threads.size > 0;
  }

  /** It has gone, or nobody will look any more. */
  end(): void {
    for (const thread of this.threads.values()) this.#end(thread);
  }

  #end(thread: OsThread): void {
    thread.clock.end();
    this.#endedNs += thread.clock.cpuNs;
    this.threads.delete(thread.tid);
    this.ended.push(thread);
  }
}

/** Threads name themselves when they have begun, and an execve renames: look 0, 1, 2, 4, 8 … asks again. */
function isRenameLook(looks: number): boolean {
  return (looks & (looks - 1)) === 0;
}
