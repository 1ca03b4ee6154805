/**
 * What the exit events tell that sums cannot: the spread per task. One group per name (or per thread), one HDR
 * histogram per counted event in it; smallest and largest are kept exactly. Nothing is allocated per event.
 */
import { build } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';
import { TASK_CLOCK } from '../core/events.ts';
import { EVENT_LINES, E_F64_ENABLED, E_F64_RUNNING, E_F64_VALUES, E_NAME } from '../core/layout.ts';
import type { ExitSink } from './ring.ts';
import type { Words } from './reader.ts';
import { countedShare, scaledValue } from './scaling.ts';
import type { Scaling } from './scaling.ts';
import type { TaskLog } from './task-log.ts';

/** Quantiles of one event over the exited tasks of a group. */
export interface Spread {
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/**
 * Three digits for the first histograms, two for the rest: 0.1 % and 1 %. A histogram takes up to 80 and 12 KB, so
 * 1,000 names with seven events stay below 120 MB instead of 560.
 */
const FINE_HISTOGRAMS = 512;

export class Group {
  /** Exit events seen: fewer than the tasks that exited when the ring lost some. */
  seen = 0;
  enabledNs = 0;
  runningNs = 0;
  /** The lines there is a spread of. */
  readonly events: readonly number[];
  readonly #spreads: readonly EventSpread[];
  readonly #scaling: Scaling;

  constructor(events: readonly number[], scaling: Scaling, digits: () => 2 | 3) {
    this.events = events;
    this.#scaling = scaling;
    this.#spreads = events.map(() => new EventSpread(digits()));
  }

  /** Undefined when no exit was seen or the event is not counted. */
  spread(event: number): Spread | undefined {
    return this.#spreads[this.events.indexOf(event)]?.result();
  }

  add(words: Words, at: number): void {
    this.seen++;
    this.enabledNs += words.f64[at + E_F64_ENABLED]!;
    this.runningNs += words.f64[at + E_F64_RUNNING]!;
    const values = at + E_F64_VALUES;
    for (let i = 0; i < this.events.length; i++) {
      const event = this.events[i]!;
      if (this.#scaling.has(event)) this.#addScaled(i, words.f64.subarray(values, values + EVENT_LINES));
      else this.#spreads[i]!.add(words.f64[values + event]!);
    }
  }

  /** A task that ran only while the event was not counted tells nothing of it. */
  #addScaled(i: number, values: Float64Array): void {
    const event = this.events[i]!;
    if (countedShare(values, event, this.#scaling) === 0 && values[TASK_CLOCK]! > 0) return;
    this.#spreads[i]!.add(scaledValue(values, event, this.#scaling));
  }
}

class EventSpread {
  #seen = 0;
  #min = Infinity;
  #max = 0;
  readonly #histogram: Histogram;

  constructor(digits: 2 | 3) {
    this.#histogram = build({ bitBucketSize: 32, autoResize: true, numberOfSignificantValueDigits: digits });
  }

  add(raw: number): void {
    // A damaged slot must not throw in the middle of a drain.
    const value = raw >= 0 && raw <= Number.MAX_SAFE_INTEGER ? Math.round(raw) : 0;
    this.#seen++;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    this.#histogram.recordValue(value);
  }

  /** Undefined when nothing was added. */
  result(): Spread | undefined {
    if (this.#seen === 0) return undefined;
    const at = (percentile: number): number =>
      Math.min(Math.max(this.#histogram.getValueAtPercentile(percentile), this.#min), this.#max);
    return { min: this.#min, p50: at(50), p90: at(90), p99: at(99), max: this.#max };
  }
}

/** How the events of a region are sorted into groups: name index and thread index → key. */
export type KeyOf = (name: number, thread: number) => string;

export class Collector {
  groups: Map<string, Group> = new Map();
  readonly #events: readonly number[];
  readonly #scaling: Scaling;
  #histograms = 0;

  /** `events` are the lines to keep histograms of; `scaling` may grow as regions are found. */
  constructor(events: readonly number[], scaling: Scaling = new Map()) {
    this.#events = events;
    this.#scaling = scaling;
  }

  /** Forgets all groups: the next interval begins. */
  reset(): void {
    this.groups = new Map();
    this.#histograms = 0;
  }

  /** Where the exit events of one thread of one region go; `log` gets each task too when single tasks are asked for. */
  sink(thread: number, keyOf: KeyOf, log?: TaskLog): ExitSink {
    // By name index: a name's key is built once, not per event.
    let known: (Group | undefined)[] = [];
    let round = this.groups;
    return {
      exit: (words: Words, word: number): void => {
        if (round !== this.groups) {
          round = this.groups;
          known = [];
        }
        const name = words.i32[word + E_NAME]!;
        const group = (known[name] ??= this.#group(keyOf(name, thread)));
        group.add(words, word / 2);
        log?.add(words, word, thread);
      },
    };
  }

  #group(key: string): Group {
    const known = this.groups.get(key);
    if (known !== undefined) return known;
    const group = new Group(this.#events, this.#scaling, () =>
      this.#histograms++ < FINE_HISTOGRAMS ? 3 : 2,
    );
    this.groups.set(key, group);
    return group;
  }
}
