/** I32, I33 and the thread's books. */
import {
  CPU_CLOCK,
  C_F64_TIME,
  C_REFS,
  TASK_CLOCK,
  T_F64_LATE,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  T_SEQ,
  threadF64,
  threadWord,
} from '../core/index.ts';
import { ownerOf } from '../core/context.ts';
import { enabledOf, runningOf } from '../core/counter.ts';
import { type Census, USE_COUNTER } from './census.ts';
import type { Machine } from './machine.ts';
import { demand } from './violation.ts';

/** I32: 0 ≤ running ≤ enabled ≤ the context's time; I33: which is no more than its thread worked. */
export function checkTimes(machine: Machine, census: Census): void {
  const { region } = machine;
  const { i32, f64, layout } = region;
  for (let c = 1; c <= census.contextsUsed; c++) {
    const at = region.contextW + (c << 4);
    if (i32[at + C_REFS]! <= 0) continue;
    const time = f64[region.contextF + (c << 3) + C_F64_TIME]!;
    const worked = f64[threadF64(layout, ownerOf(region, c)) + T_F64_TOTAL + CPU_CLOCK]!;
    demand(
      time >= 0 && time <= worked,
      'I33',
      () => `context ${c} ran ${time} ns, its thread worked ${worked}`,
    );
  }
  for (let r = 1; r <= census.countersUsed; r++) {
    if (census.counterUse[r] !== USE_COUNTER) continue;
    const enabled = enabledOf(region, r);
    const running = runningOf(region, r);
    const isOrdered = running >= 0 && running <= enabled;
    demand(isOrdered, 'I32', () => `counter ${r}: running ${running}, enabled ${enabled}`);
  }
}

/** Threads = tasks + system rows, always; and all that the PMU counted once a reading has been taken. */
export function checkBooksAtRest(machine: Machine): void {
  const { i32, f64, layout } = machine.region;
  for (const { index, pmu, model, isDead } of machine.cpus) {
    demand(
      (i32[threadWord(layout, index) + T_SEQ]! & 1) === 0,
      'books',
      () => `thread ${index} is in mid-switch`,
    );
    const at = threadF64(layout, index);
    for (const event of [TASK_CLOCK, CPU_CLOCK, ...pmu.events]) {
      const total = f64[at + T_F64_TOTAL + event]!;
      const parts =
        f64[at + T_F64_TASKS + event]! +
        f64[at + T_F64_UNATTRIBUTED + event]! +
        f64[at + T_F64_LATE + event]!;
      demand(
        parts === total,
        'books',
        () => `thread ${index}, event ${event}: ${total} in all, ${parts} in parts`,
      );
      if (isDead || model.staged.length > 0) continue;
      const worked = pmu.countOf(event) - total;
      demand(
        worked <= 0,
        'books',
        () => `thread ${index}, event ${event}: ${worked} of the PMU's are in no line`,
      );
    }
  }
}
