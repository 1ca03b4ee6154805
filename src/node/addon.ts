/**
 * The native addon, or why there is none. Loaded by trying: taskperf works without it, on JavaScript's clocks.
 */
import { createRequire } from 'node:module';
import {
  BLOCKAGE_RECORDS,
  H_BLOCKED_MS,
  H_STACK_WANTED,
  STACK_TEXT_BYTES,
  T_BYTE_STACK,
  NATIVE_WORDS,
  SLICE_MIN_NS,
  SLICE_RECORDS,
  SWITCH_RECORDS,
  T_BYTE_BEHIND,
  T_BYTE_BLOCKAGES,
  T_BYTE_SWITCHES,
  T_F64_SINCE,
  T_F64_SWITCHES,
  T_CURRENT,
  T_ROOT,
  T_SEQ,
  WHO_SEVERAL,
  CPU_CLOCK,
  EVENT_FAILED,
  EVENT_LINES,
  THREAD_BYTES,
  EVENT_ROW_BYTES,
  H_BYTE_EVENTS,
  TASK_CLOCK,
  T_CHARGING,
  T_F64_BOUNDARIES,
  T_F64_CHARGEABLE,
  T_F64_IDLE,
  T_F64_LOOP,
  T_F64_NATIVE,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  T_RESUME,
  T_TURN,
  V_FLAGS,
  assert,
} from '../core/index.ts';

import type { PerfSpec, RusageField, V8Count } from './events/event.ts';

/** Single counts of addSource, in the order of native/sources.h. */
export const SINGLE_SOURCES: readonly (RusageField | V8Count)[] = [
  'page-faults',
  'minor-faults',
  'major-faults',
  'context-switches',
  'voluntary-switches',
  'involuntary-switches',
  'gc-time',
  'gc-count',
  'gc-minor',
  'gc-major',
  'alloc-bytes',
  'external-bytes',
];

/** Bits of what install() could not find in this runtime (native/boundary.h). */
export const LACKS_ENTERED: number = 1;
export const LACKS_COMPLETED: number = 2;
export const LACKS_DRAINED: number = 4;
export const LACKS_LOOP: number = 8;
export const LACKS_FRAMES: number = 16;

/** Bits of the runtime's counts that are not there (native/v8_counts.h). */
export const V8_LACKS_GC: number = 1;
export const V8_LACKS_ALLOC: number = 2;
export const V8_LACKS_EXTERNAL: number = 4;

/** native/addon.c. Failures of the system are errno numbers, never exceptions. */
export interface Addon {
  map(path: string, bytes: number, create: boolean): ArrayBuffer | number;
  /** Memory that all threads of this process see, zeroed by the first call. */
  share(bytes: number): ArrayBuffer | number;
  reserve(path: string, offset: number, bytes: number): number;
  /** Starts this thread's clock on its slot. 0, or an errno: preemption is not seen, the CPU clock is estimated. */
  open(buffer: ArrayBufferLike, byteOffset: number): number;
  close(): void;
  install(onOwner: () => void, onTurn: () => void, frames: boolean): number;
  uninstall(): void;
  /** Books what has passed; with T_RESUME set the running task is charged from now on. */
  charge(): void;
  /** Counts SINGLE_SOURCES[kind], too, on a line of the region. 0 or an errno. */
  addSource(kind: number, line: number): number;
  /**
   * Counts a kernel group, each event on its line and the ns it was not on the PMU on `missedLine` (0: nowhere). `specs`
   * are type, config, config1, config2 and exclusions of each: 1 user, 2 kernel. Answers [errno, index of the event
   * refused, 0], or [0, events, bits]: 1 it is on the PMU now, 2 it can be read in user space.
   */
  addGroup(lines: Int32Array, specs: BigUint64Array, missedLine: number): [number, number, number];
  /** As addGroup, only to see what it answers: the group is closed again. Needs no `open`. */
  tryGroup(specs: BigUint64Array): [number, number, number];
  /** Undoes the last addGroup. */
  removeGroup(): void;
  /** Calls of read(2) for counts so far. */
  reads(): number;
  /** Counts only the clocks again. */
  removeSources(): void;
  /**
   * Stacks of blocked threads can be asked for through the region's file at `path` (stack-text.ts): the thread of ours that
   * takes requests is started now, or with the first one. 0, an errno, or −1: this runtime cannot tell stacks.
   */
  stacks(path: string, start: boolean): number;
  /** Ends that thread. */
  stopStacks(): void;
  /** Wakes whoever waits on that word of a mapping of a region. */
  wake(buffer: ArrayBufferLike, byteOffset: number): void;
  /** Nobody's code runs from now on. */
  nobody(): void;
  /** false: code without an async context frame is told to onOwner, too. */
  skipNobody(skip: boolean): void;
  frame(): unknown;
  resyncs(): number;
  /** CPU time of this thread in ns by the plain syscall: what tests measure against. */
  threadCpu(): number;
  threadId(): number;
  /** How preemption of this thread is seen, or would be: 0 not at all, 1 rseq, 2 a perf event. */
  watch(): number;
  // What the tool calls (native/addon_perf.c):
  /** A descriptor, or a negative errno. */
  perfOpen(tid: number, spec: PerfSpec, inherit: boolean, enableOnExec: boolean): number;
  /** Value, ns enabled and ns running into the first three; 0 or an errno. Works after the end of the thread, too. */
  perfRead(fd: number, into: Float64Array): number;
  perfClose(fd: number): void;
  /**
   * What the children that were waited for have used, and theirs: CPU time in ns (in steps of 1 us), minor and major
   * faults, voluntary and involuntary switches, into the first five.
   */
  childrenUsage(into: Float64Array): void;
  /** CPU time in ns of all threads that a process has and had, or a negative errno. */
  processCpu(pid: number): number;
  /** Bits of what install() would not find (LACKS_*), and of the runtime's counts that are not there (V8_LACKS_*). */
  boundaryLacks(): number;
  v8Lacks(): number;
  /** 1: a thread may compute the clock of its perf events itself (cap_user_time). */
  userTime(): number;
}

/** The addon, or null where it was not built, does not load, or is refused by TASKPERF_NO_ADDON=1. */
export function loadAddon(): Addon | null {
  const found = findAddon();
  return typeof found === 'string' ? null : found;
}

/** The addon, or why there is none: the code of a failed load, or what forbids it. */
export function findAddon(): Addon | string {
  if (process.env['TASKPERF_NO_ADDON'] === '1') return 'TASKPERF_NO_ADDON';
  if (process.platform !== 'linux') return process.platform;
  const file = process.env['TASKPERF_ADDON'] ?? '../native/taskperf.node';
  let loaded: unknown;
  try {
    loaded = createRequire(import.meta.url)(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'MODULE_NOT_FOUND' ? code : message;
  }
  assertSameLayout(loaded as Record<string, unknown>);
  return loaded as Addon;
}

/** The C side mirrors these offsets of layout.ts; a stale binary must not write to the wrong words. */
function assertSameLayout(native: Record<string, unknown>): void {
  const mirrored: [string, number][] = [
    ['WORD_CHARGING', T_CHARGING],
    ['WORD_RESUME', T_RESUME],
    ['WORD_TURN', T_TURN],
    ['F64_BOUNDARIES', T_F64_BOUNDARIES],
    ['F64_TOTAL', T_F64_TOTAL],
    ['F64_UNATTRIBUTED', T_F64_UNATTRIBUTED],
    ['F64_LOOP', T_F64_LOOP],
    ['F64_IDLE', T_F64_IDLE],
    ['SLOT_BYTES', THREAD_BYTES],
    ['EVENT_LINES', EVENT_LINES],
    ['F64_CHARGEABLE', T_F64_CHARGEABLE],
    ['F64_NATIVE', T_F64_NATIVE],
    ['WORD_EVENT_TABLE', H_BYTE_EVENTS / 4],
    ['EVENT_ROW_WORDS', EVENT_ROW_BYTES / 4],
    ['WORD_EVENT_FLAGS', V_FLAGS],
    ['FLAG_EVENT_FAILED', EVENT_FAILED],
    ['LINE_TASK_CLOCK', TASK_CLOCK],
    ['LINE_CPU_CLOCK', CPU_CLOCK],
    ['NATIVE_WORDS', NATIVE_WORDS],
    ['WORD_BLOCKED_MS', H_BLOCKED_MS],
    ['WORD_SEQUENCE', T_SEQ],
    ['WORD_CURRENT', T_CURRENT],
    ['WORD_ROOT', T_ROOT],
    ['F64_SINCE', T_F64_SINCE],
    ['F64_SWITCHES', T_F64_SWITCHES],
    ['BYTE_SWITCHES', T_BYTE_SWITCHES],
    ['BYTE_BLOCKAGES', T_BYTE_BLOCKAGES],
    ['BYTE_BEHIND', T_BYTE_BEHIND],
    ['SLICE_MIN_NS', SLICE_MIN_NS],
    ['WORD_STACK_WANTED', H_STACK_WANTED],
    ['BYTE_STACK', T_BYTE_STACK],
    ['STACK_TEXT_BYTES', STACK_TEXT_BYTES],
    ['SWITCH_RECORDS', SWITCH_RECORDS],
    ['SLICE_RECORDS', SLICE_RECORDS],
    ['BLOCKAGE_RECORDS', BLOCKAGE_RECORDS],
    ['WHO_SEVERAL', WHO_SEVERAL],
  ];
  for (const [name, value] of mirrored) assert(native[name] === value, `native ${name} equals layout.ts`);
}
