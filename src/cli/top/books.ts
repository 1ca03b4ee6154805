/** The last two looks at every process, and what came between them: the window. */
import { CPU_CLOCK, TASK_CLOCK, WAIT } from '../../core/events.ts';
import type { NameBooks, Snapshot, ThreadBooks, WaitedBehind } from './snapshot.ts';

export interface Look {
  readonly pid: number;
  readonly command: string;
  readonly snapshot: Snapshot;
  /** Lines of the JavaScript stack of a thread that is blocked. */
  readonly stackOf: (thread: number) => readonly string[];
}

/** What a name's tasks did in the window; `exits` and so on add up over processes. */
export interface NameWindow {
  readonly exits: number;
  readonly cpuNs: number;
  /** Of the tasks that exited. */
  readonly waitNs: number;
}

/** Where a thread's time went, in ns; GC is not in the others. */
export interface ThreadTime {
  readonly tasks: number;
  readonly other: number;
  readonly loop: number;
  readonly gc: number;
  readonly idle: number;
}

export class Books {
  #before: ReadonlyMap<number, Look> = new Map();
  #now: ReadonlyMap<number, Look> = new Map();
  #atNs = 0;
  #beforeNs: number | undefined;
  /** CPU time per process and name, never less than it has been: a task that ends while we look is in no sum. */
  #cpuBefore: ReadonlyMap<string, number> = new Map();
  #cpuNow: ReadonlyMap<string, number> = new Map();

  add(looks: readonly Look[], atNs: number): void {
    this.#beforeNs = this.#now.size === 0 ? undefined : this.#atNs;
    this.#atNs = atNs;
    this.#before = this.#now;
    this.#now = new Map(looks.map((look) => [look.pid, look]));
    this.#cpuBefore = this.#cpuNow;
    const cpu = new Map(this.#cpuBefore);
    for (const { pid, snapshot } of looks) {
      for (const [name, { values }] of snapshot.names) {
        const key = `${pid} ${name}`;
        cpu.set(key, Math.max(values[TASK_CLOCK]!, cpu.get(key) ?? 0));
      }
    }
    this.#cpuNow = cpu;
  }

  get looks(): Iterable<Look> {
    return this.#now.values();
  }

  get atNs(): number {
    return this.#atNs;
  }

  /** Undefined before the first window has passed. */
  get windowNs(): number | undefined {
    return this.#beforeNs === undefined ? undefined : this.#atNs - this.#beforeNs;
  }

  nameWindow(pid: number, name: string, books: NameBooks): NameWindow {
    const before = this.#base(pid);
    if (before === undefined) return { exits: 0, cpuNs: 0, waitNs: 0 };
    const old = before.names.get(name);
    const key = `${pid} ${name}`;
    return {
      exits: Math.max(0, books.exits - (old?.exits ?? 0)),
      cpuNs: this.#cpuNow.get(key)! - (this.#cpuBefore.get(key) ?? 0),
      waitNs: Math.max(0, books.exited[WAIT]! - (old?.exited[WAIT] ?? 0)),
    };
  }

  /** CPU time of all tasks of the process in the window. */
  tasksCpuInWindow(pid: number): number {
    const before = this.#before.get(pid)?.snapshot;
    return before === undefined
      ? 0
      : Math.max(0, this.#now.get(pid)!.snapshot.tasksCpuNs - before.tasksCpuNs);
  }

  /** Whom tasks of this name waited behind in the window, the longest first. */
  waitsInWindow(pid: number, name: string): WaitedBehind[] {
    const now = this.#now.get(pid)!.snapshot;
    const before = this.#before.get(pid)?.snapshot;
    if (before === undefined) return [];
    const gained = [...now.waits].flatMap(([key, wait]) => {
      const old = before.waits.get(key);
      const ns = wait.ns - (old?.ns ?? 0);
      return wait.waiting === name && ns > 0 ? [{ ...wait, count: wait.count - (old?.count ?? 0), ns }] : [];
    });
    return gained.sort((a, b) => b.ns - a.ns);
  }

  /** Undefined when the thread was not there before. */
  threadWindow(pid: number, thread: ThreadBooks): ThreadTime | undefined {
    const before = this.#before.get(pid)?.snapshot;
    const now = this.#now.get(pid)?.snapshot;
    const old = before?.threads.find(({ index }) => index === thread.index);
    if (before === undefined || now === undefined || old === undefined) return undefined;
    const [from, to] = [timeOf(old, before), timeOf(thread, now)];
    const gained = (kind: keyof ThreadTime): number => Math.max(0, to[kind] - from[kind]);
    return {
      tasks: gained('tasks'),
      other: gained('other'),
      loop: gained('loop'),
      gc: gained('gc'),
      idle: gained('idle'),
    };
  }

  /** What the window is counted from; undefined for a process that was counted before and is new to us. */
  #base(pid: number): Pick<Snapshot, 'names'> | undefined {
    const before = this.#before.get(pid)?.snapshot;
    if (before !== undefined) return before;
    const startNs = this.#now.get(pid)!.snapshot.startNs;
    return this.#beforeNs !== undefined && startNs >= this.#beforeNs ? { names: new Map() } : undefined;
  }
}

/**
 * Since the thread's start, with what is in no book yet. All of it is time by the clock, so the parts make up the whole.
 */
function timeOf(thread: ThreadBooks, { atNs, gcLine }: Snapshot): ThreadTime {
  const { holder, pending, tasks, unattributed, late, loop, idle } = thread;
  const sinceNs = holder === undefined ? 0 : Math.max(0, atNs - holder.readingNs);
  const now = kindNow(thread);
  const unbooked = (kind: keyof ThreadTime): number => (kind === now ? sinceNs : 0);
  const gc = (...parts: Float64Array[]): number =>
    gcLine === undefined ? 0 : parts.reduce((sum, part) => sum + part[gcLine]!, 0);
  const pendingTask = pending.name === undefined ? 0 : pending.wallNs;
  const pendingOther = pending.wallNs - pendingTask;
  return {
    tasks: tasks[CPU_CLOCK]! - gc(tasks) + pendingTask + unbooked('tasks'),
    other:
      unattributed[CPU_CLOCK]! + late[CPU_CLOCK]! - gc(unattributed, late) + pendingOther + unbooked('other'),
    loop: loop[CPU_CLOCK]! - gc(loop) + unbooked('loop'),
    gc: gc(tasks, unattributed, late, loop),
    idle: idle[CPU_CLOCK]! + unbooked('idle'),
  };
}

function kindNow({ holder }: ThreadBooks): keyof ThreadTime | undefined {
  if (holder === undefined) return undefined;
  if (holder.kind === 'task') return 'tasks';
  if (holder.kind === 'unseen') return undefined;
  return holder.kind === 'loop' || holder.kind === 'idle' ? holder.kind : 'other';
}
