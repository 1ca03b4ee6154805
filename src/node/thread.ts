/**
 * This JavaScript thread as one of taskperf's CPUs: the region's slot, the core that counts into it, the clocks it
 * reads, and the carrier that tells it who runs. The only mutable state of the measured process is here.
 *
 * Nothing is installed while nothing is counted: `count()` installs, `uncount()` of the last user removes everything.
 */
import {
  Cpu,
  NATIVE_SECTION,
  NATIVE_WOKE,
  Names,
  nameText,
  T_CHARGING,
  T_F64_NATIVE,
  THREAD_EXITED,
  T_RESUME,
  T_STATE,
  T_TURN,
  threadF64,
  threadWord,
} from '../core/index.ts';
import { LACKS_FRAMES } from './addon.ts';
import type { Addon } from './addon.ts';
import type { Carrier, Companion, Scheduler } from './carrier.ts';
import { NativePmu } from './native-pmu.ts';
import { FrameCarrier } from './frame-carrier.ts';
import { HookCarrier } from './hook-carrier.ts';
import { Sources } from './sources.ts';
import { JsClockPmu } from './js-clock-pmu.ts';
import { JsSources } from './js-sources.ts';
import type { ProcessRegion } from './process-region.ts';
import { Doorbell } from './doorbell.ts';
import { ForeignCounters, OwnCounters } from './own-counters.ts';
import { JobUsers } from './job-users.ts';
import { tokenKey } from './jobs.ts';
import { Task, livingAncestor } from './task.ts';

export interface ThreadIdentity {
  readonly threadId: number;
  readonly name: string;
}

export class Thread implements Scheduler {
  readonly cpu: Cpu;
  /** Whose the code of no task is: the thread's own task or, in a worker that a task started, the job for that one. */
  root: Task;
  /** Tasks that tokens name, by slot and generation (jobs.ts). */
  readonly tokens: Map<string, Task> = new Map();
  readonly names: Names;
  /** The name of a request whose route is not known yet. */
  readonly unnamed: number;
  readonly words: Int32Array;
  readonly charging: number;
  running: Task;
  /** What is counted beside the clocks. */
  readonly sources: Sources | JsSources;
  /** The library's counters of events of the PMU → the counters of what these miss. */
  readonly missedSlots: Map<number, number> = new Map();
  /** The thread's own task. */
  readonly own: Task;
  /** Counters on it, which all others inherit. */
  readonly ownCounters: OwnCounters;
  readonly doorbell: Doorbell;
  readonly jobs: JobUsers;
  #companion: Companion | null = null;
  readonly #memory: ProcessRegion;
  readonly #native: number;
  readonly #frames: FrameCarrier | null;
  readonly #carrier: Carrier;
  readonly #addon: Addon | null;
  readonly #clock: NativePmu | null;
  /** The sources where there is no addon. */
  readonly #guesses: JsSources | null;
  readonly #resume: number;
  readonly #turn: number;
  readonly #state: number;
  /** Tasks that exit when the present stretch of JavaScript is over. */
  readonly #ending: Task[] = [];
  /** How many want the counts. */
  users = 0;
  /** Tasks started and not ended. */
  #alive = 0;
  /** Something was counted since the carrier last rested. */
  #wasCounting = false;
  /** It has switched itself off, or ended. */
  isOff = false;
  /** Code of no task is booked as unattributed by the boundaries, without a switch to the root task. */
  #skipsNobody: boolean;

  constructor(memory: ProcessRegion, identity: ThreadIdentity) {
    const { region, addon } = memory;
    this.#memory = memory;
    const pmu = addon === null ? new JsClockPmu(region) : new NativePmu(addon, memory);
    this.#clock = pmu instanceof NativePmu ? pmu : null;
    this.cpu = new Cpu(region, pmu, { ...identity, tid: addon?.threadId() ?? 0 });
    const { cpu } = this;
    const guesses = pmu instanceof JsClockPmu ? new JsSources({ region, pmu, cpu }) : null;
    this.#guesses = guesses;
    this.sources = guesses ?? new Sources({ addon: addon!, region, pmu: this.#clock!, cpu });
    this.names = new Names(region);
    this.unnamed = this.names.intern('(in flight)');
    this.words = region.i32;
    const words = threadWord(region.layout, this.cpu.index);
    this.charging = words + T_CHARGING;
    this.#resume = words + T_RESUME;
    this.#turn = words + T_TURN;
    this.#state = words + T_STATE;
    this.#addon = addon;
    this.#skipsNobody = addon !== null;
    this.#native = threadF64(region.layout, this.cpu.index) + T_F64_NATIVE;
    this.own = new Task(this.cpu.root, null, this.names.intern(identity.name));
    [this.root, this.running] = [this.own, this.own];
    this.ownCounters = new OwnCounters(cpu);
    ForeignCounters.watch(this);
    this.doorbell = new Doorbell(cpu);
    this.jobs = new JobUsers(this);
    this.#frames = addon === null ? null : FrameCarrier.create(this, addon);
    const onLeave = guesses === null ? null : (): void => guesses.left();
    this.#carrier = this.#frames ?? new HookCarrier(this, onLeave);
  }

  /** One more user of the counts. The first installs what sees the switches. */
  count(): void {
    this.users++;
    this.#wasCounting = true;
    if (this.users > 1 || this.isOff) return;
    const [addon, frames] = [this.#addon, this.#frames];
    if (addon !== null) {
      const lacks = addon.install(frames === null ? nobodyAsks : frames.look, this.#onTurn, frames !== null);
      addon.skipNobody(this.#skipsNobody);
      if ((lacks & ~LACKS_FRAMES) !== 0) this.#memory.noteEstimated();
    }
    this.#carrier.install();
    this.#carrier.look();
    this.#companion?.install();
  }

  whileCounting(companion: Companion): void {
    this.#companion = companion;
    if (this.users > 0) companion.install();
  }

  /** One user less. The last removes everything again. */
  uncount(): void {
    this.users--;
    if (this.users > 0 || this.isOff) return;
    this.cpu.fold();
    this.ownCounters.close();
    this.#stop();
    this.#restIfUnused();
  }

  /** Takes out all that was installed. Counters of the kernel cost the thread something at every wake-up, read or not. */
  #stop(): void {
    this.#companion?.uninstall();
    this.#carrier.uninstall();
    this.#addon?.uninstall();
    this.sources.close();
  }

  #restIfUnused(): void {
    if (!this.#wasCounting || this.users !== 0 || this.#alive !== 0) return;
    this.#wasCounting = false;
    this.#carrier.rest();
  }

  /** Scheduler: the code that runs from here on is this task's. */
  onOwner(owner: Task | null): void {
    try {
      this.#onOwner(owner);
    } catch (error) {
      this.switchOff(error); // called from within Node's own machinery: nothing of ours may escape into it
    }
  }

  #onOwner(owner: Task | null): void {
    const addon = this.#addon;
    if (owner === null && this.#skipsNobody) {
      addon!.nobody();
      return;
    }
    const task = owner ?? this.root;
    // The reading that ends the slice of whoever ran, be it the loop's or nobody's, begins the task's.
    this.words[this.#resume] = 1;
    if (task !== this.running) this.#switchTo(task);
    else if (addon === null) this.cpu.fold();
    this.#guesses?.entered(task);
    // A switch may need no reading (lazy, or late work of the same name goes on): the flag must not wait for a later
    // one, which would begin the task's slice somewhere in the middle of somebody else's.
    if (addon !== null && this.words[this.#resume] !== 0) addon.charge();
  }

  #switchTo(task: Task): void {
    const cpu = this.cpu;
    // Entered from the loop, a task was ready since the loop woke; within a section, since its beginning.
    const since = this.words[this.charging] !== 0 ? NATIVE_SECTION : NATIVE_WOKE;
    cpu.readySince = this.#memory.region.f64[this.#native + since]!;
    this.running = task;
    if (task.ended) cpu.switchLate(livingAncestor(task).slot, task.name);
    else cpu.switchTo(task.slot);
  }

  /** The thread's own task is counted for its own sake: its code must be told apart from nobody's. */
  countRoot(): void {
    this.#skipsNobody = false;
    this.#addon?.skipNobody(false);
  }

  /** Starts a task; null when the region has no room (counted as lost: its cost stays with its parent). */
  fork(parent: Task, name: number): Task | null {
    if (this.isOff) return null;
    // Never the dead parent itself: a chain of tasks, each started by the one before, would be kept for ever.
    const living = livingAncestor(parent);
    const slot = this.cpu.fork(living.slot, name);
    return slot === 0 ? null : this.started(new Task(slot, living, name));
  }

  /** One task more that is to end. */
  started(task: Task): Task {
    this.#alive++;
    return task;
  }

  /** From now on the code of no task is this one's. */
  adopt(task: Task): void {
    this.root = task;
    this.countRoot();
    this.onOwner(this.#carrier.owner());
  }

  /** What the job has cost so far goes to the task that it works for. */
  ship(job: Task): void {
    if (!job.ended && !this.isOff) this.cpu.ship(job.slot);
  }

  rename(task: Task, name: number): void {
    if (task.ended || task.name === name) return;
    task.name = name;
    this.cpu.setName(task.slot, name);
  }

  /** The task's declared end; what still runs in its context is late work. */
  exit(task: Task): void {
    if (task.ended) return;
    if (this.tokens.size !== 0)
      this.tokens.delete(tokenKey({ slot: task.slot, generation: this.cpu.generationOf(task.slot) }));
    this.cpu.exit(task.slot);
    task.ended = true;
    task.frame = null;
    task.base = undefined;
    this.#alive--;
    this.#restIfUnused();
  }

  /** The task's end, once all that this callback has started in its name has run: ticks, cleaning up of streams. */
  exitSoon(task: Task): void {
    if (this.#addon === null) {
      this.exit(task);
      return;
    }
    this.#ending.push(task);
    this.words[this.#turn] = 1;
  }

  /** Called by the native boundary right after its reading, in the loop's time. */
  readonly #onTurn = (): void => {
    this.#clock!.isFresh = true;
    try {
      this.#endTasks();
      if (this.cpu.foreign > 0) this.foldAtTurns();
    } catch (error) {
      this.switchOff(error);
    } finally {
      this.#clock!.isFresh = false;
    }
  };

  /** Others read counters of this thread's tasks: after each stretch of JavaScript they are up to date. */
  foldAtTurns(): void {
    this.cpu.fold();
    this.words[this.#turn] = 1;
  }

  #endTasks(): void {
    this.words[this.#turn] = 0;
    for (let i = 0; i < this.#ending.length; i++) this.exit(this.#ending[i]!);
    this.#ending.length = 0;
  }

  nameOf(task: Task): string {
    return nameText(this.#memory.region, task.name);
  }

  currentTask(): Task {
    return this.#carrier.owner() ?? this.root;
  }

  run(task: Task, fn: (...args: never[]) => unknown, receiver: unknown, args: ArrayLike<unknown>): unknown {
    if (this.isOff) return Reflect.apply(fn, receiver, args);
    return this.#carrier.run(task, fn, receiver, args);
  }

  enter(task: Task): void {
    this.#carrier.enter(task);
  }

  watchStacks(now: boolean): void {
    this.#memory.watchStacks(now);
  }

  /** The thread ends: the last slice goes to whoever runs. */
  finish(): void {
    if (this.users === 0 || this.isOff) return;
    this.#endTasks();
    this.cpu.fold();
  }

  /** Gives up the thread's slot; its books stay. Nothing is counted from then on. */
  shutdown(): void {
    if (this.isOff) return;
    this.isOff = true;
    this.#stop();
    this.doorbell.close();
    this.cpu.end();
  }

  /** Takes everything of ours out of the thread, for good. Its books stay as they are, running tasks and all. */
  detach(): void {
    this.finish();
    if (!this.isOff) this.#stop();
    this.isOff = true;
    this.#carrier.rest();
    this.doorbell.close();
    this.#addon?.close();
    this.words[this.#state] = THREAD_EXITED;
  }

  /** A failure of ours: stop counting, say so in the region, leave the program alone. */
  switchOff(error: unknown): void {
    if (this.isOff) return;
    this.#memory.noteOff(error instanceof Error ? error.message : String(error));
    this.#stop();
    this.isOff = true;
  }
}

/** Without frames the hooks tell who runs, the native boundary need not ask. */
function nobodyAsks(): void {}
