/**
 * The options of a run, drawn from its seed. In each run some operations and faults are off (swarm testing): a bug that
 * needs many of one thing in a row hides behind the mixture of all.
 */
import { CPU_CLOCK, type Capacities, EVENT_LINES, TASK_CLOCK } from '../core/index.ts';
import { BRANCH_MISSES, CYCLES, INSTRUCTIONS } from './hardware.ts';
import { ACTIONS } from './actions.ts';
import { FAULTS, type FaultName } from './fault.ts';
import type { PmuOptions } from './sim-pmu.ts';
import type { Prng } from './prng.ts';

export interface Options {
  /** Operations of the first phase. */
  readonly steps: number;
  readonly cpus: number;
  /** How often each thread acts, relative to the others. */
  readonly attention: readonly number[];
  readonly capacities: Capacities;
  readonly pmu: PmuOptions;
  /** Most switches that one step makes in a row. */
  readonly burst: number;
  /** Most living tasks, and most open counters, before none is added any more. */
  readonly tasks: number;
  readonly counters: number;
  /** By action; 0: never. */
  readonly weights: Readonly<Record<string, number>>;
  /** In 1,000 steps. */
  readonly faults: Readonly<Record<FaultName, number>>;
}

/** Slots of each kind: some runs never fill them, some are always full. */
const SIZES: readonly Omit<Capacities, 'threads' | 'names' | 'ring'>[] = [
  { tasks: 8, contexts: 6, counters: 16 },
  { tasks: 16, contexts: 12, counters: 40 },
  { tasks: 48, contexts: 48, counters: 160 },
  { tasks: 24, contexts: 24, counters: 320 },
];

export function drawOptions(prng: Prng): Options {
  const cpus = prng.pick([1, 2, 2, 3, 3, 4]);
  const size = prng.pick(SIZES);
  return {
    steps: prng.pick([200, 500, 500, 1000, 2000]),
    cpus,
    attention: Array.from({ length: 4 }, () => prng.pick([1, 4, 10, 20])),
    capacities: { ...size, threads: 4, names: prng.pick([4, 8]), ring: prng.pick([2, 8]) },
    pmu: drawPmu(prng),
    burst: prng.pick([1, 8, 32, 128]),
    tasks: prng.between(3, size.tasks),
    counters: prng.between(2, 14),
    weights: Object.fromEntries(ACTIONS.map((action) => [action.name, drawWeight(prng, action)])),
    faults: Object.fromEntries(
      FAULTS.map(({ name, perMille }) => [name, prng.chance(1, 2) ? perMille : 0]),
    ) as Options['faults'],
  };
}

/** Half of the machines have no hardware counters at all. */
function drawPmu(prng: Prng): PmuOptions {
  const events = [TASK_CLOCK, CPU_CLOCK];
  if (prng.chance(1, 2))
    return { events, slotted: [], slots: 0, isFrank: true, hasPriorities: false, rates: [] };
  const slotted = [CYCLES, INSTRUCTIONS, BRANCH_MISSES].slice(0, prng.between(1, 3));
  const rates = new Array<number>(EVENT_LINES).fill(0);
  for (const event of slotted) rates[event] = prng.between(1, 5);
  const slots = prng.between(1, 4);
  const [isFrank, hasPriorities] = [prng.chance(1, 2), prng.chance(1, 2)];
  return { events: [...events, ...slotted], slotted, slots, isFrank, hasPriorities, rates };
}

function drawWeight(prng: Prng, action: { weight: number; isEssential?: boolean }): number {
  const factor = prng.pick(action.isEssential === true ? [1, 2, 4] : [0, 1, 1, 2, 4]);
  return action.weight * factor;
}

/** What was drawn, a line each, for the head of a report. */
export function describeOptions(options: Options): string[] {
  const { capacities, weights, faults, pmu } = options;
  const list = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([name, number]) => (number === 0 ? `no ${name}` : `${name} ${number}`))
      .join(', ');
  return [
    `steps       ${options.steps}, of up to ${options.burst} switches`,
    `threads     ${options.cpus}, attention ${options.attention.join(' ')}`,
    `slots       ${list({ ...capacities })}`,
    `kept below  ${options.tasks} tasks, ${options.counters} counters`,
    `PMU         events ${pmu.events.join(' ')}; ${describeSlots(pmu)}`,
    `operations  ${list(weights)}`,
    `faults/1000 ${list(faults)}`,
  ];
}

function describeSlots({ slots, slotted, rates, isFrank, hasPriorities }: PmuOptions): string {
  if (slotted.length === 0) return 'no slots needed';
  const each = slotted.map((event) => `${event} at ${rates[event]} a ns`).join(', ');
  return `${slots} slots for ${each}${isFrank ? '; says what cannot fit' : ''}${hasPriorities ? '; pinned and exclusive' : ''}`;
}
