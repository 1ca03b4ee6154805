/**
 * Watches the processes of a target from outside: finds their regions, drains their rings in time, and says at each
 * refresh what the last window brought. It writes nothing and removes nothing; the regions are somebody else's.
 */
import { TASK_CLOCK, WAIT } from '../../core/events.ts';
import { TaskperfError } from '../../core/errors.ts';
import { Collector } from '../collector.ts';
import { messageOf } from '../directory.ts';
import { CostBuckets } from './cost-buckets.ts';
import { Books } from './books.ts';
import type { ListedTask, LiveTasks } from './live-tasks.ts';
import { WatchedProcess, identityOf } from './process.ts';
import type { Look } from './books.ts';
import type { StackWish } from './blocked-stacks.ts';
import type { Target } from './target.ts';
import { keyOf, viewOf } from './view.ts';
import type { View } from './view.ts';

/** Whose spread over single tasks is shown. */
const SPREAD_EVENTS: readonly number[] = [TASK_CLOCK, WAIT];

export class Observer {
  readonly #target: Target;
  readonly #wish: StackWish | undefined;
  readonly #processes: Map<string, WatchedProcess> = new Map();
  /** Regions that could not be read. */
  readonly #refused: Map<string, string> = new Map();
  readonly #windowSpreads: Collector = new Collector(SPREAD_EVENTS);
  #allSpreads: Collector = new Collector(SPREAD_EVENTS);
  readonly #costs: CostBuckets = new CostBuckets();
  readonly #books: Books = new Books();
  #byProcess = false;

  /** Throws TaskperfError when there is one process and its region cannot be read. */
  constructor(target: Target, wish?: StackWish) {
    this.#target = target;
    this.#wish = wish;
    this.#discover();
    const [sentence] = this.#refused.values();
    if (this.#processes.size === 0 && sentence !== undefined)
      throw new TaskperfError('EINVAL', sentence, target.title);
  }

  /** Between refreshes, so that no ring runs over. How full the fullest was, 0 to 1. */
  poll(): number {
    this.#discover();
    return this.#drain();
  }

  /** What there is to see now; the next window begins. The first time there is no window yet. */
  refresh(): View {
    for (const one of this.#processes.values()) one.checkAlive();
    this.poll();
    this.#look();
    // The rings hold what happened before anybody looked.
    if (this.#books.windowNs === undefined) this.#windowSpreads.reset();
    const view = this.view();
    this.#windowSpreads.reset();
    return view;
  }

  /** The same look again. After showByProcess() it has no quantiles of its window. */
  view(): View {
    return viewOf(this.#books, {
      byProcess: this.#byProcess,
      windowSpreads: this.#windowSpreads.groups,
      allSpreads: this.#allSpreads.groups,
      costs: this.#costs.copy(),
      lostExits: [...this.#processes.values()].reduce((sum, one) => sum + one.lostExits, 0),
      notes: [
        ...this.#refused.values(),
        ...[...this.#processes.values()].flatMap((one) => one.damage.notes()),
      ],
      title: this.#target.title,
    });
  }

  /** The live tasks of a row. */
  liveTasks(key: string): LiveTasks {
    const atNs = Number(process.hrtime.bigint());
    const oldest: ListedTask[] = [];
    let all = 0;
    let isPartial = false;
    for (const one of this.#processes.values()) {
      const prefix = keyOf(one.pid, '', this.#byProcess);
      if (!key.startsWith(prefix)) continue;
      const found = one.listLive(key.slice(prefix.length), atNs, oldest);
      if (found === undefined) isPartial = true;
      else all += found;
    }
    return { oldest, count: all, isPartial };
  }

  get hasEnded(): boolean {
    return [...this.#processes.values()].every((one) => one.hasEnded);
  }

  /** One row per name of all processes together, or per name of each. Quantiles begin anew with what the rings hold. */
  showByProcess(byProcess: boolean): void {
    if (byProcess === this.#byProcess) return;
    this.#byProcess = byProcess;
    this.#allSpreads = new Collector(SPREAD_EVENTS);
    this.#costs.reset();
    for (const one of this.#processes.values()) one.rewind();
    this.#drain();
    this.#windowSpreads.reset();
  }

  close(): void {
    for (const one of this.#processes.values()) one.close();
  }

  #discover(): void {
    for (const file of this.#target.files()) {
      const identity = identityOf(file);
      if (identity === undefined || this.#processes.has(identity) || this.#refused.has(identity)) continue;
      try {
        this.#processes.set(identity, new WatchedProcess(file, this.#wish));
      } catch (error) {
        this.#refused.set(
          identity,
          error instanceof TaskperfError ? error.message : `cannot read ${file}: ${messageOf(error)}`,
        );
      }
    }
  }

  #drain(): number {
    const sinks = [this.#windowSpreads, this.#allSpreads];
    let fullest = 0;
    for (const one of this.#processes.values()) {
      const key = (name: string): string => keyOf(one.pid, name, this.#byProcess);
      fullest = Math.max(fullest, one.drain({ collectors: sinks, costs: this.#costs, keyOf: key }));
    }
    return fullest;
  }

  #look(): void {
    const atNs = Number(process.hrtime.bigint());
    const looks = [...this.#processes.values()].map((one): Look => {
      const stackOf = (thread: number): string[] => one.stackOf(thread);
      return { pid: one.pid, command: one.command, snapshot: one.look(atNs), stackOf };
    });
    this.#books.add(looks, atNs);
    if (!this.hasEnded) for (const one of this.#processes.values()) one.forgetThreads();
  }
}
