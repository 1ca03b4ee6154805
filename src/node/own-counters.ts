/** Counters that a thread keeps for others: on its own task for all tasks to inherit, and those of other threads on its tasks. */
import { eventName, isSoftware, targetOf } from '../core/index.ts';
import type { CounterHandle, Cpu } from '../core/index.ts';
import type { ResolvedEvent } from './events/event.ts';
import { parseEvents } from './events/parse.ts';
import type { JsSources } from './js-sources.ts';
import type { Sources } from './sources.ts';
import type { Thread } from './thread.ts';

/** On the thread's own task, inherited by every other. */
export class OwnCounters {
  readonly #cpu: Cpu;
  /** By line. */
  readonly #open: Map<number, CounterHandle> = new Map();

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
  }

  open(line: number): void {
    if (this.#open.has(line)) return;
    const task = this.#cpu.root;
    this.#open.set(line, this.#cpu.openCounter({ event: line, task, inherit: true, inheritStat: true }));
  }

  /** Those of them that can be counted here. */
  openAll(lines: readonly number[], sources: Sources | JsSources): void {
    for (const line of lines) {
      if (this.#open.has(line)) continue;
      if (canCount(this.#cpu, line, sources)) this.open(line);
    }
  }

  close(): void {
    for (const counter of this.#open.values()) this.#cpu.close(counter);
    this.#open.clear();
  }
}

/** Other threads count tasks of this one: then there is somebody to see its switches for, and to open sources for. */
export class ForeignCounters {
  readonly #thread: Thread;
  #isCounting = false;

  private constructor(thread: Thread) {
    this.#thread = thread;
  }

  static watch(thread: Thread): void {
    const counters = new ForeignCounters(thread);
    thread.cpu.onForeign = (arrived) => counters.#changed(arrived);
  }

  #changed(arrived: readonly CounterHandle[]): void {
    const thread = this.#thread;
    try {
      if (thread.cpu.foreign > 0 && !this.#isCounting) {
        this.#isCounting = true;
        thread.count();
      }
      for (const counter of arrived) this.#receive(counter);
      if (arrived.length !== 0) thread.foldAtTurns();
      // This may be the middle of a hook, which cannot be taken out now.
      if (thread.cpu.foreign === 0 && this.#isCounting) setImmediate(() => this.#rest()).unref();
    } catch (error) {
      thread.switchOff(error);
    }
  }

  /** What this thread cannot count does not pretend to: its enabled time stands still. */
  #receive(counter: CounterHandle): void {
    const { cpu, sources } = this.#thread;
    const target = targetOf(cpu.region, counter);
    if (target === undefined) return;
    if (target.task === cpu.root) this.#thread.countRoot();
    if (!canCount(cpu, target.event, sources)) cpu.disable(counter);
  }

  #rest(): void {
    if (this.#thread.cpu.foreign !== 0 || !this.#isCounting) return;
    this.#isCounting = false;
    this.#thread.uncount();
  }
}

/** Opens the source of the event on this line, unless it is being counted. */
function canCount(cpu: Cpu, line: number, sources: Sources | JsSources): boolean {
  if (isSoftware(line) || cpu.pmu.events.includes(line)) return true;
  const event = eventOn(cpu, line);
  if (event === undefined) return false;
  sources.open([[event]]);
  return sources.find(event)?.errno === 0;
}

/** What an event of the table stands for, if its name says it. */
function eventOn(cpu: Cpu, line: number): ResolvedEvent | undefined {
  try {
    const events = parseEvents(eventName(cpu.region, line)).flat();
    return events.length === 1 ? events[0] : undefined;
  } catch {
    return undefined;
  }
}
