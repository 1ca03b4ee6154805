/**
 * The map of the shared region: the only file that knows an offset.
 *
 * One region per process, in a sparse mapped file (or a plain buffer). All parts are arrays of fixed-size slots:
 *
 *     0            header        4096 bytes   magic, version, capacities, lost counts
 *     4096         threads      16384 each    one per JavaScript thread ("CPU"): running task, clocks, totals
 *     …            names          128 each    interned task names, shared by all threads
 *     …            name totals    272 each    [thread][name]: exits and sums per event, written by that thread only
 *     …            tasks           64 each
 *     …            contexts        64 each
 *     …            counters        64 each
 *     …            rings          320 each    [thread][slot]: exit events, overwritten oldest first
 *
 * Words are little-endian Int32 unless marked f64. A reference to a slot is its index + 1, so 0 means "none" in a
 * region that the kernel hands out zeroed. Times are nanoseconds of CLOCK_MONOTONIC, exact as f64 for 104 days.
 *
 * Right: `region.i32[taskWord(region.layout, index, TASK_NAME)]`. Wrong: any literal offset elsewhere.
 */
import { assert } from './assert.ts';

/** "TPRF" read as a little-endian word. */
export const MAGIC: number = 0x46525054;
/** Raised with every change of this file that moves or re-interprets a word. */
export const LAYOUT_VERSION: number = 4;

/** Events are numbered by the line they occupy in every array of per-event values; bits of one word stand for all. */
export const EVENT_LINES: number = 32;

// ---- header (4096 bytes); its words 14, 15, 22, 23, 31, doubles 23, 24 and bytes 288 to 432 are in outside.ts ----
export const HEADER_BYTES: number = 4096;
export const H_MAGIC: number = 0;
export const H_VERSION: number = 1;
export const H_PID: number = 2;
/** Pid of the tool that asked for this region, 0 when the program opened it itself. */
export const H_SESSION: number = 3;
export const H_STATE: number = 4; // PROCESS_*
export const H_THREADS: number = 5; // capacities …
export const H_NAMES: number = 6;
export const H_TASKS: number = 7;
export const H_CONTEXTS: number = 8;
export const H_COUNTERS: number = 9;
export const H_RING: number = 10; // slots per thread, a power of two
/** Bit e is set when event e is being counted for every task (asked by the tool). */
export const H_EVENTS: number = 11;
/** Bit e is set when the values of event e are estimated instead of exact. */
export const H_ESTIMATED: number = 12;
/** Why: one of REASON_*. */
export const H_REASON: number = 13;
// What a limit dropped, since the start. Atomic adds by any thread.
export const H_LOST_TASKS: number = 16;
export const H_LOST_CONTEXTS: number = 17;
export const H_LOST_COUNTERS: number = 18;
/** Tasks named "(other)" because the name table was full. */
export const H_LOST_NAMES: number = 19;
/** Slices lost with a thread that died in the middle of one. */
export const H_LOST_SLICES: number = 20;
export const H_LOST_THREADS: number = 21;
export const H_NAMES_USED: number = 24; // slots taken, ≤ H_NAMES
export const H_THREADS_USED: number = 25;
/** High-water marks: slots below these have been used; the slabs grow by adding to them. */
export const H_TASKS_USED: number = 26;
export const H_CONTEXTS_USED: number = 27;
export const H_COUNTERS_USED: number = 28;
export const H_TASK_SERIAL: number = 29; // next task id
/** Set to 1 when taskperf switched itself off in this process because of a failure of its own. */
export const H_OFF: number = 30;
export const H_F64_START_EPOCH_MS: number = 20; // f64 index (byte 160)
export const H_F64_START_MONO: number = 21; // CLOCK_MONOTONIC at the start
/** Cost of one switch in ns, calibrated when the counters were opened; 0 = not calibrated. */
export const H_F64_SWITCH_COST: number = 22;
export const H_BYTE_NODE: number = 256; // UTF-8, zero-terminated, "v24.21.0"
export const H_BYTE_NODE_SIZE: number = 32;
export const H_BYTE_MESSAGE: number = 512; // UTF-8, zero-terminated: why H_OFF
export const H_BYTE_MESSAGE_SIZE: number = 512;
/** The table of events, to the end of the header: event-table.ts. */
export const H_BYTE_EVENTS: number = 1024;

export const PROCESS_RUNNING: number = 1;
export const PROCESS_EXITED: number = 2;

export const REASON_NONE: number = 0;
export const REASON_NO_ADDON: number = 1; // no compiler or another platform
export const REASON_NO_CLOCK: number = 2; // neither rseq nor perf_event_open shows preemption

// ---- thread (16384 bytes) -------------------------------------------------------------------------------------------
export const THREAD_BYTES: number = 16_384;
export const T_STATE: number = 0; // THREAD_*
export const T_ID: number = 1; // worker_threads.threadId, 0 = main
export const T_TID: number = 2; // the OS's thread id, 0 when unknown
export const T_CURRENT: number = 3; // running task + 1, 0 = none
/** Odd while the owner is inside a switch (seqcount for readers on other threads). */
export const T_SEQ: number = 4;
export const T_ROOT: number = 5; // the thread's own task + 1: parent of all tasks that have no other
/** Counter operations pushed by other threads (counter + 1), a lock-free stack. */
export const T_PENDING: number = 6;
/** The per-thread ("per-CPU") context + 1, 0 until the first per-thread counter. */
export const T_CONTEXT: number = 7;
// Written by the native boundaries (native/boundary.c mirrors these, asserted at load):
/**
 * 1 = inside JavaScript and the running task is being charged: a hook that sees the same owner may return at once.
 * 2 = the same for nobody. 0 = a hook must find out.
 */
export const T_CHARGING: number = 8;
/** Set by JavaScript before a reading that ends somebody else's slice: from it on the running task is charged. */
export const T_RESUME: number = 9;
/** 1 = JavaScript wants to be called when this stretch of JavaScript is over: tasks wait for that to exit. */
export const T_TURN: number = 10;
/** Counter operations that the thread has taken from T_PENDING and not performed yet: for its reaper. */
export const T_TAKEN: number = 11;
export const T_FREE_TASK: number = 12; // heads of this thread's free lists (slot + 1)
export const T_FREE_CONTEXT: number = 13;
export const T_FREE_COUNTER: number = 14;
export const T_REMOTE_TASK: number = 15; // the same, pushed by other threads with CAS
export const T_REMOTE_CONTEXT: number = 16;
export const T_REMOTE_COUNTER: number = 17;
// f64 indexes relative to the slot:
/** Exit events written so far; event n is in ring slot n mod capacity. */
export const T_F64_RING_HEAD: number = 16; // byte 128
export const T_F64_START: number = 17; // CLOCK_MONOTONIC when the thread was first counted
/** CLOCK_MONOTONIC since when T_CURRENT runs. */
export const T_F64_SINCE: number = 18;
export const T_F64_EXITS: number = 19; // tasks that exited on this thread
export const T_F64_SWITCHES: number = 20; // switches made, for "what taskperf itself added"
/** Boundary callbacks that read a clock. */
export const T_F64_BOUNDARIES: number = 21;
// Arrays of EVENT_LINES f64 each:
export const T_F64_LAST: number = 32; // byte 256: PMU values at the last switch
export const T_F64_TOTAL: number = 64; // the thread's own totals
export const T_F64_UNATTRIBUTED: number = 96;
export const T_F64_LATE: number = 128;
export const T_F64_LOOP: number = 160;
export const T_F64_IDLE: number = 192;
/** Already charged to tasks (including those still alive), to check the books against. */
export const T_F64_TASKS: number = 224;
/** Written by the native boundaries: what has been found chargeable to running tasks, the core's PMU reading. */
export const T_F64_CHARGEABLE: number = 256;
// The native boundaries' own words: struct boundary in native/boundary.h
export const T_F64_NATIVE: number = 288; // byte 2304
export const T_BYTE_NAME: number = 3072;
export const T_BYTE_NAME_SIZE: number = 64;
export const T_BYTE_AREAS: number = 3200; // from here on: outside.ts

export const THREAD_FREE: number = 0;
export const THREAD_LIVE: number = 1;
export const THREAD_EXITED: number = 2;

// ---- names (128 bytes), name totals (272 bytes) -----------------------------------------------------------------------
export const NAME_BYTES: number = 128;
export const N_STATE: number = 0; // 1 once the bytes are complete
export const N_LENGTH: number = 1;
export const N_BYTE_TEXT: number = 8;
export const N_BYTE_TEXT_SIZE: number = 120;
/** Slot 0 is always "(other)". */
export const NAME_OTHER: number = 0;

export const NAME_TOTAL_BYTES: number = 272;
export const NT_F64_EXITS: number = 0;
export const NT_F64_STARTS: number = 1;
export const NT_F64_SUM: number = 2; // EVENT_LINES sums over exited tasks

// ---- task (64 bytes) --------------------------------------------------------------------------------------------------
export const TASK_BYTES: number = 64;
export const K_STATE: number = 0; // TASK_*
export const K_GENERATION: number = 1; // bumped when the slot is freed
/** Context + 1, 0 = none (CAS 0 → context publishes it), TOMBSTONE once the task is dead. */
export const K_CONTEXT: number = 2;
export const K_PARENT: number = 3; // task + 1
export const K_NAME: number = 4;
export const K_THREAD: number = 5; // thread index that owns it
/** References: 1 while alive + handles + each live child's parent link. The slot is freed at 0. */
export const K_REFS: number = 6;
export const K_NEXT: number = 7; // free list
export const K_F64_START: number = 4; // f64 indexes relative to the slot
export const K_F64_ID: number = 5;
/** When it last left the thread (or started): from when it may be waiting. */
export const K_F64_LEFT: number = 6;

export const TASK_FREE: number = 0;
export const TASK_LIVE: number = 1;
export const TASK_EXITED: number = 2;
export const TOMBSTONE: number = -1;

// ---- context (64 bytes) -----------------------------------------------------------------------------------------------
export const CONTEXT_BYTES: number = 64;
export const C_REFS: number = 0;
export const C_TASK: number = 1; // owner + 1, 0 = a thread's context, TOMBSTONE after exit
export const C_FIRST: number = 2; // first counter + 1, in order of opening
export const C_COUNT: number = 3; // counters listed
export const C_PARENT: number = 4; // context cloned from + 1 (holds a reference), 0 = not a clone
export const C_PARENT_GENERATION: number = 5;
export const C_GENERATION: number = 6; // bumped at every structural change
export const C_PINS: number = 7; // > 0 forbids a lazy swap
export const C_ACTIVE: number = 8; // thread index + 1 that it is scheduled on
export const C_STAT: number = 9; // counters that need a reading at every switch: inherit_stat, wait
export const C_LAST: number = 10; // last counter + 1
export const C_NEXT: number = 11; // free list
/** While in use: the counter + 1 at which scheduling begins (rotation), 0 = the first. */
export const C_ROTATION: number = C_NEXT;
export const C_THREAD: number = 12; // thread that owns the slot's values (ownerOf), << 16: that it was made by
export const C_SLOTTED: number = 13; // counters listed that take a slot of the PMU
export const C_F64_TIME: number = 7; // byte 56: accumulated ns on the thread

// ---- counter (64 bytes) -----------------------------------------------------------------------------------------------
export const COUNTER_BYTES: number = 64;
export const R_CONTEXT: number = 0; // context + 1
export const R_NEXT: number = 1; // next counter of the context + 1 (or next free)
export const R_LEADER: number = 2; // counter + 1, itself for a leader
export const R_PARENT: number = 3; // the original + 1 for an inherited counter, 0 for an original
/** Original: its family slot + 1 (sums of exited children, head of the child list). Inherited: next child + 1. */
export const R_FAMILY: number = 4;
/** bits 0-7 event, 8-11 state + 4, 12-27 flags (counter.ts) */
export const R_PACKED: number = 5;
/** Original: handles + children. Inherited: previous child + 1. */
export const R_REFS: number = 6;
export const R_GENERATION: number = 7;
export const R_F64_COUNT: number = 4;
/** context time − total_time_enabled, as the kernel's tstamp_enabled */
export const R_F64_ENABLED: number = 5;
export const R_F64_RUNNING: number = 6;
export const R_F64_STOPPED: number = 7;
// A family slot is a counter slot with these words instead (R_PACKED is 0):
export const F_SAMPLE: number = 0; // sample slot + 1, 0 = none
export const F_FIRST_CHILD: number = 1; // counter + 1
export const F_F64_COUNT: number = 4;
export const F_F64_ENABLED: number = 5;
export const F_F64_RUNNING: number = 6;
// So is a family's sampling, with R_PACKED 0:
export const P_LIMIT: number = 0; // overflows left before it is disabled, 0 = no limit
export const P_TICK: number = 1; // the tick (CpuState.ticks) that P_F64_OVERFLOWS is of
export const P_HUP: number = 4; // overflows to be told of as POLL_HUP
export const P_F64_OVERFLOWS: number = 1; // in that tick
export const P_F64_PERIOD: number = 4;
export const P_F64_LEFT: number = 5; // counts until the next overflow
export const P_F64_LOST: number = 6; // counts that passed while throttled
export const P_F64_IN: number = 7; // overflows to be told of as POLL_IN
// So is an operation on its way to the thread that owns its target (T_PENDING); linked by R_NEXT:
export const O_TARGET: number = 0; // counter + 1
export const O_TASK: number = 2; // task + 1, referenced
export const O_SENDER: number = 3; // thread the slot goes back to
export const O_FLAGS: number = 4;
export const O_GENERATION: number = 6; // of the target, when it was asked for
export const O_KIND: number = 5; // < 256, so that R_PACKED never reads as a live counter
export const O_F64_VALUE: number = 4;

// ---- ring slot (320 bytes) --------------------------------------------------------------------------------------------
export const RING_BYTES: number = 320;
export const E_SEQUENCE: number = 0; // low 31 bits of the event's number + 1; 0 while it is being written
export const E_TYPE: number = 1; // EVENT_EXIT
export const E_NAME: number = 2;
export const E_FLAGS: number = 3;
export const E_F64_ID: number = 2;
export const E_F64_START: number = 3;
export const E_F64_END: number = 4;
export const E_F64_ENABLED: number = 5;
export const E_F64_RUNNING: number = 6;
export const E_F64_VALUES: number = 8; // EVENT_LINES values
export const RING_EXIT: number = 1;

/** How many slots of each kind a region has. */
export interface Capacities {
  readonly threads: number;
  readonly names: number;
  readonly tasks: number;
  readonly contexts: number;
  readonly counters: number;
  /** Ring slots per thread; a power of two. */
  readonly ring: number;
}

/** Byte offset of every part, and the whole region's size. */
export interface Layout extends Capacities {
  readonly threadsAt: number;
  readonly namesAt: number;
  readonly totalsAt: number;
  readonly tasksAt: number;
  readonly contextsAt: number;
  readonly countersAt: number;
  readonly ringsAt: number;
  /** Bytes of one thread's ring. */
  readonly ringBytes: number;
  readonly bytes: number;
}

/** What a server gets unless told otherwise: 99 MB of address space, of which 20 MB exist with one thread. */
export const DEFAULT_CAPACITIES: Capacities = {
  threads: 16,
  names: 1000,
  tasks: 16_384,
  contexts: 16_384,
  counters: 131_072,
  ring: 16_384,
};

export function layoutOf(capacities: Capacities): Layout {
  const { threads, names, tasks, contexts, counters, ring } = capacities;
  assert((ring & (ring - 1)) === 0, 'ring capacity is a power of two');
  const threadsAt = HEADER_BYTES;
  const namesAt = threadsAt + threads * THREAD_BYTES;
  const totalsAt = namesAt + names * NAME_BYTES;
  const tasksAt = align(totalsAt + threads * names * NAME_TOTAL_BYTES);
  const contextsAt = tasksAt + tasks * TASK_BYTES;
  const countersAt = contextsAt + contexts * CONTEXT_BYTES;
  const ringsAt = countersAt + counters * COUNTER_BYTES;
  const ringBytes = ring * RING_BYTES;
  const bytes = ringsAt + threads * ringBytes;
  return {
    ...capacities,
    threadsAt,
    namesAt,
    totalsAt,
    tasksAt,
    contextsAt,
    countersAt,
    ringsAt,
    ringBytes,
    bytes,
  };
}

/** Slots never straddle a cache line. */
function align(offset: number): number {
  return Math.ceil(offset / 64) * 64;
}

// ---- where a slot is: word (Int32) and double (Float64) indexes -----------------------------------------------------
export const threadWord = (l: Layout, i: number): number => (l.threadsAt + i * THREAD_BYTES) >>> 2;
export const threadF64 = (l: Layout, i: number): number => (l.threadsAt + i * THREAD_BYTES) >>> 3;
export const nameWord = (l: Layout, i: number): number => (l.namesAt + i * NAME_BYTES) >>> 2;
export const nameByte = (l: Layout, i: number): number => l.namesAt + i * NAME_BYTES + N_BYTE_TEXT;
export const nameTotalF64 = (l: Layout, thread: number, name: number): number =>
  (l.totalsAt + (thread * l.names + name) * NAME_TOTAL_BYTES) >>> 3;
export const taskWord = (l: Layout, i: number): number => (l.tasksAt >>> 2) + i * (TASK_BYTES >>> 2);
export const taskF64 = (l: Layout, i: number): number => (l.tasksAt >>> 3) + i * (TASK_BYTES >>> 3);
export const contextWord = (l: Layout, i: number): number => (l.contextsAt >>> 2) + i * (CONTEXT_BYTES >>> 2);
export const contextF64 = (l: Layout, i: number): number => (l.contextsAt >>> 3) + i * (CONTEXT_BYTES >>> 3);
export const counterWord = (l: Layout, i: number): number => (l.countersAt >>> 2) + i * (COUNTER_BYTES >>> 2);
export const counterF64 = (l: Layout, i: number): number => (l.countersAt >>> 3) + i * (COUNTER_BYTES >>> 3);
export const ringWord = (l: Layout, thread: number, slot: number): number =>
  (l.ringsAt + (thread * l.ring + slot) * RING_BYTES) / 4;
export const ringF64 = (l: Layout, thread: number, slot: number): number =>
  (l.ringsAt + (thread * l.ring + slot) * RING_BYTES) / 8;

assert(
  TASK_BYTES <= 64 && CONTEXT_BYTES <= 64 && COUNTER_BYTES <= 64,
  'a task, context or counter fits 64 bytes',
);
assert(T_F64_CHARGEABLE + EVENT_LINES <= T_F64_NATIVE, 'thread arrays end before the native words');
assert(T_BYTE_NAME + T_BYTE_NAME_SIZE <= T_BYTE_AREAS, 'the areas begin after the name');
assert(E_F64_VALUES + EVENT_LINES === RING_BYTES / 8, 'a ring slot is full');
