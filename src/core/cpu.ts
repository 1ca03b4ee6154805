/**
 * One JavaScript thread, as the host sees it: its tasks are started, switched and ended here, and counters opened and
 * read. The work is done by the functions this class names.
 *
 * Right: `cpu.switchTo(task)` for each change of the running task; `cpu.fold()` when the loop is about to block.
 * Wrong: two Cpu objects used by one thread for the same tasks; calling any of this from another thread than its own.
 */
import { type CounterAttributes, checkLimit, checkPeriod } from './attributes.ts';
import { beginChange, charge, endChange, fold } from './charge.ts';
import type { CounterHandle, TaskHandle, ThreadIdentity } from './cpu-state.ts';
import { CpuThreads } from './cpu-threads.ts';
import { INHERIT, counterWordOf, packedOf } from './counter.ts';
import { exitTask, exitThread, leaveSlot } from './exit.ts';
import type { CounterReading } from './family.ts';
import { membersOf } from './group.ts';
import { forkTask } from './inherit.ts';
import {
  K_GENERATION,
  K_NAME,
  K_THREAD,
  NT_F64_STARTS,
  R_GENERATION,
  T_ROOT,
  nameTotalF64,
  threadWord,
} from './layout.ts';
import { internName } from './names.ts';
import { noteRunning, renameRunning } from './last-switches.ts';
import { openOnThread, prepareOnTask, requireCounter } from './open.ts';
import {
  DO_CLOSE,
  DO_DISABLE,
  DO_DISABLE_TASK,
  DO_ENABLE,
  DO_ENABLE_TASK,
  DO_EXIT,
  DO_PERIOD,
  DO_REFRESH,
  DO_RESET,
  type Request,
  sendCredits,
  submit,
  submitInstall,
} from './pending.ts';
import type { Pmu } from './pmu.ts';
import { FORMAT_GROUP, encodeReadFormat } from './read-format.ts';
import { readCounter, readGroup } from './read.ts';
import type { Region } from './region.ts';
import { sampleOf } from './sampling.ts';
import { rotate } from './schedule.ts';
import { switchLate, switchTo } from './switch.ts';
import { isLive, newTask, releaseTask, retainTask, taskWordOf } from './task.ts';
import { TaskperfError } from './errors.ts';

/** Ids are a slot's generation and number; so many numbers fit under a generation. */
const ID_GENERATION = 2 ** 32;

export class Cpu extends CpuThreads {
  /** Takes a thread slot and begins the thread's own task, which runs. @throws TaskperfError ENOSPC. */
  constructor(region: Region, pmu: Pmu, identity: ThreadIdentity) {
    super(region, pmu, identity);
    this.root = newTask(this, 0, internName(region, identity.name));
    if (this.root === 0) {
      exitThread(this);
      leaveSlot(this);
      throw new TaskperfError('ENOSPC', 'no room for another task; end some first', identity.name);
    }
    this.current = this.root;
    this.owner = this.root;
    this.i32[this.currentAt] = this.root;
    noteRunning(this, this.root, this.now);
    this.i32[threadWord(region.layout, this.index) + T_ROOT] = this.root;
  }

  /** Starts a task with its parent's inheritable counters. 0 when a slab is full; that is counted in the header. */
  fork(parent: TaskHandle, name: number): TaskHandle {
    this.safepoint();
    return this.settled(forkTask(this, parent, name));
  }

  /**
   * Ends a task; nothing happens for a dead one. Until the next switch the thread's time is late work if it was
   * running.
   */
  exit(task: TaskHandle): void {
    this.safepoint();
    if (taskWordOf(this.region, task, K_THREAD) === this.index) exitTask(this, task);
    else if (isLive(this.region, task)) submit(this, taskRequest(DO_EXIT, task));
    if (this.i32[this.outboxAt] !== 0) sendCredits(this);
    this.settled();
  }

  /** From now on the thread works for this task. Returns at once if it already does. */
  switchTo(task: TaskHandle): void {
    if (task === this.owner) return;
    if (this.i32[this.pendingAt] !== 0) {
      this.consume();
      this.settled(); // a lazy switch tells nobody
    }
    switchTo(this, task);
  }

  /** From now on the thread does late work in the name of `name`, charged to the living ancestor `task`. */
  switchLate(task: TaskHandle, name: number): void {
    this.safepoint();
    switchLate(this, task, name);
    this.settled();
  }

  /** Books everything up to now without a switch. */
  fold(): void {
    this.safepoint();
    fold(this);
    this.settled();
  }

  /**
   * The timer of multiplexing and throttling; the host calls it regularly (perf: every 1 to 4 ms) while it has slotted
   * or sampling counters. If groups are waiting for a slot the next one is first in turn; throttled counters go on.
   */
  tick(): void {
    this.safepoint();
    beginChange(this);
    charge(this);
    this.ticks = (this.ticks + 1) | 0;
    rotate(this);
    endChange(this);
    this.settled();
  }

  /** Tells apart the tasks that use one slot one after the other. */
  generationOf(task: TaskHandle): number {
    return taskWordOf(this.region, task, K_GENERATION);
  }

  nameOf(task: TaskHandle): number {
    return taskWordOf(this.region, task, K_NAME);
  }

  /** Index of the thread that the task is of. */
  threadOf(task: TaskHandle): number {
    return taskWordOf(this.region, task, K_THREAD);
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
    if (task === this.owner) renameRunning(this, name);
    if (task === this.root) return; // it was not forked, so no name has its start
    this.f64[nameTotalF64(this.region.layout, this.index, before) + NT_F64_STARTS]! -= 1;
    this.f64[nameTotalF64(this.region.layout, this.index, name) + NT_F64_STARTS]! += 1;
  }

  /**
   * Opens a counter on a task (default: the running one) or on this thread.
   * @throws TaskperfError ESRCH (dead task), ENOENT (event not counted here), EINVAL, EBADF (group), ENOSPC.
   */
  openCounter(attributes: CounterAttributes): CounterHandle {
    this.safepoint();
    if (attributes.thread === true) return this.settled(openOnThread(this, attributes));
    const task = attributes.task ?? this.current;
    const counter = prepareOnTask(this, task, attributes);
    submitInstall(this, counter, task);
    return this.settled(counter);
  }

  /**
   * The counter's value and times, with its children's; `eof` for a pinned one in ERROR.
   * @throws TaskperfError EBADF.
   */
  read(counter: CounterHandle): CounterReading {
    this.#requireOpen(counter);
    return this.settled(readCounter(this, counter));
  }

  /**
   * The whole group's, leader first; empty at end of file.
   * @throws TaskperfError EBADF, ECHILD (a child has another set of members).
   */
  readGroup(counter: CounterHandle): CounterReading[] {
    this.#requireOpen(counter);
    return this.settled(readGroup(this, counter));
  }

  /**
   * What read(2) returns for these read_format bits; no words at end of file.
   * @throws TaskperfError EBADF, EINVAL, ECHILD.
   */
  readFormat(counter: CounterHandle, bits: number): BigUint64Array {
    this.#requireOpen(counter);
    const isGroup = (bits & FORMAT_GROUP) !== 0;
    const readings = isGroup ? readGroup(this, counter) : [readCounter(this, counter)];
    const handles = isGroup ? membersOf(this.region, counter) : [counter];
    const members = readings.map((reading, i) => ({ reading, id: this.idOf(handles[i]!) }));
    const isEnd = readings[0]?.eof === true;
    return this.settled(encodeReadFormat(isEnd ? [] : members, bits));
  }

  /**
   * read(2) into a buffer: the number of words written, 0 at end of file.
   * @throws TaskperfError as `readFormat`, and ENOSPC when the buffer is too short; nothing is written then.
   */
  readInto(counter: CounterHandle, bits: number, buffer: BigUint64Array): number {
    const words = this.readFormat(counter, bits);
    if (words.length > buffer.length) {
      const message = `this read needs ${words.length} words, the buffer has ${buffer.length}: give a longer one`;
      throw new TaskperfError('ENOSPC', message, buffer.length);
    }
    buffer.set(words);
    return words.length;
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

  /**
   * Lets a sampling counter overflow `count` more times and enables it; with the last of them it is disabled and its
   * host hears POLL_HUP instead of POLL_IN.
   * @throws TaskperfError EBADF, EINVAL (inherited, not sampling, count not an integer from 1 to 2^31 − 1).
   */
  refresh(counter: CounterHandle, count: number): void {
    const generation = this.#requireSampling(counter);
    checkLimit(count);
    if ((packedOf(this.region, counter) & INHERIT) !== 0) {
      const message = `counter ${counter} is inherited: a limit is for one task's counter alone`;
      throw new TaskperfError('EINVAL', message, counter);
    }
    submit(this, { kind: DO_REFRESH, counter, generation, task: 0, group: false, value: count });
    this.settled();
  }

  /**
   * The next overflow comes after `period` more counts, and each one after it.
   * @throws TaskperfError EBADF, EINVAL (not sampling, period not an integer from 1 to 2^53).
   */
  setPeriod(counter: CounterHandle, period: number): void {
    const generation = this.#requireSampling(counter);
    checkPeriod(period);
    submit(this, { kind: DO_PERIOD, counter, generation, task: 0, group: false, value: period });
    this.settled();
  }

  /** Ends the counter, its children's too. @throws TaskperfError EBADF. */
  close(counter: CounterHandle): void {
    this.#operate(DO_CLOSE, counter, false);
  }

  /** Lets every group attached to the task count (prctl). Nothing happens for a dead task. */
  enableCounters(task: TaskHandle): void {
    this.safepoint();
    if (isLive(this.region, task)) submit(this, taskRequest(DO_ENABLE_TASK, task));
    this.settled();
  }

  /** Stops every group attached to the task (prctl). */
  disableCounters(task: TaskHandle): void {
    this.safepoint();
    if (isLive(this.region, task)) submit(this, taskRequest(DO_DISABLE_TASK, task));
    this.settled();
  }

  #operate(kind: number, counter: CounterHandle, group: boolean): void {
    const generation = this.#requireOpen(counter);
    submit(this, { kind, counter, generation, task: 0, group });
    this.settled();
  }

  #requireSampling(counter: CounterHandle): number {
    const generation = this.#requireOpen(counter);
    if (sampleOf(this.region, counter) !== 0) return generation;
    throw new TaskperfError('EINVAL', `counter ${counter} does not sample: open it with a period`, counter);
  }

  /** The generation of the open counter, for a request: read first, since closed in between the slot is another's. */
  #requireOpen(counter: CounterHandle): number {
    this.safepoint();
    const generation = this.generationOfCounter(counter);
    requireCounter(this, counter);
    return generation;
  }
}

function taskRequest(kind: number, task: TaskHandle): Request {
  return { kind, counter: 0, generation: 0, task, group: false };
}
