/**
 * What one JavaScript thread ("CPU") keeps at hand. The state that others may see is in the region; here are the typed
 * arrays and the word indexes that the switch path needs, worked out once. Bases marked "+ handle" are for handle 0.
 */
import { assert } from './assert.ts';
import { TaskperfError } from './errors.ts';
import { CPU_CLOCK, EVENT_GIVEN_FIRST } from './events.ts';
import {
  C_ACTIVE,
  C_F64_TIME,
  C_FIRST,
  C_PINS,
  C_STAT,
  EVENT_LINES,
  H_LOST_THREADS,
  H_THREADS_USED,
  K_CONTEXT,
  K_F64_ID,
  K_F64_LEFT,
  K_F64_START,
  K_NAME,
  K_PARENT,
  R_F64_COUNT,
  R_NEXT,
  R_PACKED,
  THREAD_EXITED,
  THREAD_FREE,
  THREAD_LIVE,
  T_BYTE_NAME,
  T_BYTE_NAME_SIZE,
  T_CURRENT,
  T_F64_LAST,
  T_F64_LATE,
  T_F64_RING_HEAD,
  T_F64_SINCE,
  T_F64_START,
  T_F64_SWITCHES,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  T_ID,
  T_PENDING,
  T_SEQ,
  T_STATE,
  T_TID,
  threadF64,
  threadWord,
} from './layout.ts';
import {
  THREAD_STARTING,
  T_BURYING,
  T_BYTE_BEHIND,
  T_BYTE_SWITCHES,
  T_HELD,
  T_LEAVING,
  T_LEAVING_CHILDREN,
  T_MAKING,
  T_OUTBOX,
} from './outside.ts';
import type { Pmu } from './pmu.ts';
import type { Region } from './region.ts';
import type { ExitEvent } from './ring.ts';
import { encodeUtf8 } from './utf8.ts';

/** Slot index + 1; 0 is no task. */
export type TaskHandle = number;
/** Slot index + 1; 0 is no context. */
export type ContextHandle = number;
/** Slot index + 1; 0 is no counter. */
export type CounterHandle = number;

/** Who a thread is. */
export interface ThreadIdentity {
  /** worker_threads.threadId, 0 = main. */
  readonly threadId: number;
  /** The OS's thread id, 0 when unknown. */
  readonly tid: number;
  readonly name: string;
}

export class CpuState {
  readonly region: Region;
  readonly pmu: Pmu;
  /** The thread's slot. */
  readonly index: number;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  /** The thread's own task. */
  root: TaskHandle = 0;
  /** The running task; while late work runs, the task it is charged to. */
  current: TaskHandle = 0;
  /** = current, or −1 while late work runs: what a switch compares with. */
  owner: TaskHandle = 0;
  /** The task context being counted, 0 = none: the kernel's cpuctx->task_ctx. */
  active: ContextHandle = 0;
  /** The thread's own ("per-CPU") context, 0 until its first counter. */
  threadContext: ContextHandle = 0;
  /** In whose name late work runs. */
  lateName = 0;

  /** Slots of the PMU that ACTIVE counters hold. */
  slotsTaken = 0;
  /** The leader of the exclusive group that is on, 0 = none. */
  exclusive: CounterHandle = 0;
  /** A flexible group of the thread's context, of the task's, could not go on: rotate at the next tick. */
  isThreadWaiting = false;
  isTaskWaiting = false;
  /** Ticks so far: what throttles a counter ends with one. */
  ticks = 1;
  /** A sampling family that overflows so often within one tick is throttled: it does not count until the next. */
  overflowsPerTick: number = Infinity;
  /**
   * Hears of overflows: `poll` is 'in', or 'hup' for the one that used up the limit of `refresh`; `overflows` is how
   * many of that kind there were since the last call. Called at the end of a method of Cpu, when the books are closed:
   * it may call any of them. The counter is the original, also when an inherited one overflowed.
   */
  onOverflow: ((counter: CounterHandle, poll: 'in' | 'hup', overflows: number) => void) | null = null;
  /** There is something in `notices` or `spent`. */
  overflowed = false;
  /** Originals with overflows to be told of; those that are to be disabled for it. */
  readonly notices: CounterHandle[] = [];
  readonly spent: CounterHandle[] = [];
  isDelivering = false;

  /** ns. Set by the host when the loop wakes: a task cannot have been ready before. */
  readySince = 0;
  /** ns. The clock at the last reading. */
  now = 0;

  /** Threads that another has found dead, to be reaped at the end of this safepoint. */
  readonly dead: number[] = [];

  /** Counters of other threads on tasks of this one; those that have come since `onForeign` was called (foreign.ts). */
  foreign = 0;
  readonly arrived: CounterHandle[] = [];
  hasForeignLeft = false;
  /** Hears that `foreign` has changed, at a safepoint: it may call any method of Cpu. */
  onForeign: ((arrived: readonly CounterHandle[]) => void) | null = null;

  /** Scratch of exits (ring.ts). */
  readonly exitEvent: ExitEvent = { thread: 0, head: 0, word: 0, values: 0, sums: 0, seen: 0 };
  /** The last reading, and what it added, by event. */
  readonly raw: Float64Array = new Float64Array(EVENT_LINES);
  readonly delta: Float64Array = new Float64Array(EVENT_LINES);
  /** The PMU's events; of those that it counts as asked for, more come (Cpu.addLine). */
  lines: Int32Array;
  /** Above the last line that a counter of this thread can have. */
  linesEnd: number;
  /** By event: 1 if each counter of it takes a slot. */
  readonly isSlotted: Uint8Array = new Uint8Array(EVENT_LINES);
  readonly hasSlots: boolean;
  /** There are slots, or there was a counter that waits for its task's start: a switch has more to look at. */
  isWatchful: boolean;
  /** Double index of the thread's lines that the running task is booked on: tasks, unattributed or late. */
  bucketAt: number;

  /** Double index of the thread's slot, and of its areas (last-switches.ts, behind.ts). */
  readonly slotF64: number;
  readonly switchRecordsAt: number;
  readonly behindAt: number;
  /** Word index of B_WATCH. */
  readonly watchAt: number;
  readonly seqAt: number;
  readonly currentAt: number;
  readonly pendingAt: number;
  readonly outboxAt: number;
  readonly heldAt: number;
  readonly makingAt: number;
  readonly leavingAt: number;
  readonly leavingChildrenAt: number;
  readonly buryingAt: number;
  readonly lastAt: number;
  readonly totalAt: number;
  readonly tasksAt: number;
  readonly unattributedAt: number;
  readonly lateAt: number;
  readonly sinceAt: number;
  readonly switchesAt: number;
  // + handle * SLOT_WORDS or SLOT_F64
  readonly taskContextAt: number;
  readonly taskLeftAt: number;
  readonly taskStartAt: number;
  readonly taskIdAt: number;
  readonly taskNameAt: number;
  readonly taskParentAt: number;
  readonly contextFirstAt: number;
  readonly contextStatAt: number;
  readonly contextPinsAt: number;
  readonly contextActiveAt: number;
  readonly contextTimeAt: number;
  readonly counterPackedAt: number;
  readonly counterNextAt: number;
  readonly counterCountAt: number;

  /** @throws TaskperfError ENOSPC when the region has no thread slot left. */
  constructor(region: Region, pmu: Pmu, identity: ThreadIdentity) {
    assert(pmu.events.includes(CPU_CLOCK), 'a PMU counts cpu-clock');
    this.region = region;
    this.pmu = pmu;
    this.i32 = region.i32;
    this.f64 = region.f64;
    this.lines = Int32Array.from(pmu.events);
    this.linesEnd = Math.max(EVENT_GIVEN_FIRST, ...pmu.events.map((event) => event + 1));
    const slotted = pmu.slotted ?? [];
    this.hasSlots = slotted.length > 0;
    this.isWatchful = this.hasSlots;
    for (const event of slotted) this.isSlotted[event] = 1;
    const isWhole = pmu.enable !== undefined && pmu.disable !== undefined;
    assert(!this.hasSlots || isWhole, 'a PMU with slots can enable and disable');
    this.index = takeThread(region, identity);
    pmu.bind?.(this.index);

    const word = threadWord(region.layout, this.index);
    const f64 = threadF64(region.layout, this.index);
    this.slotF64 = f64;
    this.switchRecordsAt = f64 + T_BYTE_SWITCHES / 8;
    this.behindAt = f64 + T_BYTE_BEHIND / 8;
    this.watchAt = word + T_BYTE_BEHIND / 4;
    this.seqAt = word + T_SEQ;
    this.currentAt = word + T_CURRENT;
    this.pendingAt = word + T_PENDING;
    this.outboxAt = word + T_OUTBOX;
    this.heldAt = word + T_HELD;
    this.makingAt = word + T_MAKING;
    this.leavingAt = word + T_LEAVING;
    this.leavingChildrenAt = word + T_LEAVING_CHILDREN;
    this.buryingAt = word + T_BURYING;
    this.lastAt = f64 + T_F64_LAST;
    this.totalAt = f64 + T_F64_TOTAL;
    this.tasksAt = f64 + T_F64_TASKS;
    this.unattributedAt = f64 + T_F64_UNATTRIBUTED;
    this.lateAt = f64 + T_F64_LATE;
    this.sinceAt = f64 + T_F64_SINCE;
    this.switchesAt = f64 + T_F64_SWITCHES;
    this.bucketAt = this.unattributedAt;
    this.taskContextAt = region.taskW + K_CONTEXT;
    this.taskLeftAt = region.taskF + K_F64_LEFT;
    this.taskStartAt = region.taskF + K_F64_START;
    this.taskIdAt = region.taskF + K_F64_ID;
    this.taskNameAt = region.taskW + K_NAME;
    this.taskParentAt = region.taskW + K_PARENT;
    this.contextFirstAt = region.contextW + C_FIRST;
    this.contextStatAt = region.contextW + C_STAT;
    this.contextPinsAt = region.contextW + C_PINS;
    this.contextActiveAt = region.contextW + C_ACTIVE;
    this.contextTimeAt = region.contextF + C_F64_TIME;
    this.counterPackedAt = region.counterW + R_PACKED;
    this.counterNextAt = region.counterW + R_NEXT;
    this.counterCountAt = region.counterF + R_F64_COUNT;

    // The ring of a thread before us may have values on lines that we do not count.
    if (this.f64[f64 + T_F64_RING_HEAD]! > 0) this.linesEnd = EVENT_LINES;
    this.now = pmu.read(this.raw);
    for (const event of pmu.events) this.f64[this.lastAt + event] = this.raw[event]!;
    if (this.f64[f64 + T_F64_START] === 0) this.f64[f64 + T_F64_START] = this.now;
    this.f64[this.sinceAt] = this.now;
  }
}

/** A slot never used is preferred: the books of a thread that is gone stay readable as long as there is room. */
function takeThread(region: Region, identity: ThreadIdentity): number {
  const { i32, layout } = region;
  // The first is the main thread's, whoever comes first: it reaps the dead, and must not be terminated itself.
  const first = identity.threadId === 0 || layout.threads === 1 ? 0 : 1;
  for (const from of [THREAD_FREE, THREAD_EXITED]) {
    for (let index = first; index < layout.threads; index++) {
      const at = threadWord(layout, index);
      if (Atomics.compareExchange(i32, at + T_STATE, from, THREAD_STARTING) !== from) continue;
      i32[at + T_ID] = identity.threadId;
      i32[at + T_TID] = identity.tid;
      const name = at * 4 + T_BYTE_NAME;
      region.u8.fill(0, name, name + T_BYTE_NAME_SIZE);
      region.u8.set(encodeUtf8(identity.name, T_BYTE_NAME_SIZE - 1), name);
      raiseThreadsUsed(i32, index + 1);
      // Last: who looks for threads that are gone believes the numbers of a live one.
      Atomics.store(i32, at + T_STATE, THREAD_LIVE);
      return index;
    }
  }
  Atomics.add(i32, H_LOST_THREADS, 1);
  const message = `no room for thread "${identity.name}": the region holds ${layout.threads} threads; it is not counted`;
  throw new TaskperfError('ENOSPC', message, identity.name);
}

function raiseThreadsUsed(i32: Int32Array, used: number): void {
  for (;;) {
    const seen = Atomics.load(i32, H_THREADS_USED);
    if (seen >= used || Atomics.compareExchange(i32, H_THREADS_USED, seen, used) === seen) return;
  }
}
