/**
 * What a thread has to do with others: the safepoint, at which it performs what they have asked of it; jobs, which work for
 * tasks of theirs; and the end of a thread, its own or another's.
 */
import { beginChange, charge, endChange } from './charge.ts';
import { counterWordOf } from './counter.ts';
import { CpuState, type TaskHandle } from './cpu-state.ts';
import { TaskperfError } from './errors.ts';
import { exitThread, leaveSlot } from './exit.ts';
import { type Opened, ownOf } from './foreign.ts';
import { inheritableEvents } from './inherit.ts';
import { forkJob, ship } from './job.ts';
import {
  K_CONTEXT,
  K_GENERATION,
  K_PARENT,
  R_GENERATION,
  THREAD_EXITED,
  THREAD_LIVE,
  T_PENDING,
  T_STATE,
  T_TAKEN,
  threadWord,
} from './layout.ts';
import { THREAD_STARTING } from './outside.ts';
import {
  closeLeft,
  closeOpened,
  consumePending,
  forwardPending,
  performAll,
  reportDeath,
  sendCredits,
  takeOver,
  takenBy,
} from './pending.ts';
import { reapThread } from './reap.ts';
import { deliver } from './sampling.ts';
import { isLive, isTask, letGo, retainIf, taskWordOf } from './task.ts';

/** Shipments of a thread's jobs, each of one operation for each event, after which the first of them must have arrived. */
const SHIPMENTS_MAX = 64;

export class CpuThreads extends CpuState {
  /** Shipments since `firstShipped`, the operation of the first of them that is performed last, and its generation. */
  shipments: number = 0;
  firstShipped: number = 0;
  firstGeneration: number = 0;

  /**
   * Starts a task of this thread that works for a task of another thread: what it costs is added to that one's counters
   * when it exits, and by `ship`. 0 when a slab is full.
   * @throws TaskperfError ESRCH when the task of this generation (`generationOf`) has ended.
   */
  forkJob(origin: TaskHandle, generation: number): TaskHandle {
    this.safepoint();
    const held = this.i32[this.heldAt]!;
    try {
      return this.settled(forkJob(this, origin, generation));
    } finally {
      this.i32[this.heldAt] = held;
    }
  }

  /**
   * What the job has cost up to now goes to the task that it works for. Of a thread that is blocked only so many wait for
   * it: what comes then goes with a later one, or with the job's exit.
   */
  ship(job: TaskHandle): void {
    this.safepoint();
    if (!this.#mayShip()) return;
    const context = taskWordOf(this.region, job, K_CONTEXT);
    beginChange(this);
    charge(this);
    if (context > 0) ship(this, job, context, this.index);
    endChange(this);
    const last = this.i32[this.outboxAt]!;
    if (last !== 0 && this.shipments++ === 0) {
      this.firstShipped = last;
      this.firstGeneration = counterWordOf(this.region, last, R_GENERATION);
    }
    sendCredits(this);
    this.settled();
  }

  /** The other thread performs them in order, and gives each slot back: its next life is not before that. */
  #mayShip(): boolean {
    if (this.shipments < SHIPMENTS_MAX) return true;
    if (counterWordOf(this.region, this.firstShipped, R_GENERATION) === this.firstGeneration) return false;
    this.shipments = 0;
    return true;
  }

  /** Does the task of this generation live? */
  lives(task: TaskHandle, generation: number): boolean {
    const isThere = isTask(this.region, task) && taskWordOf(this.region, task, K_GENERATION) === generation;
    return isThere && isLive(this.region, task);
  }

  /**
   * Calls `use` while the slot of the task of this generation, which may be another thread's, cannot become another task's.
   * @throws TaskperfError ESRCH when it has ended.
   */
  hold<R>(task: TaskHandle, generation: number, use: () => R): R {
    // What `use` calls may come to a safepoint, at which a job is started for a counter that arrives: that holds, too.
    const held = this.i32[this.heldAt]!;
    const isHeld = isTask(this.region, task) && retainIf(this, task, generation);
    try {
      if (isHeld && isLive(this.region, task)) return use();
      throw new TaskperfError('ESRCH', `no task ${task}: it has exited, or never was`, task);
    } finally {
      if (isHeld) letGo(this);
      this.i32[this.heldAt] = held;
    }
  }

  /** Is it the task that a thread has of itself? That one has no row. */
  isOwn(task: TaskHandle): boolean {
    return taskWordOf(this.region, task, K_PARENT) === 0;
  }

  /** The events that a task's children count, as far as can be seen from here. */
  inheritable(task: TaskHandle): number[] {
    return inheritableEvents(this.region, task);
  }

  /** The thread ends: all its tasks exit, its slot is given up; its books stay. The object is of no use then. */
  shutdown(): void {
    this.#end([]);
  }

  /** Another thread is known to be gone: it is reaped here if this is the first thread, else by that one. */
  died(thread: number): void {
    this.safepoint();
    if (this.index === 0) this.#bury(thread);
    else reportDeath(this, thread);
  }

  /** The thread ends, and with it whoever could read or close what it had open on itself. */
  end(): void {
    this.#end(ownOf(this.region, this.index));
  }

  /** All that writes to the thread's slot comes before that may be another's. */
  #end(own: readonly Opened[]): void {
    this.safepoint();
    closeOpened(this, this.index);
    exitThread(this);
    for (const opened of own) closeLeft(this, opened);
    sendCredits(this);
    leaveSlot(this);
    forwardPending(this, this.index);
  }

  #bury(thread: number): void {
    const own = ownOf(this.region, thread);
    this.reap(thread);
    for (const opened of own) closeLeft(this, opened);
  }

  /** A thread died while it took its slot, which is free again. */
  unstick(stateAt: number): void {
    Atomics.compareExchange(this.i32, stateAt, THREAD_STARTING, THREAD_EXITED);
  }

  /** Ends what a dead thread left behind. For the first thread only, once it is known that the other is gone. */
  reap(thread: number): void {
    this.safepoint();
    const at = threadWord(this.region.layout, thread);
    // The note passes on before the slot can be another thread's, so that nothing performs it a second time.
    const own = threadWord(this.region.layout, this.index) + T_TAKEN;
    this.i32[own] = takenBy(this, thread);
    this.i32[at + T_TAKEN] = 0;
    // While its number is still its own.
    if (this.i32[at + T_STATE] === THREAD_LIVE) {
      closeOpened(this, thread);
      takeOver(this, thread);
    }
    reapThread(this, thread);
    performAll(this, this.i32[own]!, own);
    consumePending(this, at + T_PENDING);
    sendCredits(this);
    this.settled();
  }

  /** Where a thread performs what others have asked of it: at the beginning of every method that does something. */
  protected safepoint(): void {
    if (this.i32[this.pendingAt] !== 0) this.consume();
  }

  protected consume(): void {
    consumePending(this);
    if (this.i32[this.outboxAt] !== 0) sendCredits(this);
    for (let thread = this.dead.pop(); thread !== undefined; thread = this.dead.pop()) this.#bury(thread);
    if (this.arrived.length !== 0 || this.hasForeignLeft) this.#tellOfForeign();
  }

  #tellOfForeign(): void {
    this.hasForeignLeft = false;
    this.onForeign?.(this.arrived.splice(0));
  }

  /** The books are closed: the host may hear of overflows. */
  protected settled<T>(result?: T): T {
    if (this.overflowed) deliver(this);
    return result as T;
  }
}
