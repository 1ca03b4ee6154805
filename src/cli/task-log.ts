/**
 * Single exited tasks for `--by task`, the most costly ones: a bounded table of doubles, no object per task. When it is
 * full, the cheaper half is dropped and counted.
 */
import { TASK_CLOCK } from '../core/events.ts';
import {
  E_F64_ENABLED,
  E_F64_END,
  E_F64_ID,
  E_F64_RUNNING,
  E_F64_START,
  E_F64_VALUES,
  E_NAME,
  EVENT_LINES,
} from '../core/layout.ts';
import type { Words } from './reader.ts';

/** One task that exited; `values` by event line. */
export interface LoggedTask {
  readonly id: number;
  readonly pid: number;
  readonly name: string;
  readonly thread: number;
  readonly startNs: number;
  readonly endNs: number;
  readonly enabledNs: number;
  readonly runningNs: number;
  readonly values: Float64Array;
}

/** name, thread, id, start, end, enabled, running */
const FACTS = 7;
const COLUMNS = FACTS + EVENT_LINES;
/** Tasks that survive; twice as many are held before the cheaper half goes. */
export const LOGGED_TASKS_MAX: number = 10_000;

export class TaskLog {
  #rows: Float64Array = new Float64Array(256 * COLUMNS);
  #count = 0;

  add(words: Words, word: number, thread: number): void {
    if (this.#count === LOGGED_TASKS_MAX * 2) this.#prune();
    if ((this.#count + 1) * COLUMNS > this.#rows.length) this.#grow();
    const to = this.#count++ * COLUMNS;
    const at = word / 2;
    const rows = this.#rows;
    rows[to] = words.i32[word + E_NAME]!;
    rows[to + 1] = thread;
    rows[to + 2] = words.f64[at + E_F64_ID]!;
    rows[to + 3] = words.f64[at + E_F64_START]!;
    rows[to + 4] = words.f64[at + E_F64_END]!;
    rows[to + 5] = words.f64[at + E_F64_ENABLED]!;
    rows[to + 6] = words.f64[at + E_F64_RUNNING]!;
    for (let event = 0; event < EVENT_LINES; event++)
      rows[to + FACTS + event] = words.f64[at + E_F64_VALUES + event]!;
  }

  /** The kept tasks of the process, most costly first. */
  tasks(pid: number, nameOf: (index: number) => string): LoggedTask[] {
    this.#prune();
    return Array.from({ length: this.#count }, (_, row) => {
      const at = row * COLUMNS;
      const fact = (column: number): number => this.#rows[at + column]!;
      return {
        pid,
        name: nameOf(fact(0)),
        thread: fact(1),
        id: fact(2),
        startNs: fact(3),
        endNs: fact(4),
        enabledNs: fact(5),
        runningNs: fact(6),
        values: this.#rows.slice(at + FACTS, at + COLUMNS),
      };
    });
  }

  /** Sorts by cost and drops what is beyond the bound. */
  #prune(): void {
    const cost = (row: number): number => this.#rows[row * COLUMNS + FACTS + TASK_CLOCK]!;
    const order = Array.from({ length: this.#count }, (_, row) => row).sort((a, b) => cost(b) - cost(a));
    const kept = order.slice(0, LOGGED_TASKS_MAX);
    const rows = new Float64Array(this.#rows.length);
    kept.forEach((row, to) =>
      rows.set(this.#rows.subarray(row * COLUMNS, (row + 1) * COLUMNS), to * COLUMNS),
    );
    this.#rows = rows;
    this.#count = kept.length;
  }

  #grow(): void {
    const rows = new Float64Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
