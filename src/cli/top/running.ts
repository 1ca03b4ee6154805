/**
 * What the task that has a thread has used of the CPU since the thread's time was last accounted for: in no word of the
 * region. The kernel says from outside what the thread has used in all (/proc/PID/task/TID/schedstat). Between two looks
 * that is the task's, as far as it had the thread; where the kernel does not say, time is taken for CPU time.
 */
import fs from 'node:fs';
import type { Holder } from './holder.ts';

interface Seen {
  readonly atNs: number;
  readonly threadNs: number | undefined;
  readonly readingNs: number;
  readonly usedNs: number;
}

export class Running {
  readonly #pid: number;
  readonly #seen: Map<number, Seen> = new Map();

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Since the last reading. To be asked at every look, whoever has the thread. */
  cpuNs(thread: number, { readingNs, tid }: Pick<Holder, 'readingNs' | 'tid'>, atNs: number): number {
    const seen = this.#seen.get(thread);
    const threadNs = this.#threadCpuNs(tid);
    const sinceNs = Math.max(0, atNs - readingNs);
    const isSame = seen?.readingNs === readingNs;
    const passedNs = isSame ? atNs - seen.atNs : sinceNs;
    const isKnown = threadNs !== undefined && seen?.threadNs !== undefined;
    // In a window with a reading in it the thread may have used some of its CPU time before that.
    const gainedNs = isKnown ? Math.min(threadNs - seen.threadNs, passedNs) : passedNs;
    const usedNs = Math.min((isSame ? seen.usedNs : 0) + Math.max(gainedNs, 0), sinceNs);
    this.#seen.set(thread, { atNs, threadNs, readingNs, usedNs });
    return usedNs;
  }

  /** Does the thread run (or wait for a CPU), rather than sleep? Undefined where the kernel does not say. */
  isOnCpu(tid: number): boolean | undefined {
    const text = this.#read(tid, 'stat');
    // The name is in parentheses and may have some in it.
    return text === undefined ? undefined : text.slice(text.lastIndexOf(')') + 2).startsWith('R');
  }

  #threadCpuNs(tid: number): number | undefined {
    const ns = Number(this.#read(tid, 'schedstat')?.split(' ', 1)[0]);
    return Number.isFinite(ns) ? ns : undefined;
  }

  /** Without the addon a thread does not know its tid: the main thread's is the pid. */
  #read(tid: number, file: string): string | undefined {
    try {
      return fs.readFileSync(`/proc/${this.#pid}/task/${tid === 0 ? this.#pid : tid}/${file}`, 'utf8');
    } catch {
      return undefined;
    }
  }
}
