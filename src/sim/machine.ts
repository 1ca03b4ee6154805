/**
 * The simulated machine: threads with one `Cpu` each over one small shared region, tasks, open counters, a clock. Each
 * operation is done to the core and to the model; `Machine` keeps the two together and knows which handle of the core is
 * which object of the model.
 *
 *     SimCpu ── core: Cpu, pmu: SimPmu      ┐ the core's side, numbers in the region
 *     SimTask, SimCounter ── handle         ┘
 *         └──────────────── model: ModelCpu, ModelTask, ModelCounter
 */
import {
  type CounterHandle,
  Cpu,
  H_LOST_THREADS,
  H_LOST_TASKS,
  H_LOST_CONTEXTS,
  H_LOST_COUNTERS,
  Region,
  type TaskHandle,
  TaskperfError,
  internName,
  layoutOf,
} from '../core/index.ts';
import { Census } from './census.ts';
import { Coverage } from './coverage.ts';
import { Journal } from './journal.ts';
import { Model } from './model.ts';
import type { ModelCounter } from './model-counter.ts';
import type { ModelCpu, ModelRequest, ModelTask } from './model-owner.ts';
import { observe } from './observe.ts';
import type { Prng } from './prng.ts';
import { SimClock } from './sim-clock.ts';
import { SimPmu } from './sim-pmu.ts';
import type { Starvation } from './starve.ts';
import { starved } from './starve.ts';
import type { Options } from './swarm.ts';
import { DisagreementError } from './violation.ts';

export interface SimTask {
  readonly handle: TaskHandle;
  readonly cpu: SimCpu;
  readonly model: ModelTask;
  /** References that the machine holds on the slot. */
  held: number;
  isBlocked: boolean;
}

export interface SimCounter {
  readonly handle: CounterHandle;
  readonly model: ModelCounter;
  /** Overflows that its host heard of, and hang-ups. */
  heardIn: number;
  heardHup: number;
}

export interface SimCpu {
  readonly core: Cpu;
  readonly pmu: SimPmu;
  readonly model: ModelCpu;
  readonly index: number;
  /** Stopped for ever, not yet reaped. */
  isDead: boolean;
  /** Does nothing before this step. */
  stalledUntil: number;
  /** Its own tasks that could run, its root included. */
  ready: SimTask[];
}

/** What an operation came to: the value, or perf's code. */
export interface Outcome<T> {
  readonly value: T | undefined;
  readonly code: string;
}

/** An operation of one thread, for both sides. */
export interface Operation<T> {
  /** A name of ours for the coverage table. */
  readonly name: string;
  readonly core: () => T;
  /** The error it must end with, '' for none; asked after the safepoint. */
  readonly expected: () => string;
  readonly model: (value: T) => void;
}

const JOURNAL_LINES = 40;

export class Machine {
  readonly options: Options;
  readonly prng: Prng;
  readonly clock: SimClock = new SimClock();
  readonly region: Region;
  readonly model: Model;
  readonly journal: Journal = new Journal(JOURNAL_LINES);
  readonly coverage: Coverage = new Coverage();
  readonly census: Census;
  /** Those that run; dead ones until they are reaped. */
  cpus: SimCpu[] = [];
  /** Living tasks, roots included. */
  tasks: SimTask[] = [];
  /** Ended ones that the machine holds a reference on. */
  ghosts: SimTask[] = [];
  counters: SimCounter[] = [];
  /** Those whose place on the PMU is looked at (`observe.ts`), and the structure of the model they follow from. */
  watched: SimCounter[] = [];
  watchedStructure = 0;
  step = 0;
  switches = 0;
  /** Of which took no reading. */
  lazySwitches = 0;
  faultsOn = true;
  /** Losses that the header must show, beside those of names. */
  losses = 0;
  /** Makes an allocation of the next operation fail. */
  starvation: Starvation | undefined;
  /** Living tasks, by the core's handle. */
  readonly byHandle: (SimTask | undefined)[] = [];
  /** Ticks in a row that a group waited, by its leader's handle (I27). */
  readonly waited: Int32Array;
  readonly #sim: Map<ModelTask, SimTask> = new Map();

  constructor(options: Options, prng: Prng) {
    this.options = options;
    this.prng = prng;
    const { capacities } = options;
    this.region = Region.format(new SharedArrayBuffer(layoutOf(capacities).bytes), capacities, {
      pid: 1,
      session: 0,
      nodeVersion: 'sim',
      startEpochMs: 0,
      startMono: 0,
    });
    this.census = new Census(this.region);
    this.waited = new Int32Array(capacities.counters + 1);
    this.model = new Model(options.pmu.rates, capacities.names);
    // First of all, so that whether a thread gets a slot does not decide who has a name.
    for (const name of ['main', 'worker']) {
      internName(this.region, name);
      this.model.names.intern(name);
    }
  }

  /** A thread begins. @returns undefined when the region has no room for it. */
  addCpu(): SimCpu | undefined {
    const pmu = new SimPmu(this.clock, this.options.pmu);
    const name = this.cpus.length === 0 ? 'main' : 'worker';
    const identity = { threadId: this.cpus.length, tid: 0, name };
    const { value: core, code } = this.#attempt(() => new Cpu(this.region, pmu, identity));
    if (core === undefined) {
      this.#refused(code);
      return undefined;
    }
    const model = this.model.addCpu(core.index);
    model.root.name = name;
    pmu.onReading = () => this.model.book(model);
    core.onOverflow = (handle, poll, overflows) => this.#hear(handle, poll, overflows);
    const cpu: SimCpu = { core, pmu, model, index: core.index, isDead: false, stalledUntil: 0, ready: [] };
    this.addTask(cpu, core.root, model.root);
    this.cpus.push(cpu);
    return cpu;
  }

  addTask(cpu: SimCpu, handle: TaskHandle, model: ModelTask): SimTask {
    const task: SimTask = { handle, cpu, model, held: 0, isBlocked: false };
    this.tasks.push(task);
    cpu.ready.push(task);
    this.#sim.set(model, task);
    this.byHandle[handle] = task;
    return task;
  }

  addCounter(handle: CounterHandle, model: ModelCounter): void {
    this.counters.push({ handle, model, heardIn: 0, heardHup: 0 });
  }

  simTask(model: ModelTask): SimTask {
    return this.#sim.get(model)!;
  }

  /** Time in which the thread works. */
  run(cpu: SimCpu, ns: number): void {
    const { faults } = this.options;
    const steals = this.faultsOn && faults.steal > 0 && this.prng.chance(faults.steal, 1000);
    const stolen = steals ? this.prng.below(ns + 1) : 0;
    this.clock.advance(ns);
    cpu.pmu.run(ns, stolen);
    this.model.advance(cpu.model, ns, stolen);
  }

  /** Time in which nobody works. */
  sleep(ns: number): void {
    this.clock.advance(ns);
    this.model.sleep(ns);
  }

  /** Does one operation on both sides, the thread's safepoint first, and sees that both agree on the outcome. */
  operate<T>(cpu: SimCpu, operation: Operation<T>): Outcome<T> {
    const { starvation } = this;
    this.starvation = undefined;
    this.coverage.operation(operation.name, cpu.model.pending);
    const outcome = this.#attempt(() =>
      starvation === undefined ? operation.core() : starved(this, cpu, starvation, operation.core),
    );
    this.delivered(this.model.safepoint(cpu.model));
    this.sweep();
    const expected = operation.expected();
    const { code } = outcome;
    if (code !== '') this.journal.outcome(code);
    this.coverage.outcome(operation.name, code);
    if (code === 'ENOSPC' && expected === '') this.#refused(code);
    else if (code !== expected) {
      throw new DisagreementError(`${operation.name} ends with "${code}", the model says "${expected}"`);
    } else if (code === '') operation.model(outcome.value as T);
    this.sweep();
    observe(this);
    return outcome;
  }

  /** Requests of others have just been performed. */
  delivered(requests: readonly ModelRequest[]): void {
    if (requests.length > 0) this.journal.outcome(`+${requests.map(({ kind }) => kind).join(' +')}`);
  }

  /** Forgets tasks that have ended and counters that have been closed. */
  sweep(): void {
    const { ended } = this.model;
    for (const model of ended) this.#bury(this.simTask(model));
    const isGone = ended.length > 0 || this.counters.length > this.model.counters.size;
    if (isGone) this.waited.fill(0); // handles may be others' from now on
    ended.length = 0;
    if (this.counters.length > this.model.counters.size) {
      this.counters = this.counters.filter(({ model }) => !model.isClosed);
    }
  }

  /** Counts of what limits dropped: tasks, contexts, counters, threads. */
  lostSlots(): number {
    const { i32 } = this.region;
    return i32[H_LOST_TASKS]! + i32[H_LOST_CONTEXTS]! + i32[H_LOST_COUNTERS]! + i32[H_LOST_THREADS]!;
  }

  #hear(handle: CounterHandle, poll: 'in' | 'hup', overflows: number): void {
    const counter = this.counters.find((other) => other.handle === handle);
    if (counter === undefined)
      throw new DisagreementError(`an overflow of counter ${handle}, which is closed`);
    this.coverage.state(poll === 'in' ? 'overflow' : 'overflow, the last');
    if (poll === 'in') counter.heardIn += overflows;
    else counter.heardHup += overflows;
  }

  #bury(task: SimTask): void {
    this.tasks.splice(this.tasks.indexOf(task), 1);
    const at = task.cpu.ready.indexOf(task);
    if (at >= 0) task.cpu.ready.splice(at, 1);
    if (task.held > 0) this.ghosts.push(task);
    this.#sim.delete(task.model);
    if (this.byHandle[task.handle] === task) this.byHandle[task.handle] = undefined;
  }

  /** A slab was full: exactly one loss more must have been counted. */
  #refused(code: string): void {
    if (code !== 'ENOSPC') throw new DisagreementError(`refused with "${code}" instead of ENOSPC`);
    this.losses++;
  }

  #attempt<T>(body: () => T): Outcome<T> {
    try {
      return { value: body(), code: '' };
    } catch (error) {
      if (error instanceof TaskperfError) return { value: undefined, code: error.code };
      throw error;
    }
  }
}
