/**
 * Charging: one reading of the PMU, and what it added goes to whom it belongs: the running task's context, the
 * thread's own context, and one of the thread's lines (tasks, unattributed or late).
 *
 * The walk is plain loops over typed arrays: nothing is allocated, and the cost depends on the counters of the running
 * task alone.
 */
import { COUNTING, EVENT_MASK, SAMPLING } from './counter.ts';
import type { ContextHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { CPU_CLOCK, LATE, TASK_CLOCK, TASK_SWITCHES, WAIT } from './events.ts';
import { NT_F64_SUM, nameTotalF64 } from './layout.ts';
import { disableSpent, sample } from './sampling.ts';

// Local copies: V8 folds a module's own constants, an imported binding is a load each time.
const CLOCK = CPU_CLOCK;
const SWITCHES = TASK_SWITCHES;
const WAITED = WAIT;
const COUNTING_BIT = COUNTING;
const EVENT_BITS = EVENT_MASK;
const SAMPLING_BIT = SAMPLING;

/** Takes one reading and books it. Returns the clock. The task's switch-in (its switch and wait) is booked with it. */
export function charge(s: CpuState): number {
  const { f64, raw, delta, lines, lastAt, bucketAt, totalAt } = s;
  const now = s.pmu.read(raw);
  for (let i = 0; i < lines.length; i++) {
    const event = lines[i]!;
    const value = raw[event]!;
    const added = value - f64[lastAt + event]!;
    f64[lastAt + event] = value;
    f64[bucketAt + event]! += added;
    f64[totalAt + event]! += added;
    delta[event] = added;
  }
  const switches = delta[SWITCHES]!;
  if (switches !== 0) {
    f64[totalAt + SWITCHES]! += switches;
    f64[bucketAt + SWITCHES]! += switches;
    f64[bucketAt + WAITED]! += delta[WAITED]!;
  }
  if (s.active !== 0) chargeContext(s, s.active);
  if (s.threadContext !== 0 || s.owner < 0) chargeOthers(s);
  delta[SWITCHES] = 0;
  delta[WAITED] = 0;
  s.now = now;
  if (s.overflowed) disableSpent(s);
  return now;
}

/** From here to `endChange` readers on other threads wait: they see all of a change or nothing. Does not nest. */
export function beginChange(s: CpuState): void {
  s.i32[s.seqAt]!++;
}

export function endChange(s: CpuState): void {
  s.i32[s.seqAt]!++;
}

/** Books everything up to now, without a switch or another change. */
export function fold(s: CpuState): void {
  beginChange(s);
  charge(s);
  endChange(s);
}

/** The PMU reads one more event from now on: what it has counted of it before is nobody's. */
export function addLine(s: CpuState, event: number): void {
  beginChange(s);
  charge(s);
  s.f64[s.lastAt + event] = s.raw[event]!;
  if (!s.lines.includes(event)) s.lines = Int32Array.of(...s.lines, event);
  s.linesEnd = Math.max(s.linesEnd, event + 1);
  endChange(s);
}

/**
 * Adds what is only now known to have been the task's, whether it runs or not. For what the PMU learns of late: its
 * readings of that event must not contain it.
 */
export function credit(s: CpuState, task: TaskHandle, event: number, amount: number): void {
  beginChange(s);
  s.f64[s.totalAt + event]! += amount;
  s.f64[(task === s.root ? s.unattributedAt : s.tasksAt) + event]! += amount;
  const context = s.i32[s.taskContextAt + (task << 4)]!;
  if (context > 0) addEvent(s, context, event, amount);
  if (s.threadContext !== 0) addEvent(s, s.threadContext, event, amount);
  endChange(s);
}

/** Adds the present deltas to all that counts in the context. */
function chargeContext(s: CpuState, context: ContextHandle): void {
  const { i32, f64, delta, counterPackedAt, counterNextAt, counterCountAt } = s;
  f64[s.contextTimeAt + (context << 3)]! += delta[CLOCK]!;
  let counter = i32[s.contextFirstAt + (context << 4)]!;
  let flags = 0;
  while (counter !== 0) {
    const packed = i32[counterPackedAt + (counter << 4)]!;
    if ((packed & COUNTING_BIT) !== 0) f64[counterCountAt + (counter << 3)]! += delta[packed & EVENT_BITS]!;
    flags |= packed;
    counter = i32[counterNextAt + (counter << 4)]!;
  }
  if ((flags & SAMPLING_BIT) !== 0) sampleContext(s, context);
}

function sampleContext(s: CpuState, context: ContextHandle): void {
  let counter = s.i32[s.contextFirstAt + (context << 4)]!;
  while (counter !== 0) {
    const packed = s.i32[s.counterPackedAt + (counter << 4)]!;
    if ((packed & SAMPLING_BIT) !== 0) sample(s, counter, s.delta[packed & EVENT_BITS]!);
    counter = s.i32[s.counterNextAt + (counter << 4)]!;
  }
}

/** Late work, and counters on the thread itself. */
function chargeOthers(s: CpuState): void {
  const { delta } = s;
  if (s.owner < 0) {
    const late = delta[TASK_CLOCK]!;
    const context = s.i32[s.taskContextAt + (s.current << 4)]!;
    if (context > 0) addEvent(s, context, LATE, late);
    s.f64[nameTotalF64(s.region.layout, s.index, s.lateName) + NT_F64_SUM + LATE]! += late;
    delta[LATE] = late;
  }
  if (s.threadContext !== 0) chargeContext(s, s.threadContext);
  delta[LATE] = 0;
}

/** Adds to the context's counters of one event, whether the context is being counted or not. */
export function addEvent(s: CpuState, context: ContextHandle, event: number, amount: number): void {
  let counter = s.i32[s.contextFirstAt + (context << 4)]!;
  while (counter !== 0) {
    const packed = s.i32[s.counterPackedAt + (counter << 4)]!;
    if ((packed & EVENT_MASK) === event) {
      if ((packed & COUNTING) !== 0) s.f64[s.counterCountAt + (counter << 3)]! += amount;
      if ((packed & SAMPLING) !== 0) sample(s, counter, amount);
    }
    counter = s.i32[s.counterNextAt + (counter << 4)]!;
  }
}
