/**
 * One JavaScript thread, as the host sees it: its tasks are started, switched and ended here, and counters opened and
 * read. The work is done by the functions this class names; it adds the safepoint, at which requests of other threads
 * are performed.
 *
 * Right: `cpu.switchTo(task)` for each change of the running task; `cpu.fold()` when the loop is about to block.
 * Wrong: two Cpu objects used by one thread for the same tasks; calling any of this from another thread than its own.
 */
import { fold } from './charge.ts';
import { CpuState, type CounterHandle, type TaskHandle, type ThreadIdentity } from './cpu-state.ts';
import { counterWordOf } from './counter.ts';
import { closeThread, exitTask } from './exit.ts';
import type { CounterReading } from './family.ts';
import { forkTask } from './inherit.ts';
import {
  K_GENERATION,
  K_NAME,
  K_THREAD,
  NT_F64_STARTS,
  R_GENERATION,
  T_PENDING,
  T_ROOT,
  T_TAKEN,
  nameTotalF64,
  threadWord,
} from './layout.ts';
import { internName } from './names.ts';
import { type CounterAttributes, openOnThread, prepareOnTask, requireCounter } from './open.ts';
import {
  DO_CLOSE,
  DO_DISABLE,
  DO_DISABLE_TASK,
  DO_ENABLE,
  DO_ENABLE_TASK,
  DO_EXIT,
  DO_RESET,
  type Request,
  consumePending,
  forwardPending,
  performAll,
  submit,
  submitInstall,
  takenBy,
} from './pending.ts';
import type { Pmu } from './pmu.ts';
import { FORMAT_GROUP, encodeReadFormat } from './read-format.ts';
import { groupOf, readCounter, readGroup } from './read.ts';
import { reapThread } from './reap.ts';
import type { Region } from './region.ts';
import { switchLate, switchTo } from './switch.ts';
import { isLive, newTask, releaseTask, retainTask, taskWordOf } from './task.ts';
import { TaskperfError } from './errors.ts';

/** Ids are a slot's generation and number; so many numbers fit under a generation. */
const ID_GENERATION = 2 ** 32;

export class Cpu extends CpuState {
  /** Takes a thread slot and begins the thread's own task, which runs. @throws TaskperfError ENOSPC. */
  constructor(region: Region, pmu: Pmu, identity: ThreadIdentity) {
    super(region, pmu, identity);
    this.root = newTask(this, 0, internName(region, identity.name));
    if (this.root === 0) {
      closeThread(this);
      throw new TaskperfError('ENOSPC', 'no room for another task; end some first', identity.name);
    }
    this.current = this.root;
    this.owner = this.root;
    this.i32[this.currentAt] = this.root;
    this.i32[threadWord(region.layout, this.index) + T_ROOT] = this.root;
  }

  /** Starts a task with its parent's inheritable counters. 0 when a slab is full; that is counted in the header. */
  fork(parent: TaskHandle, name: number): TaskHandle {
    this.#safepoint();
    return forkTask(this, parent, name);
  }

  /**
   * Ends a task; nothing happens for a dead one. Until the next switch the thread's time is late work if it was
   * running.
   */
  exit(task: TaskHandle): void {
    this.#safepoint();
    if (taskWordOf(this.region, task, K_THREAD) === this.index) exitTask(this, task);
    else if (isLive(this.region, task)) submit(this, taskRequest(DO_EXIT, task));
  }

  /** From now on the thread works for this task. Returns at once if it already does. */
  switchTo(task: TaskHandle): void {
    if (task === this.owner) return;
    if (this.i32[this.pendingAt] !== 0) consumePending(this);
    switchTo(this, task);
  }

  /** From now on the thread does late work in the name of `name`, charged to the living ancestor `task`. */
  switchLate(task: TaskHandle, name: number): void {
    this.#safepoint();
    switchLate(this, task, name);
  }

  /** Books everything up to now without a switch. */
  fold(): void {
    this.#safepoint();
    fold(this);
  }

  /** Tells apart the tasks that use one slot one after the other. */
  generationOf(task: TaskHandle): number {
    return taskWordOf(this.region, task, K_GENERATION);
  }

  /** Tells apart the counters that use one slot one after the other. */
  generationOfCounter(counter: CounterHandle): number {
    return counterWordOf(this.region, counter, R_GENERATION);
  }

  /** Keeps the task's slot, also after its exit, until `release`. */
  retain(task: TaskHandle): void {
    retainTask(this.region, task);
  }

  release(task: TaskHandle): void {
    releaseTask(this, task);
  }

  /** Renames a task, as when its route becomes known. */
  setName(task: TaskHandle, name: number): void {
    const at = this.region.taskW + (task << 4) + K_NAME;
    const before = this.i32[at]!;
    if (before === name) return;
    this.i32[at] = name;
    if (task === this.root) return; // it was not forked, so no name has its start
    this.f64[nameTotalF64(this.region.layout, this.index, before) + NT_F64_STARTS]! -= 1;
    this.f64[nameTotalF64(this.region.layout, this.index, name) + NT_F64_STARTS]! += 1;
  }

  /**
   * Opens a counter on a task (default: the running one) or on this thread.
   * @throws TaskperfError ESRCH (dead task), ENOENT (event not counted here), EINVAL, EBADF (group), ENOSPC.
   */
  openCounter(attributes: CounterAttributes): CounterHandle {
    this.#safepoint();
    if (attributes.thread === true) return openOnThread(this, attributes);
    const task = attributes.task ?? this.current;
    const counter = prepareOnTask(this, task, attributes);
    submitInstall(this, counter, task);
    return counter;
  }

  /** The counter's value and times, with its children's. @throws TaskperfError EBADF. */
  read(counter: CounterHandle): CounterReading {
    this.#requireOpen(counter);
    return readCounter(this, counter);
  }

  /** The whole group's, leader first. @throws TaskperfError EBADF, ECHILD (a child has another set of members). */
  readGroup(counter: CounterHandle): CounterReading[] {
    this.#requireOpen(counter);
    return readGroup(this, counter);
  }

  /** What read(2) returns for these read_format bits. @throws TaskperfError EBADF, EINVAL, ECHILD. */
  readFormat(counter: CounterHandle, bits: number): BigUint64Array {
    this.#requireOpen(counter);
    const isGroup = (bits & FORMAT_GROUP) !== 0;
    const readings = isGroup ? readGroup(this, counter) : [readCounter(this, counter)];
    const handles = isGroup ? groupOf(this, counter) : [counter];
    const members = readings.map((reading, i) => ({ reading, id: this.idOf(handles[i]!) }));
    return encodeReadFormat(members, bits);
  }

  /** The counter's number, unique in the life of the region. */
  idOf(counter: CounterHandle): number {
    return this.generationOfCounter(counter) * ID_GENERATION + counter;
  }

  /** Lets a counter (its family; with `group` all members of its group) count. @throws TaskperfError EBADF. */
  enable(counter: CounterHandle, options?: { readonly group?: boolean }): void {
    this.#operate(DO_ENABLE, counter, options?.group === true);
  }

  /** Stops it; value and times stay. @throws TaskperfError EBADF. */
  disable(counter: CounterHandle, options?: { readonly group?: boolean }): void {
    this.#operate(DO_DISABLE, counter, options?.group === true);
  }

  /** Puts the value to 0; the times stay. @throws TaskperfError EBADF. */
  reset(counter: CounterHandle, options?: { readonly group?: boolean }): void {
    this.#operate(DO_RESET, counter, options?.group === true);
  }

  /** Ends the counter, its children's too. @throws TaskperfError EBADF. */
  close(counter: CounterHandle): void {
    this.#operate(DO_CLOSE, counter, false);
  }

  /** Lets every group attached to the task count (prctl). Nothing happens for a dead task. */
  enableCounters(task: TaskHandle): void {
    this.#safepoint();
    if (isLive(this.region, task)) submit(this, taskRequest(DO_ENABLE_TASK, task));
  }

  /** Stops every group attached to the task (prctl). */
  disableCounters(task: TaskHandle): void {
    this.#safepoint();
    if (isLive(this.region, task)) submit(this, taskRequest(DO_DISABLE_TASK, task));
  }

  /** The thread ends: all its tasks exit, its slot is given up; its books stay. The object is of no use then. */
  shutdown(): void {
    this.#safepoint();
    closeThread(this);
    forwardPending(this, this.index);
  }

  /** Ends what a dead thread left behind. For the first thread only, once it is known that the other is gone. */
  reap(thread: number): void {
    this.#safepoint();
    const at = threadWord(this.region.layout, thread);
    const taken = takenBy(this, thread);
    reapThread(this, thread);
    performAll(this, taken, at + T_TAKEN);
    consumePending(this, at + T_PENDING);
  }

  #operate(kind: number, counter: CounterHandle, group: boolean): void {
    // Before the check: closed in between and used again, the slot is another counter's, or nobody's.
    const generation = this.generationOfCounter(counter);
    this.#requireOpen(counter);
    submit(this, { kind, counter, generation, task: 0, group });
  }

  #requireOpen(counter: CounterHandle): void {
    this.#safepoint();
    requireCounter(this, counter);
  }

  #safepoint(): void {
    if (this.i32[this.pendingAt] !== 0) consumePending(this);
  }
}

function taskRequest(kind: number, task: TaskHandle): Request {
  return { kind, counter: 0, generation: 0, task, group: false };
}
