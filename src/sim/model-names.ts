/** The table of names, and per thread and name how many tasks began and ended and what late work came to. */
import type { ModelCpu } from './model-owner.ts';

export interface NameTotals {
  starts: number;
  exits: number;
  late: number;
}

export const OTHER = '(other)';

export class NameBook {
  readonly #known: Set<string> = new Set([OTHER]);
  readonly #capacity: number;
  /** By slot of the thread, then by name. */
  readonly totals: Map<number, Map<string, NameTotals>> = new Map();
  readonly #staged: Map<ModelCpu, Map<string, number>> = new Map();
  lost = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The name a task will have: another one when the table is full. */
  intern(text: string): string {
    if (this.#known.has(text)) return text;
    if (this.#known.size < this.#capacity) {
      this.#known.add(text);
      return text;
    }
    this.lost++;
    return OTHER;
  }

  started(thread: number, name: string): void {
    this.of(thread, name).starts++;
  }

  ended(thread: number, name: string): void {
    this.of(thread, name).exits++;
  }

  renamed(thread: number, before: string, after: string): void {
    this.of(thread, before).starts--;
    this.of(thread, after).starts++;
  }

  addLate(cpu: ModelCpu, ns: number): void {
    let staged = this.#staged.get(cpu);
    if (staged === undefined) this.#staged.set(cpu, (staged = new Map()));
    staged.set(cpu.lateName, (staged.get(cpu.lateName) ?? 0) + ns);
  }

  book(cpu: ModelCpu): void {
    if (this.#staged.size === 0) return;
    const staged = this.#staged.get(cpu);
    if (staged === undefined) return;
    for (const [name, ns] of staged) this.of(cpu.index, name).late += ns;
    this.#staged.delete(cpu);
  }

  /** What was not booked is gone with its thread. */
  lose(cpu: ModelCpu): void {
    this.#staged.delete(cpu);
  }

  of(thread: number, name: string): NameTotals {
    let names = this.totals.get(thread);
    if (names === undefined) this.totals.set(thread, (names = new Map()));
    let totals = names.get(name);
    if (totals === undefined) names.set(name, (totals = { starts: 0, exits: 0, late: 0 }));
    return totals;
  }
}
