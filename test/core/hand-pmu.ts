/**
 * A PMU moved by hand: time passes only when the test says so. Made with a number of slots it counts hardware events,
 * too, each at a rate of its own, so that a counter's value is its running time × rate.
 */
import assert from 'node:assert/strict';
import { CPU_CLOCK, EVENT_LINES, type Pmu, TASK_CLOCK } from '#core/index.js';
import {
  BRANCHES,
  BRANCH_MISSES,
  CACHE_MISSES,
  CACHE_REFERENCES,
  CYCLES,
  INSTRUCTIONS,
} from '#sim/hardware.js';

export const HARDWARE: readonly number[] = [
  CYCLES,
  INSTRUCTIONS,
  BRANCHES,
  BRANCH_MISSES,
  CACHE_REFERENCES,
  CACHE_MISSES,
];

/** Counts per ns of time on the CPU. */
export const rateOf = (event: number): number => (HARDWARE.includes(event) ? 2 + event : 1);

export class HandPmu implements Pmu {
  readonly events: readonly number[];
  readonly slotted: readonly number[];
  readonly slots: number;
  /** ns since the start; what a monotonic clock shows. */
  now = 0;
  /** Readings taken so far. */
  reads = 0;
  /** All that was ever chargeable, by event. */
  readonly counts: Float64Array = new Float64Array(EVENT_LINES);
  /** The events that hold a slot now, one entry per counter. */
  readonly on: number[] = [];
  /** Slots given so far: what it costs to program the hardware. */
  programmed = 0;
  /** Events that are refused at the moment, whatever is free. */
  readonly refused: Set<number> = new Set();

  constructor(slots: number = 0) {
    this.slots = slots;
    this.slotted = slots === 0 ? [] : HARDWARE;
    this.events = [TASK_CLOCK, CPU_CLOCK, ...this.slotted];
  }

  read(raw: Float64Array): number {
    this.reads++;
    for (const event of this.events) raw[event] = this.counts[event]!;
    return this.now;
  }

  enable(event: number): boolean {
    assert.ok(this.slotted.includes(event));
    if (this.on.length >= this.slots || this.refused.has(event)) return false;
    this.programmed++;
    this.on.push(event);
    return true;
  }

  disable(event: number): void {
    const index = this.on.indexOf(event);
    assert.ok(index >= 0, `event ${event} holds no slot`);
    this.on.splice(index, 1);
  }

  fits(events: readonly number[]): boolean {
    return events.length <= this.slots;
  }

  /** The running task uses the CPU for `ns`; of that, `stolenNs` the OS gave to another thread. */
  advance(ns: number, stolenNs: number = 0): void {
    this.now += ns;
    this.counts[CPU_CLOCK]! += ns;
    this.counts[TASK_CLOCK]! += ns - stolenNs;
    for (const event of this.slotted) this.counts[event]! += ns * rateOf(event);
  }

  /** The thread sleeps: time that belongs to no task. */
  sleep(ns: number): void {
    this.now += ns;
  }
}
