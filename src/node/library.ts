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
import { countTogether, lineForOthers, requireLine } from './lines.ts';
import type { TaskToken } from './jobs.ts';
import { Task, currentTask, taskNamed } from './task-handle.ts';
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

/** A handle on a count, as a perf_event file descriptor. It may outlive its task. */
export class Counter {
  readonly #thread: Thread;
  readonly #slot: number;
  /** Counts the ns in which the event was not on the PMU; 0 where it always is. */
  readonly #missed: number;
  /** On a task of another thread: the index of that one + 1; else 0. The task's slot may be another's by now. */
  readonly #foreign: number;
  readonly event: EventInfo;
  #open = true;

  /** Counters come from `openCounter`. */
  constructor(thread: Thread, { slot, missed, foreign }: OpenSlots, event: EventInfo) {
    this.#thread = thread;
    this.#slot = slot;
    this.#missed = missed;
    this.#foreign = foreign;
    this.event = event;
  }

  /**
   * The count so far, with those of inherited children; of another thread's task, as of that thread's last switch.
   * @throws TaskperfError EBADF after close.
   */
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
    this.#ring();
  }

  disable(options: { group?: boolean } = {}): void {
    for (const slot of this.#slots(options)) this.#thread.cpu.disable(slot, options);
    this.#ring();
  }

  /** Sets the value to 0; the times stay (PERF_EVENT_IOC_RESET). */
  reset(options: { group?: boolean } = {}): void {
    this.#thread.cpu.reset(this.#slotOrThrow(), options);
    this.#ring();
  }

  /** Ends the counting. The last counter's close removes every hook. Idempotent. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    net.unregister(this);
    closeSlots({ thread: this.#thread, slot: this.#slot, missed: this.#missed, foreign: this.#foreign });
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  static slotOf(counter: Counter): number {
    return counter.#slotOrThrow();
  }

  /** It has been asked of another thread: it does so at its next safepoint. */
  #ring(): void {
    if (this.#foreign !== 0) this.#thread.doorbell.ring(this.#foreign - 1);
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
  readonly foreign: number;
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

function closeSlots({ thread, slot, missed, foreign }: OpenSlots & { readonly thread: Thread }): void {
  if (missed !== 0) thread.cpu.close(missed);
  thread.missedSlots.delete(slot);
  thread.cpu.close(slot);
  if (foreign === 0) thread.uncount();
  else thread.doorbell.ring(foreign - 1);
}

/** A counter that the program forgot to close must not keep the hooks installed for ever. */
const net = new FinalizationRegistry<OpenSlots & { readonly thread: Thread }>(closeSlots);
/**
 * Opens a counter on a task or on this thread. It counts until it is closed, the task ends, or it is collected as garbage:
 * keep it, also where only its heirs are of interest.
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
  if (options.task !== undefined && Task.isForeign(options.task)) return openForeign(thread, options, event);
  const task = options.thread === true ? null : (options.task ?? currentTask());
  thread.count();
  if (task === null || task.parent === null) thread.countRoot();
  try {
    const line = requireLine(thread, event);
    const on = task === null ? ({ thread: true } as const) : { task: Task.use(task, (slot) => slot) };
    const attributes = { ...attributesOf(options, on), event: line };
    const slot = thread.cpu.openCounter(attributes);
    const missed = openMissed(thread, slot, attributes);
    return opened(thread, { slot, missed, foreign: 0 }, infoOf(event, line));
  } catch (error) {
    thread.uncount();
    throw error;
  }
}

/**
 * On a task of another thread: the counter is put on that thread's stack and counts from its next safepoint on. What can be
 * refused here is; an event that only that thread cannot count stands still, with its enabled time.
 */
function openForeign(
  thread: Thread,
  options: CounterOptions,
  event: ResolvedEvent,
  more: { group?: number } = {},
): Counter {
  const line = lineForOthers(thread, event);
  const task = options.task!;
  return Task.use(task, (foreign) => {
    const slot = thread.cpu.openCounter({
      ...attributesOf(options, { task: foreign }),
      isOffered: true,
      event: line,
      ...more,
    });
    return opened(
      thread,
      { slot, missed: 0, foreign: thread.cpu.threadOf(foreign) + 1 },
      infoOf(event, line),
    );
  });
}

/**
 * The task that a token names, to count it from here: `openCounter({ event, task: taskOf(token) })`. Every operation on a
 * counter of another thread's task returns at once, also while that thread is blocked, which performs it at its next
 * safepoint: a switch of tasks, or a turn of its loop.
 * @throws TaskperfError EINVAL when it is no token, or one of a thread that does not count in the same region (without the
 * addon no two threads do)
 */
export function taskOf(token: TaskToken): Task {
  const task = taskNamed(token);
  if (Task.isForeign(task)) compileOpen(task);
  return task;
}

const NO_COUNTER = 0;
let isCompiled = false;

/**
 * Most of the 1.5 ms that a thread's first open takes goes to V8, which compiles what has never run. Who opens a counter on a
 * blocked thread shall not wait for that, so it is done before: by an open that fails, which leaves no trace (I45).
 */
function compileOpen(task: Task): void {
  const thread = currentThread();
  if (isCompiled || thread.isOff) return;
  const event = 'task-clock';
  try {
    openForeign(thread, { event, task }, resolved(event), { group: NO_COUNTER });
  } catch (error) {
    if (!(error instanceof TaskperfError)) throw error;
    isCompiled = error.code === 'EBADF'; // else the task has ended, which is looked at first
  }
}

function opened(thread: Thread, slots: OpenSlots, info: EventInfo): Counter {
  const counter = new Counter(thread, slots, info);
  net.register(counter, { thread, ...slots }, counter);
  return counter;
}

/** What a counter of the PMU misses of its task's time is counted beside it, in its group, by a counter of its own. */
function openMissed(thread: Thread, slot: number, attributes: CounterAttributes): number {
  const event = thread.sources.missedLineOf(attributes.event);
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

function attributesOf(options: CounterOptions, on: { thread: true } | { task: number }): Attributes {
  const { inherit = false, disabled = false, group } = options;
  return {
    ...on,
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
    countTogether(thread, events.map(resolved));
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
