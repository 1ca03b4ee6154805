/**
 * A scenario: a small region, what is in it at the start, and what two or three threads then do at the same time.
 *
 * Bodies of threads are ordinary code that calls the core. The explorer runs them transformed, one access at a time; the
 * stress test runs the same functions on real threads. `setup` and `check` always run as they are.
 *
 * Right: a body written as a module-level function that returns what it got. Wrong: a body that keeps state elsewhere
 * than in the region and its Cpu: the next schedule would see it.
 */
import type { Cpu } from '../core/cpu.ts';
import type { Capacities } from '../core/layout.ts';
import type { Region } from '../core/region.ts';
import type { Step } from './run.ts';

export interface World {
  readonly region: Region;
  /** Thread slot i belongs to cpus[i]. */
  readonly cpus: Cpu[];
}

export interface Thread<G> {
  readonly body: (w: World, cpu: Cpu, given: G) => unknown;
  /** Which of the world's CPUs it is; its own number unless told otherwise. */
  readonly cpu?: number;
  /** Begins when that thread is over. */
  readonly after?: number;
}

export interface Scenario<G = unknown> {
  /** A word that can be typed: "slab-remote-free". */
  readonly name: string;
  /** What must hold, in a sentence; begins with the numbers of the specification it shows. */
  readonly title: string;
  readonly capacities?: Partial<Capacities>;
  /** CPUs that exist at the start. */
  readonly cpus: number;
  /** Slots of each kind on each thread's own free list, so that threads do not meet in the slab, which is not the point. */
  readonly warm?: number;
  readonly setup: (w: World) => G;
  readonly threads: readonly Thread<G>[];
  /** That thread may end for ever after each of its accesses. */
  readonly dies?: number;
  /** Slots that may be lost when a thread dies in the middle, of each kind. */
  readonly mayLose?: number;
  /** All schedules are too many: those with at most so many preemptions, and random ones (sample.ts). */
  readonly bound?: number;
  /** `steps`: what the explorer saw; none on real threads. */
  readonly check?: (w: World, given: G, results: readonly unknown[], steps?: readonly Step[]) => void;
  /** The same for schedules in which a thread died. */
  readonly checkDead?: (w: World, given: G) => void;
  /** Before everything is closed: gives back what the bodies kept. Runs transformed. */
  readonly finish?: (w: World, given: G, results: readonly unknown[]) => void;
}

/** Forgets the type of what is given, so that scenarios of all kinds fit one list. */
export function scenario<G>(spec: Scenario<G>): Scenario {
  return spec as unknown as Scenario;
}

/** A broken promise of the core. */
export class Violation extends Error {
  override name = 'Violation';
}

export function claim(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Violation(what);
}

/** How often a reader tries in the explorer (mutate.ts). */
export const ATTEMPTS: number = 2;

export const SMALL: Capacities = { threads: 3, names: 4, tasks: 24, contexts: 24, counters: 40, ring: 2 };
