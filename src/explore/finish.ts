/** What every scenario does after its threads: lets requests through, then closes and ends everything. Runs transformed. */
import { STATE_DEAD, stateOf } from '../core/counter.ts';
import type { Cpu } from '../core/cpu.ts';
import {
  H_COUNTERS_USED,
  R_PACKED,
  R_PARENT,
  R_REFS,
  THREAD_LIVE,
  T_PENDING,
  T_STATE,
  threadWord,
} from '../core/layout.ts';
import type { World } from './scenario.ts';

/** Every thread comes to a safepoint until nobody has asked anything of anybody. */
export function settle(w: World): void {
  for (let isQuiet = false; !isQuiet; ) {
    isQuiet = true;
    for (const cpu of liveCpus(w)) {
      const at = threadWord(w.region.layout, cpu.index);
      if (w.region.i32[at + T_PENDING]! !== 0) isQuiet = false;
      cpu.fold();
    }
  }
}

/** All counters are closed and all threads end. */
export function closeAll(w: World): void {
  const { i32, counterW } = w.region;
  const [first] = liveCpus(w);
  const used = i32[H_COUNTERS_USED]!;
  for (let counter = 1; counter <= used; counter++) {
    const packed = i32[counterW + (counter << 4) + R_PACKED]!;
    if (stateOf(packed) === STATE_DEAD || i32[counterW + (counter << 4) + R_PARENT]! !== 0) continue;
    if (i32[counterW + (counter << 4) + R_REFS]! === 0) continue; // half made by one who died
    first!.close(counter);
    settle(w);
  }
  for (const cpu of liveCpus(w).reverse()) cpu.shutdown();
}

function liveCpus(w: World): Cpu[] {
  const { i32, layout } = w.region;
  const live: Cpu[] = [];
  for (const cpu of w.cpus) {
    if (i32[threadWord(layout, cpu.index) + T_STATE]! === THREAD_LIVE) live.push(cpu);
  }
  return live;
}
