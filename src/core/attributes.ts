/** What a counter shall be, after perf_event_open(2)'s attributes, and everything that is wrong with it (EINVAL). */
import {
  EVENT_MASK,
  EXCLUSIVE,
  INHERIT,
  LISTED,
  ON_START,
  PINNED,
  SAMPLING,
  STAT,
  STATE_INACTIVE,
  STATE_OFF,
  counterWordOf,
  pack,
  packedOf,
} from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { type ErrorCode, TaskperfError } from './errors.ts';
import { LATE, WALL } from './events.ts';
import { membersOf } from './group.ts';
import { EVENT_LINES, R_CONTEXT, R_LEADER } from './layout.ts';
import { isSoftware } from './pmu.ts';
import { LIMIT_MAX } from './sampling.ts';

/** What to count, and where. */
export interface CounterAttributes {
  readonly event: number;
  /** Default: the running task. */
  readonly task?: TaskHandle;
  /** Count on the calling thread, whatever task runs. */
  readonly thread?: true;
  /** Tasks started by this one from now on are counted, too; reads give the family's sum. */
  readonly inherit?: boolean;
  /** Keep the values of each task of the family apart (exit events) over lazy switches. */
  readonly inheritStat?: boolean;
  /** Do not count before `enable`. */
  readonly disabled?: boolean;
  /**
   * Do not count before the task is next given the thread: for a task that never ran, before its start; children
   * inherit a counter that waits for their own start. `enable` and `disable` end the waiting. Implies `disabled`; not for
   * counters on the thread.
   */
  readonly enableOnStart?: boolean;
  /** Leader of the group to join. */
  readonly group?: CounterHandle;
  /** Always on the PMU while its task runs, before all that are not. When it cannot be: ERROR, until `enable`. */
  readonly pinned?: boolean;
  /** On the PMU only when no other group is, and no other while it is. */
  readonly exclusive?: boolean;
  /** Sample: overflow after each so many counts of the family, an integer from 1 to 2^53. */
  readonly period?: number;
  /** The host of the task's thread will see to it that the event is counted there: this thread may not count it. */
  readonly isOffered?: boolean;
}

const PERIOD_MAX = 2 ** 53;

/** The R_PACKED word of a counter with these attributes. @throws TaskperfError EINVAL, ENOENT. */
export function packedFor(s: CpuState, attributes: CounterAttributes): number {
  const { event, period } = attributes;
  if (!Number.isInteger(event) || event < 0 || event >= EVENT_LINES)
    refuse('EINVAL', `no event has number ${event}: see the list of events`, event);
  if (attributes.isOffered !== true && !isSoftware(event) && !s.pmu.events.includes(event))
    refuse('ENOENT', `this machine does not count event ${event}: see taskperf list`, event);
  if (attributes.thread === true) checkOnThread(attributes);
  if (period !== undefined) {
    checkPeriod(period);
    if (event === WALL) refuse('EINVAL', 'wall time cannot be sampled: take a clock', period);
  }
  const flags = flagsFor(attributes);
  const isOff = attributes.disabled === true || (flags & ON_START) !== 0;
  return pack(event, isOff ? STATE_OFF : STATE_INACTIVE, flags);
}

function flagsFor({
  inherit,
  inheritStat,
  pinned,
  exclusive,
  enableOnStart,
  period,
}: CounterAttributes): number {
  return (
    (inherit === true ? INHERIT : 0) |
    (inheritStat === true ? STAT : 0) |
    (pinned === true ? PINNED : 0) |
    (exclusive === true ? EXCLUSIVE : 0) |
    (enableOnStart === true ? ON_START : 0) |
    (period === undefined ? 0 : SAMPLING)
  );
}

/** May the counter join its group, on this context, and can that ever go on the PMU? @throws TaskperfError EINVAL. */
export function checkGroup(s: CpuState, attributes: CounterAttributes, context: ContextHandle): void {
  if (attributes.group !== undefined) checkLeader(s, attributes, context);
  if (!s.hasSlots) return;
  const events = [attributes.event];
  if (attributes.group !== undefined) {
    for (const member of membersOf(s.region, attributes.group)) {
      const packed = packedOf(s.region, member);
      if ((packed & LISTED) !== 0) events.push(packed & EVENT_MASK);
    }
  }
  const slotted = events.filter((event) => s.isSlotted[event] !== 0);
  if (slotted.length === 0) return;
  if (s.pmu.fits?.(slotted) === false) {
    const what = `${slotted.length} counters of hardware events are more than this machine counts at once`;
    refuse('EINVAL', `${what}: they would never count; open fewer in one group`, slotted);
  }
  if (events.some((event) => event === WALL || event === LATE)) {
    const why = 'wall and late run on while the task does not, a group with hardware events cannot';
    refuse('EINVAL', `${why}: open them outside of the group`, attributes.event);
  }
}

/** @throws TaskperfError EINVAL unless it is an integer from 1 to 2^53. */
export function checkPeriod(period: number): void {
  if (Number.isInteger(period) && period >= 1 && period <= PERIOD_MAX) return;
  refuse('EINVAL', `period ${period} is not an integer from 1 to 2^53`, period);
}

/** @throws TaskperfError EINVAL unless so many overflows can be asked for. */
export function checkLimit(count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= LIMIT_MAX) return;
  refuse('EINVAL', `${count} overflows: give an integer from 1 to 2^31 - 1`, count);
}

function checkOnThread(attributes: CounterAttributes): void {
  if (attributes.inherit !== true && attributes.task === undefined && attributes.enableOnStart !== true)
    return;
  const message =
    'a counter on a thread has no task, is not inherited and waits for no start: leave those out';
  refuse('EINVAL', message, attributes);
}

function checkLeader(s: CpuState, attributes: CounterAttributes, context: ContextHandle): void {
  const { region } = s;
  const leader = attributes.group!;
  if (counterWordOf(region, leader, R_LEADER) !== leader)
    refuse('EINVAL', `counter ${leader} is itself in a group: give that group's leader`, leader);
  if (context <= 0 || counterWordOf(region, leader, R_CONTEXT) !== context)
    refuse('EINVAL', `leader ${leader} counts something else: a group has one task or thread`, leader);
  const inherits = (packedOf(region, leader) & INHERIT) !== 0;
  if (inherits !== (attributes.inherit === true))
    refuse('EINVAL', 'a group is inherited as a whole: give inherit as its leader has it', leader);
  if (attributes.pinned === true || attributes.exclusive === true)
    refuse('EINVAL', 'pinned and exclusive are said of a whole group: give them to its leader', leader);
}

function refuse(code: ErrorCode, message: string, value: unknown): never {
  throw new TaskperfError(code, message, value);
}
