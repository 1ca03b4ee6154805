/**
 * The thread's ring of exit events: one slot per exited task, the oldest overwritten first. A reader knows from the
 * head what it missed, and from a slot's sequence word whether it read it whole.
 */
import { EVENT_MASK, countOf, enabledOf, packedOf, runningOf } from './counter.ts';
import type { ContextHandle, CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { LATE } from './events.ts';
import {
  C_FIRST,
  E_F64_ENABLED,
  E_F64_END,
  E_F64_ID,
  E_F64_RUNNING,
  E_F64_START,
  E_F64_VALUES,
  E_FLAGS,
  E_NAME,
  E_SEQUENCE,
  E_TYPE,
  K_F64_ID,
  K_F64_START,
  K_NAME,
  NT_F64_EXITS,
  NT_F64_SUM,
  RING_EXIT,
  T_F64_RING_HEAD,
  nameTotalF64,
  ringWord,
  threadF64,
} from './layout.ts';

/** An exit event on its way into the ring. One object a thread, used again: exits are frequent. */
export interface ExitEvent {
  /** Whose ring it is. */
  thread: number;
  head: number;
  /** Word index of the ring slot, double index of its values, and of the sums of the task's name. */
  word: number;
  values: number;
  sums: number;
  /** Bit e: a counter of event e has been written. */
  seen: number;
}

/** Starts an event for the task of this context, a task of `thread`; `recordValue` for each of its counters and `commitExit` follow. */
export function beginExit(s: CpuState, task: TaskHandle, context: ContextHandle, thread: number): ExitEvent {
  const { region, i32, f64, exitEvent } = s;
  const { layout } = region;
  const head = f64[threadF64(layout, thread) + T_F64_RING_HEAD]!;
  const slot = head & (layout.ring - 1);
  const w = ringWord(layout, thread, slot);
  const f = w >>> 1;
  const name = i32[region.taskW + (task << 4) + K_NAME]!;
  i32[w + E_SEQUENCE] = 0;
  i32[w + E_TYPE] = RING_EXIT;
  i32[w + E_NAME] = name;
  i32[w + E_FLAGS] = 0;
  f64[f + E_F64_ID] = f64[region.taskF + (task << 3) + K_F64_ID]!;
  f64[f + E_F64_START] = f64[region.taskF + (task << 3) + K_F64_START]!;
  f64[f + E_F64_END] = s.now;
  const first = i32[region.contextW + (context << 4) + C_FIRST]!;
  f64[f + E_F64_ENABLED] = first === 0 ? 0 : enabledOf(region, first);
  f64[f + E_F64_RUNNING] = first === 0 ? 0 : runningOf(region, first);
  // Nobody looks at lines that no counter of this thread can have.
  for (let line = 0; line < s.linesEnd; line++) f64[f + E_F64_VALUES + line] = 0;
  const totals = nameTotalF64(layout, thread, name);
  f64[totals + NT_F64_EXITS]! += 1;
  exitEvent.thread = thread;
  exitEvent.head = head;
  exitEvent.word = w;
  exitEvent.values = f + E_F64_VALUES;
  exitEvent.sums = totals + NT_F64_SUM;
  exitEvent.seen = 0;
  return exitEvent;
}

/** The counter's final value, in the event and in its name's totals: of several counters of one event, the first's. */
export function recordValue(s: CpuState, event: ExitEvent, counter: CounterHandle): void {
  const { f64 } = s;
  const line = packedOf(s.region, counter) & EVENT_MASK;
  if ((event.seen & (1 << line)) !== 0) return;
  event.seen |= 1 << line;
  const value = countOf(s.region, counter, s.now);
  f64[event.values + line] = value;
  // Late work is booked on the name it was done for as it happens; a parent's share of it would count it twice.
  if (line !== LATE) f64[event.sums + line]! += value;
}

/** From here on the event can be read. */
export function commitExit(s: CpuState, event: ExitEvent): void {
  Atomics.store(s.i32, event.word + E_SEQUENCE, (event.head + 1) & 0x7fffffff);
  s.f64[threadF64(s.region.layout, event.thread) + T_F64_RING_HEAD] = event.head + 1;
}
