/**
 * The books of a process that has ended: the parts are the whole. Where they are not, a slice was torn by the end, or the
 * region is damaged.
 */
import { CPU_CLOCK, EVENTS, TASK_CLOCK, TASK_SWITCHES } from '../core/events.ts';
import { EVENT_LINES } from '../core/layout.ts';
import type { Damage } from './damage.ts';
import type { Row, ThreadBooks } from './tally.ts';

/**
 * The native boundaries book without T_SEQ: a process that was killed right then (10 ns of each) has a slice in the total
 * and not in its part. Slices are mostly much shorter than this; more is no accident.
 */
export const TORN_SLICE_NS_MAX: number = 10_000_000;

/**
 * By how much what a thread used differs from the sum of its parts, in ns. Estimated parts are fractions, so a rounding
 * error is none.
 */
export function imbalanceOf({ total, tasks, unattributed, late, loop, idle }: ThreadBooks): number {
  const errors = [TASK_CLOCK, CPU_CLOCK, TASK_SWITCHES].map((id) => {
    const parts = tasks[id]! + unattributed[id]! + late[id]! + loop[id]! + idle[id]!;
    const error = Math.abs(total[id]! - parts);
    return error <= 1 + total[id]! * 1e-9 ? 0 : error;
  });
  return Math.max(...errors);
}

/**
 * The thread died in the middle of a charge (SIGKILL, worker.terminate): part of one slice is in its total and in no row.
 * What is in no row is nobody's.
 */
export function settle({ total, unattributed, late, loop, idle }: ThreadBooks, inRows: Float64Array): void {
  for (let id = 0; id < EVENT_LINES; id++) {
    // What is given out at run time adds up, all of it.
    if (EVENTS[id]?.additive === false) continue;
    const rest = total[id]! - late[id]! - loop[id]! - idle[id]! - inRows[id]!;
    unattributed[id] = Math.max(0, rest);
    // Killed after a part had it, before the total had: the part is right.
    total[id]! -= Math.min(0, rest);
  }
}

/** Parts of a row may be below 0 (a job's cost moves from thread to thread), the whole of an ended process is not. */
export function checkRows(rows: Iterable<Pick<Row, 'exited' | 'values'>>, damage: Damage): void {
  for (const { exited, values } of rows) {
    for (const sums of [exited, values]) {
      dropFractions(sums);
      damage.amounts(sums, 0, EVENT_LINES, 'what the tasks of a name have used');
    }
  }
}

/** On one thread, what is taken from a name for jobs of others may be more than there is. */
export function checkParts(rows: Iterable<Pick<Row, 'exited' | 'values'>>, damage: Damage): void {
  for (const { exited, values } of rows)
    for (const sums of [exited, values])
      damage.differences(sums, 0, EVENT_LINES, 'what the tasks of a name have used on a thread');
}

/** Rounding errors below 0, of estimated parts. */
function dropFractions(sums: Float64Array): void {
  for (let event = 0; event < EVENT_LINES; event++)
    if (sums[event]! < 0 && sums[event]! > -1) sums[event] = 0;
}
