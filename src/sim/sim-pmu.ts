/**
 * A PMU of the simulated machine: each event counts at an integer rate while the thread works. It has few slots, and at
 * times refuses one though it is free. It tells whoever listens that a reading is being taken, since until then nobody
 * else can know what the thread did.
 */
import { CPU_CLOCK, EVENT_LINES, type Pmu, TASK_CLOCK, assert } from '../core/index.ts';
import type { Rates } from './odometer.ts';
import type { SimClock } from './sim-clock.ts';

/** What the machine's PMUs, all alike, can do. */
export interface PmuOptions {
  readonly events: readonly number[];
  /** Events of which each counter takes a slot. */
  readonly slotted: readonly number[];
  readonly slots: number;
  /** Does it say at open that a group is too large? */
  readonly isFrank: boolean;
  /** Are some groups pinned or exclusive? */
  readonly hasPriorities: boolean;
  /** Counts per ns, by event. */
  readonly rates: Rates;
}

export class SimPmu implements Pmu {
  readonly events: readonly number[];
  readonly slotted: readonly number[];
  onReading: () => void = () => undefined;
  /** ns that the thread worked, and of those, ns that the operating system took away. */
  ran = 0;
  stolen = 0;
  /** It has no slot for anybody just now. */
  refuses = false;
  refusals = 0;
  used = 0;
  /** Slots in use, by event. */
  readonly programmed: Int32Array = new Int32Array(EVENT_LINES);
  readonly #clock: SimClock;
  readonly #options: PmuOptions;

  constructor(clock: SimClock, options: PmuOptions) {
    this.#clock = clock;
    this.#options = options;
    this.events = options.events;
    this.slotted = options.slotted;
  }

  read(raw: Float64Array): number {
    this.onReading();
    const { events } = this;
    for (let i = 0; i < events.length; i++) raw[events[i]!] = this.countOf(events[i]!);
    return this.#clock.now;
  }

  countOf(event: number): number {
    if (event === CPU_CLOCK) return this.ran;
    if (event === TASK_CLOCK) return this.ran - this.stolen;
    return this.ran * (this.#options.rates[event] ?? 0);
  }

  run(ns: number, stolen: number): void {
    this.ran += ns;
    this.stolen += stolen;
  }

  enable(event: number): boolean {
    assert(this.slotted.includes(event), 'slots are for slotted events');
    if (this.refuses && this.used < this.#options.slots) this.refusals++;
    if (this.refuses || this.used === this.#options.slots) return false;
    this.used++;
    this.programmed[event]! += 1;
    return true;
  }

  disable(event: number): void {
    assert(this.programmed[event]! > 0, 'I21: what is taken off the PMU was on it');
    this.used--;
    this.programmed[event]! -= 1;
  }

  fits(events: readonly number[]): boolean {
    return !this.#options.isFrank || events.length <= this.#options.slots;
  }
}
