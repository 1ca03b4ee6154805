/**
 * The thread's ring of exit events: one slot per exited task, the oldest overwritten first. A reader knows from the
 * head what it missed, and from a slot's sequence word whether it read it whole.
 */
import { EVENT_MASK, countOf, enabledOf, packedOf, runningOf } from './counter.ts';
import type { ContextHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { LATE } from './events.ts';
import {
  C_FIRST,
  EVENT_LINES,
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
  R_NEXT,
  T_F64_RING_HEAD,
  nameTotalF64,
  ringF64,
  ringWord,
  threadF64,
} from './layout.ts';

/** Writes down what the task of this context counted: an event in the ring, and its part of the name's totals. */
export function recordExit(s: CpuState, task: TaskHandle, context: ContextHandle): void {
  const { region, i32, f64 } = s;
  const { layout } = region;
  const headAt = threadF64(layout, s.index) + T_F64_RING_HEAD;
  const head = f64[headAt]!;
  const slot = head & (layout.ring - 1);
  const w = ringWord(layout, s.index, slot);
  const f = ringF64(layout, s.index, slot);
  const name = i32[region.taskW + (task << 4) + K_NAME]!;
  i32[w + E_SEQUENCE] = 0;
  i32[w + E_TYPE] = RING_EXIT;
  i32[w + E_NAME] = name;
  i32[w + E_FLAGS] = 0;
  f64[f + E_F64_ID] = f64[region.taskF + (task << 3) + K_F64_ID]!;
  f64[f + E_F64_START] = f64[region.taskF + (task << 3) + K_F64_START]!;
  f64[f + E_F64_END] = s.now;
  const totals = nameTotalF64(layout, s.index, name);
  f64[totals + NT_F64_EXITS]! += 1;
  writeValues(s, context, f, totals + NT_F64_SUM);
  Atomics.store(i32, w + E_SEQUENCE, (head + 1) & 0x7fffffff);
  f64[headAt] = head + 1;
}

/** One value per event line: of several counters of one event, that of the first opened. */
function writeValues(s: CpuState, context: ContextHandle, ring: number, sums: number): void {
  const { region, i32, f64 } = s;
  for (let line = 0; line < EVENT_LINES; line++) f64[ring + E_F64_VALUES + line] = 0;
  const first = i32[region.contextW + (context << 4) + C_FIRST]!;
  f64[ring + E_F64_ENABLED] = first === 0 ? 0 : enabledOf(region, first);
  f64[ring + E_F64_RUNNING] = first === 0 ? 0 : runningOf(region, first);
  let seen = 0;
  for (let c = first; c !== 0; c = i32[region.counterW + (c << 4) + R_NEXT]!) {
    const event = packedOf(region, c) & EVENT_MASK;
    if ((seen & (1 << event)) !== 0) continue;
    seen |= 1 << event;
    const value = countOf(region, c, s.now);
    f64[ring + E_F64_VALUES + event] = value;
    // Late work is booked on the name it was done for as it happens; a parent's share of it would count it twice.
    if (event !== LATE) f64[sums + event]! += value;
  }
}
