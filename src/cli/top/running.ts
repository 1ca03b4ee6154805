/**
 * What the task that has a thread has used of the CPU since it was given it: in no book before it gives the thread up.
 * The kernel says from outside what the thread has used in all (/proc/PID/task/TID/schedstat). Between two looks that
 * is the task's, as far as it had the thread; where the kernel does not say, time is taken for CPU time.
 */
import fs from 'node:fs';
import type { Holder } from './holder.ts';

interface Seen {
  readonly atNs: number;
  readonly threadNs: number;
  readonly sinceNs: number;
  readonly usedNs: number;
}

export class Running {
  readonly #pid: number;
  readonly #seen: Map<number, Seen> = new Map();

  constructor(pid: number) {
    this.#pid = pid;
  }

  cpuNs(thread: number, holder: Holder | undefined, atNs: number): number {
    if (holder === undefined || holder.kind === 'loop') {
      this.#seen.delete(thread);
      return 0;
    }
    const { sinceNs } = holder;
    const seen = this.#seen.get(thread);
    const heldNs = Math.max(0, atNs - sinceNs);
    const threadNs = this.#threadCpuNs(holder.tid);
    const passedNs = seen === undefined ? heldNs : Math.min(atNs - seen.atNs, heldNs);
    const gainedNs = seen === undefined || threadNs === undefined ? passedNs : threadNs - seen.threadNs;
    const beforeNs = seen?.sinceNs === sinceNs ? seen.usedNs : 0;
    const usedNs = beforeNs + Math.min(Math.max(gainedNs, 0), passedNs);
    this.#seen.set(thread, { atNs, threadNs: threadNs ?? 0, sinceNs, usedNs });
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
