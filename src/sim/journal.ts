/** The last operations of a run, kept as numbers in a ring, and printed as a table when the run fails. */
import { assert } from '../core/index.ts';

/** A line: what was done, on which thread, at what time, with what. */
interface Entry {
  step: number;
  clock: number;
  cpu: number;
  action: string;
  labels: readonly string[];
  readonly values: number[];
  outcome: string;
}

const VALUES = 5;

export class Journal {
  readonly #entries: Entry[];
  #written = 0;

  constructor(size: number) {
    assert(size > 0, 'a journal has room');
    this.#entries = Array.from({ length: size }, () => ({
      step: 0,
      clock: 0,
      cpu: 0,
      action: '',
      labels: [],
      values: new Array<number>(VALUES).fill(0),
      outcome: '',
    }));
  }

  /** Begins a line, which is filled in by `note` and `outcome`. */
  begin(step: number, clock: number, cpu: number, action: { name: string; labels: readonly string[] }): void {
    const entry = this.#entries[this.#written++ % this.#entries.length]!;
    entry.step = step;
    entry.clock = clock;
    entry.cpu = cpu;
    entry.action = action.name;
    entry.labels = action.labels;
    entry.outcome = '';
    entry.values.fill(0);
  }

  note(...values: number[]): void {
    const entry = this.#last();
    for (let i = 0; i < values.length; i++) entry.values[i] = values[i]!;
  }

  /** A perf error code; several are joined. */
  outcome(text: string): void {
    const entry = this.#last();
    entry.outcome = entry.outcome === '' ? text : `${entry.outcome} ${text}`;
  }

  /** The table, oldest line first, with a head. */
  lines(): string[] {
    const kept = Math.min(this.#written, this.#entries.length);
    const rows = [['step', 'clock/ns', 'cpu', 'operation', 'with', 'outcome']];
    for (let i = this.#written - kept; i < this.#written; i++) {
      const { step, clock, cpu, action, labels, values, outcome } = this.#entries[i % this.#entries.length]!;
      const args = labels.map((label, at) => `${label} ${values[at]}`).join(', ');
      rows.push([String(step), String(clock), String(cpu), action, args, outcome]);
    }
    return formatTable(rows);
  }

  #last(): Entry {
    return this.#entries[(this.#written - 1) % this.#entries.length]!;
  }
}

/** Columns as wide as their widest cell, two spaces apart; numbers to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (/^\d+$/.test(cell) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
