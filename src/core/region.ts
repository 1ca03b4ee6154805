/**
 * The shared region as typed arrays: made once by `format`, looked at by anyone with `open`.
 *
 * A handle is a slot's index + 1, so handle h's words start at `taskW + (h << 4)` (16 words, 8 doubles a slot). The
 * bases below lie one slot before their part for that reason. All three kinds of slot have the same size.
 *
 * Right: `region.i32[region.taskW + (task << 4) + K_NAME]`.
 */
import { assert } from './assert.ts';
import { TaskperfError } from './errors.ts';
import {
  CONTEXT_BYTES,
  COUNTER_BYTES,
  type Capacities,
  HEADER_BYTES,
  H_BYTE_NODE,
  H_BYTE_NODE_SIZE,
  H_CONTEXTS,
  H_COUNTERS,
  H_F64_START_EPOCH_MS,
  H_F64_START_MONO,
  H_MAGIC,
  H_NAMES,
  H_NAMES_USED,
  H_PID,
  H_RING,
  H_SESSION,
  H_STATE,
  H_TASKS,
  H_TASK_SERIAL,
  H_THREADS,
  H_VERSION,
  LAYOUT_VERSION,
  type Layout,
  MAGIC,
  N_BYTE_TEXT_SIZE,
  N_LENGTH,
  N_STATE,
  PROCESS_RUNNING,
  TASK_BYTES,
  contextF64,
  contextWord,
  counterF64,
  counterWord,
  layoutOf,
  nameByte,
  nameWord,
  taskF64,
  taskWord,
} from './layout.ts';
import { encodeUtf8 } from './utf8.ts';

/** Words and doubles in a task, context or counter slot. */
export const SLOT_WORDS: number = TASK_BYTES >>> 2;
export const SLOT_F64: number = TASK_BYTES >>> 3;
assert(TASK_BYTES === CONTEXT_BYTES && TASK_BYTES === COUNTER_BYTES, 'all slots have one size');
// The core finds slots by shifting: an imported constant costs a load each time, and these are everywhere.
assert(SLOT_WORDS === 1 << 4 && SLOT_F64 === 1 << 3, 'a slot is 16 words, 8 doubles');

/** The name of tasks that found the name table full. */
const OTHER = '(other)';
/** No region is larger than what 32-bit word indexes reach with a factor to spare. */
const MAX_BYTES = 2 ** 33;

/** What a process says of itself when it makes a region. */
export interface RegionHeader {
  readonly pid: number;
  /** Pid of the tool that asked for the region, 0 when there is none. */
  readonly session: number;
  readonly nodeVersion: string;
  readonly startEpochMs: number;
  /** CLOCK_MONOTONIC in ns at the same moment. */
  readonly startMono: number;
}

export class Region {
  readonly buffer: ArrayBufferLike;
  readonly layout: Layout;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly u8: Uint8Array;
  readonly taskW: number;
  readonly taskF: number;
  readonly contextW: number;
  readonly contextF: number;
  readonly counterW: number;
  readonly counterF: number;

  private constructor(buffer: ArrayBufferLike, layout: Layout) {
    this.buffer = buffer;
    this.layout = layout;
    this.i32 = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
    this.f64 = new Float64Array(buffer, 0, Math.floor(buffer.byteLength / 8));
    this.u8 = new Uint8Array(buffer);
    this.taskW = taskWord(layout, 0) - SLOT_WORDS;
    this.taskF = taskF64(layout, 0) - SLOT_F64;
    this.contextW = contextWord(layout, 0) - SLOT_WORDS;
    this.contextF = contextF64(layout, 0) - SLOT_F64;
    this.counterW = counterWord(layout, 0) - SLOT_WORDS;
    this.counterF = counterF64(layout, 0) - SLOT_F64;
  }

  /**
   * Turns a zeroed buffer into an empty region; the magic word is written last, so a half-made region does not open.
   * @throws TaskperfError EINVAL when the buffer is smaller than the capacities need.
   */
  static format(buffer: ArrayBufferLike, capacities: Capacities, header: RegionHeader): Region {
    const layout = layoutOf(capacities);
    requireSize(buffer.byteLength, layout.bytes);
    const region = new Region(buffer, layout);
    const { i32, f64 } = region;
    i32[H_VERSION] = LAYOUT_VERSION;
    i32[H_PID] = header.pid;
    i32[H_SESSION] = header.session;
    i32[H_STATE] = PROCESS_RUNNING;
    i32[H_THREADS] = capacities.threads;
    i32[H_NAMES] = capacities.names;
    i32[H_TASKS] = capacities.tasks;
    i32[H_CONTEXTS] = capacities.contexts;
    i32[H_COUNTERS] = capacities.counters;
    i32[H_RING] = capacities.ring;
    i32[H_TASK_SERIAL] = 1;
    f64[H_F64_START_EPOCH_MS] = header.startEpochMs;
    f64[H_F64_START_MONO] = header.startMono;
    region.u8.set(encodeUtf8(header.nodeVersion, H_BYTE_NODE_SIZE - 1), H_BYTE_NODE);
    writeName(region, 0, encodeUtf8(OTHER, N_BYTE_TEXT_SIZE));
    i32[H_NAMES_USED] = 1;
    Atomics.store(i32, H_MAGIC, MAGIC);
    return region;
  }

  /**
   * Looks at a region that somebody else made (or a copy of one).
   * @throws TaskperfError EINVAL when it is no region, of another layout version, damaged or truncated.
   */
  static open(buffer: ArrayBufferLike): Region {
    requireSize(buffer.byteLength, HEADER_BYTES);
    const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    const magic = header[H_MAGIC]!;
    if (magic !== MAGIC) {
      const word = `0x${(magic >>> 0).toString(16)}`;
      throw invalid(
        `not a taskperf region: it begins with ${word}; give the file of a running taskperf`,
        magic,
      );
    }
    const version = header[H_VERSION]!;
    if (version !== LAYOUT_VERSION) {
      const versions = `the region has layout version ${version}, this taskperf reads ${LAYOUT_VERSION}`;
      throw invalid(`${versions}; use the same taskperf version on both sides`, version);
    }
    const layout = layoutOf(readCapacities(header));
    if (layout.bytes > MAX_BYTES) {
      throw invalid(
        `a damaged region: its capacities need ${layout.bytes} bytes; start the program again`,
        layout.bytes,
      );
    }
    requireSize(buffer.byteLength, layout.bytes);
    return new Region(buffer, layout);
  }
}

/** Fills a name slot that the caller owns; readers look at it once N_STATE is 1. */
export function writeName(region: Region, index: number, bytes: Uint8Array): void {
  assert(bytes.length <= N_BYTE_TEXT_SIZE, 'a name fits its slot');
  const at = nameWord(region.layout, index);
  region.u8.set(bytes, nameByte(region.layout, index));
  region.i32[at + N_LENGTH] = bytes.length;
  Atomics.store(region.i32, at + N_STATE, 1);
}

function readCapacities(header: Int32Array): Capacities {
  const capacities = {
    threads: header[H_THREADS]!,
    names: header[H_NAMES]!,
    tasks: header[H_TASKS]!,
    contexts: header[H_CONTEXTS]!,
    counters: header[H_COUNTERS]!,
    ring: header[H_RING]!,
  };
  for (const [what, count] of Object.entries(capacities)) {
    if (count > 0) continue;
    throw invalid(`a damaged region: it has room for ${count} ${what}; start the program again`, count);
  }
  if ((capacities.ring & (capacities.ring - 1)) !== 0) {
    throw invalid(`a damaged region: ring size ${capacities.ring}; start the program again`, capacities.ring);
  }
  return capacities;
}

function requireSize(bytes: number, needed: number): void {
  if (bytes >= needed) return;
  throw invalid(`a truncated region: ${bytes} bytes of ${needed}; start the program again`, bytes);
}

function invalid(message: string, value: unknown): TaskperfError {
  return new TaskperfError('EINVAL', message, value);
}
