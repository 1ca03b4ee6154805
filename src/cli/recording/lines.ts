/**
 * Counters by name, as they stand in a recording, and by line, as they are computed with. Lines that are no event's hold
 * the ns that events which take turns on the PMU were not on it (scaling.ts); they are called "line-N".
 */
import { EVENTS } from '../../core/events.ts';
import type { EventInfo } from '../../core/events.ts';
import { EVENT_LINES } from '../../core/layout.ts';

export type Counters = Readonly<Record<string, number>>;

/** A line that is not what it should be: a fact of the user's file. The message says what is wrong. */
export class LineError extends Error {
  override name = 'LineError';
}

export class Lines {
  readonly #names: readonly string[];
  readonly #byName: ReadonlyMap<string, number>;

  /** `events` are those that are counted; their ids are lines. */
  constructor(events: readonly EventInfo[]) {
    const known = new Map([...EVENTS, ...events].map(({ id, name }) => [id, name]));
    this.#names = Array.from({ length: EVENT_LINES }, (_, line) => known.get(line) ?? `line-${line}`);
    this.#byName = new Map(this.#names.map((name, line) => [name, line]));
  }

  /** Those that are not 0. */
  named(values: Float64Array): Counters {
    const counters: Record<string, number> = {};
    for (let line = 0; line < EVENT_LINES; line++)
      if (values[line] !== 0 && Number.isFinite(values[line])) counters[this.#names[line]!] = values[line]!;
    return counters;
  }

  /** @throws LineError */
  values(counters: Counters): Float64Array {
    const values = new Float64Array(EVENT_LINES);
    for (const name in counters) values[this.lineOf(name)] = counters[name]!;
    return values;
  }

  nameOf(line: number): string {
    return this.#names[line]!;
  }

  /** @throws LineError when it is not counted in this recording. */
  lineOf(name: string): number {
    const line = this.#byName.get(name);
    if (line === undefined) throw new LineError(`'${name}' is no event of this recording`);
    return line;
  }
}
