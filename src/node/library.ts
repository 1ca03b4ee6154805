/**
 * taskperf for programs: count what one task costs, from inside. Names and meanings follow perf_event_open(2).
 *
 *     import { openCounter, spawn } from 'taskperf';
 *     const counter = openCounter({ event: 'task-clock', inherit: true });
 *     await spawn('resize', () => resize(image));   // a task of its own; its cost is added to the counter
 *     console.log(counter.read().value, 'ns');
 *     counter.close();
 *
 * Nothing is installed in the program while no counter is open.
 */
import { TaskperfError, membersOf } from '../core/index.ts';
import type { CounterAttributes, EventInfo } from '../core/index.ts';
import { currentThread } from './attach.ts';
import type { ResolvedEvent } from './events/event.ts';
import { parseEvents } from './events/parse.ts';
import { requireToken, runFor, runToEnd, tokenOf } from './jobs.ts';
import type { TaskToken } from './jobs.ts';
import type { Task as Carried } from './task.ts';
import type { Thread } from './thread.ts';

/** What perf calls read_format: a value and for how long it was counted. */
export interface CounterReading {
  /** Nanoseconds or a count, after the event's unit. */
  readonly value: number;
  /** Time in ns the counter was enabled while its task had the thread. */
  readonly enabled: number;
  /** Of that, the time it really counted; less than `enabled` only when counters share hardware. */
  readonly running: number;
}

/** What to count and on whom (perf_event_attr). */
export interface CounterOptions {
  /** Name of an event, as `taskperf list` shows it. */
  readonly event: string;
  /** The task to count; the current one if neither `task` nor `thread` is given. */
  readonly task?: Task;
  /** true: count everything this thread runs, whoever runs (perf's per-CPU counter). */
  readonly thread?: boolean;
  /** Also count tasks started by the task from now on. Their counts are part of the reading. Default false. */
  readonly inherit?: boolean;
  /** Start disabled. Default false. */
  readonly disabled?: boolean;
  /** Leader of the group to join: members are read together and stop when the leader is disabled. */
  readonly group?: Counter;
}

/** A flow of asynchronous execution: a request, a job, whatever was spawned. */
export class Task {
  readonly #thread: Thread;
  readonly #task: Carried;

  /** Tasks come from `spawn` and `currentTask`. */
  constructor(thread: Thread, task: Carried) {
    this.#thread = thread;
    this.#task = task;
  }

  get name(): string {
    return this.#thread.nameOf(this.#task);
  }

  /** false once the flow has ended. What still runs in its context is late work of its parent. */
  get alive(): boolean {
    return !this.#task.ended;
  }

  /** The task that started it; null for the thread's own. */
  get parent(): Task | null {
    return this.#task.parent === null ? null : publicTask(this.#thread, this.#task.parent);
  }

  /**
   * Names the task to other threads: plain data, to post along with a job. The worker does the job with `runAs`, or finds
   * the task with `taskOf`. It keeps nothing alive.
   */
  token(): TaskToken {
    return tokenOf(this.#thread, this.#task);
  }

  /** Runs fn as a part of this task, e.g. a callback that came through a queue. */
  run<R>(fn: () => R): R {
    return this.#thread.run(this.#task, fn as never, undefined, []) as R;
  }

  /** Enables all counters attached to this task (prctl PR_TASK_PERF_EVENTS_ENABLE). */
  enableCounters(): void {
    if (this.alive) this.#thread.cpu.enableCounters(this.#task.slot);
  }

  disableCounters(): void {
    if (this.alive) this.#thread.cpu.disableCounters(this.#task.slot);
  }

  /** @internal */
  static slotOf(task: Task): number {
    if (task.#task.ended)
      throw new TaskperfError('ESRCH', `task "${task.name}" has ended; open the counter before`, task.name);
    return task.#task.slot;
  }
}

/** A handle on a count, as a perf_event file descriptor. It may outlive its task. */
export class Counter {
  readonly #thread: Thread;
  readonly #slot: number;
  /** Counts the ns in which the event was not on the PMU; 0 where it always is. */
  readonly #missed: number;
  readonly event: EventInfo;
  #open = true;

  /** Counters come from `openCounter`. */
  constructor(thread: Thread, { slot, missed }: OpenSlots, event: EventInfo) {
    this.#thread = thread;
    this.#slot = slot;
    this.#missed = missed;
    this.event = event;
  }

  /** The count so far, with those of inherited children. @throws TaskperfError EBADF after close. */
  read(): CounterReading {
    const reading = this.#thread.cpu.read(this.#slotOrThrow());
    return this.#missed === 0 ? reading : less(reading, this.#thread.cpu.read(this.#missed).value);
  }

  /** Reads a group's members together; call it on the leader. @throws TaskperfError EBADF after close. */
  readGroup(): CounterReading[] {
    return readTogether(this.#thread, this.#slotOrThrow());
  }

  /** @param options.group apply to every member of the counter's group (PERF_IOC_FLAG_GROUP). */
  enable(options: { group?: boolean } = {}): void {
    for (const slot of this.#slots(options)) this.#thread.cpu.enable(slot, options);
  }

  disable(options: { group?: boolean } = {}): void {
    for (const slot of this.#slots(options)) this.#thread.cpu.disable(slot, options);
  }

  /** Sets the value to 0; the times stay (PERF_EVENT_IOC_RESET). */
  reset(options: { group?: boolean } = {}): void {
    this.#thread.cpu.reset(this.#slotOrThrow(), options);
  }

  /** Ends the counting. The last counter's close removes every hook. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    net.unregister(this);
    closeSlots({ thread: this.#thread, slot: this.#slot, missed: this.#missed });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  static slotOf(counter: Counter): number {
    return counter.#slotOrThrow();
  }

  /** The missed time goes on and off with its counter; of a group it is a member. */
  #slots({ group }: { group?: boolean }): number[] {
    const slot = this.#slotOrThrow();
    return group === true || this.#missed === 0 ? [slot] : [slot, this.#missed];
  }

  #slotOrThrow(): number {
    if (!this.#open)
      throw new TaskperfError(
        'EBADF',
        `counter "${this.event.name}" is closed; open a new one`,
        this.event.name,
      );
    return this.#slot;
  }
}

interface OpenSlots {
  readonly slot: number;
  readonly missed: number;
}

/** What was counted for `missedNs` less than it was enabled. */
function less(reading: CounterReading, missedNs: number): CounterReading {
  return { ...reading, running: Math.max(0, reading.running - missedNs) };
}

function readTogether(thread: Thread, leader: number): CounterReading[] {
  const { cpu, missedSlots } = thread;
  const slots = membersOf(cpu.region, leader);
  const readings = new Map(cpu.readGroup(leader).map((reading, i) => [slots[i]!, reading]));
  const ofMissed = new Set(missedSlots.values());
  return [...readings]
    .filter(([slot]) => !ofMissed.has(slot))
    .map(([slot, reading]) => less(reading, readings.get(missedSlots.get(slot) ?? 0)?.value ?? 0));
}

function closeSlots({ thread, slot, missed }: OpenSlots & { readonly thread: Thread }): void {
  if (missed !== 0) thread.cpu.close(missed);
  thread.missedSlots.delete(slot);
  thread.cpu.close(slot);
  thread.uncount();
}

/** A counter that the program forgot to close must not keep the hooks installed for ever. */
const net = new FinalizationRegistry<OpenSlots & { readonly thread: Thread }>(closeSlots);
const publicTasks = new WeakMap<Carried, Task>();

function publicTask(thread: Thread, task: Carried): Task {
  let wrapper = publicTasks.get(task);
  if (wrapper === undefined) publicTasks.set(task, (wrapper = new Task(thread, task)));
  return wrapper;
}

/**
 * Opens a counter on a task or on this thread.
 * @throws TaskperfError ENOENT unknown event, or one that this machine does not count · EACCES not permitted · ESRCH the
 * task has ended · EINVAL contradictory options or a group leader of another task · ENOSPC the region is full
 */
export function openCounter(options: CounterOptions): Counter {
  const event = resolved(options.event);
  if (options.thread === true && options.task !== undefined) {
    const message = 'a counter is on a task or on the thread: give "task" or "thread", not both';
    throw new TaskperfError('EINVAL', message, options);
  }
  const thread = currentThread();
  const task = options.thread === true ? null : (options.task ?? currentTask());
  thread.count();
  if (task === null || task.parent === null) thread.countRoot();
  try {
    const line = thread.requireLine(event);
    const attributes = { ...attributesOf(options, task), event: line };
    const slot = thread.cpu.openCounter(attributes);
    const missed = openMissed(thread, slot, attributes);
    const counter = new Counter(thread, { slot, missed }, infoOf(event, line));
    net.register(counter, { thread, slot, missed }, counter);
    return counter;
  } catch (error) {
    thread.uncount();
    throw error;
  }
}

/** What a counter of the PMU misses of its task's time is counted beside it, in its group, by a counter of its own. */
function openMissed(thread: Thread, slot: number, attributes: CounterAttributes): number {
  const event = thread.missedLineOf(attributes.event);
  if (event === 0) return 0;
  try {
    const missed = thread.cpu.openCounter({ ...attributes, event, group: attributes.group ?? slot });
    thread.missedSlots.set(slot, missed);
    return missed;
  } catch (error) {
    thread.cpu.close(slot);
    throw error;
  }
}

/** @throws TaskperfError ENOENT (unknown), EINVAL (not one event). */
function resolved(name: string): ResolvedEvent {
  const events = parseEvents(name).flat();
  if (events.length === 1) return events[0]!;
  const message = `"${name}" names ${events.length} events: a counter has one, openGroup opens several`;
  throw new TaskperfError('EINVAL', message, name);
}

function infoOf({ name, unit, additive, meaning }: ResolvedEvent, id: number): EventInfo {
  return { id, name, unit, additive, meaning };
}

type Attributes = Omit<CounterAttributes, 'event'>;

function attributesOf(options: CounterOptions, task: Task | null): Attributes {
  const { inherit = false, disabled = false, group } = options;
  return {
    ...(task === null ? { thread: true } : { task: Task.slotOf(task) }),
    ...(group === undefined ? {} : { group: Counter.slotOf(group) }),
    inherit,
    inheritStat: inherit,
    disabled,
  };
}

/**
 * Opens several counters as one group: the first is the leader. Read them together with `readGroup()` on it.
 * @throws TaskperfError as `openCounter`; EINVAL also when the PMU can never count so many at once.
 */
export function openGroup(
  events: readonly string[],
  options: Omit<CounterOptions, 'event' | 'group'> = {},
): Counter[] {
  const members: Counter[] = [];
  const thread = currentThread();
  // Held until the members hold it: the kernel shall know them as one group, together on the PMU or not at all.
  thread.count();
  try {
    thread.countTogether(events.map(resolved));
    for (const event of events) {
      const leader = members[0];
      members.push(
        openCounter(leader === undefined ? { ...options, event } : { ...options, event, group: leader }),
      );
    }
  } catch (error) {
    for (const member of members.reverse()) member.close();
    throw error;
  } finally {
    thread.uncount();
  }
  return members;
}

/** The task of the code that calls; the thread's own outside of any. */
export function currentTask(): Task {
  const thread = currentThread();
  return publicTask(thread, thread.currentTask());
}

/**
 * Runs fn as a new task, a child of the current one. The task ends when fn returns or, if it returns a promise, when
 * that settles. Returns (or rejects with) what fn does.
 */
export function spawn<R>(name: string, fn: () => R): R {
  const thread = currentThread();
  const task = thread.fork(thread.currentTask(), thread.names.intern(name));
  return task === null ? fn() : runToEnd(thread, task, fn);
}

/**
 * Runs fn for the task that the token names, which may be another thread's: `await runAs(message.task, () => work())` in a
 * worker. What fn costs is added to that task's inheritable counters and its row when fn returns or, if it returns a
 * promise, when that settles. Code of a task that has ended meanwhile is late work. Returns (or rejects with) what fn does.
 * @throws TaskperfError EINVAL when it is no token
 */
export function runAs<R>(token: TaskToken, fn: () => R): R {
  return runFor(currentThread(), requireToken(token), fn);
}
