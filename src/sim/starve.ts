/**
 * An allocation that fails, without touching the core: for the length of one operation the machine takes all free slots
 * of a kind that the thread could get, but a few, and gives them back afterwards. The fault is then met inside the
 * operation, at its first, second or third allocation.
 */
import { H_LOST_TASKS } from '../core/index.ts';
import { giveSlot, takeSlot } from '../core/slab.ts';
import type { Machine, SimCpu } from './machine.ts';

export interface Starvation {
  /** KIND_TASK, KIND_CONTEXT or KIND_COUNTER. */
  readonly kind: number;
  /** Allocations that still succeed. */
  readonly left: number;
}

export function starved<T>(machine: Machine, cpu: SimCpu, starvation: Starvation, body: () => T): T {
  const { region } = machine;
  const { kind } = starvation;
  const taken: number[] = [];
  for (let slot = takeSlot(region, cpu.index, kind); slot !== 0; slot = takeSlot(region, cpu.index, kind)) {
    taken.push(slot);
  }
  region.i32[H_LOST_TASKS + kind]! -= 1; // that was the machine's, not a loss
  const give = (slot: number): void => giveSlot(cpu.core, kind, slot, cpu.index);
  taken.splice(0, starvation.left).forEach(give);
  try {
    return body();
  } finally {
    taken.forEach(give);
  }
}
