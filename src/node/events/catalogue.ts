/** Everything that can be asked for by name here, for `taskperf list`, and the sets of `-d`, `-dd` and `-ddd`. */
import { TaskperfError } from '../../core/index.ts';
import { CACHE_EVENTS } from './cache.ts';
import type { ResolvedEvent } from './event.ts';
import { KNOWN_EVENTS } from './known.ts';
import type { EventKind } from './known.ts';
import { parseEvents, systemPmus } from './parse.ts';
import type { Pmus } from './parse.ts';
import type { Pmu } from './pmus.ts';

export interface CatalogueEntry {
  /** What to write behind `-e`. */
  readonly name: string;
  readonly aliases: readonly string[];
  /** What it resolves to here: several where the machine has several kinds of core. */
  readonly events: readonly ResolvedEvent[];
}

export interface CatalogueGroup {
  /** An EventKind, or the name of a PMU. */
  readonly title: string;
  readonly meaning: string;
  readonly entries: readonly CatalogueEntry[];
}

const KINDS: readonly (readonly [EventKind, string])[] = [
  ['clock', 'time'],
  ['task', 'what taskperf itself counts'],
  ['v8', 'garbage collection and memory'],
  ['software', 'what the kernel counts'],
  ['hardware', 'what the processor counts'],
  ['cache', 'caches, translation buffers and branch predictor of the processor'],
];

/** What each further -d adds to what is counted by default, as in `perf stat`; the first also asks for allocation. */
export const DETAIL_SETS: readonly (readonly string[])[] = [
  [
    'branches',
    'branch-misses',
    'L1-dcache-loads',
    'L1-dcache-load-misses',
    'LLC-loads',
    'LLC-load-misses',
    'alloc-bytes',
  ],
  [
    'L1-icache-loads',
    'L1-icache-load-misses',
    'dTLB-loads',
    'dTLB-load-misses',
    'iTLB-loads',
    'iTLB-load-misses',
  ],
  ['L1-dcache-prefetches', 'L1-dcache-prefetch-misses'],
];

/** The names that -d (1), -dd (2) or -ddd (3) adds. */
export function detailEvents(level: number): string[] {
  return DETAIL_SETS.slice(0, level).flat();
}

/** Whether the kernel counts an event is not asked here. Events of PMUs that count chips, not threads, are left out. */
export function catalogue(pmus: Pmus = systemPmus): CatalogueGroup[] {
  const known = [...KNOWN_EVENTS, ...CACHE_EVENTS];
  const groups = KINDS.map(([title, meaning]) => ({
    title,
    meaning,
    entries: known
      .filter(({ kind }) => kind === title)
      .map(({ name, aliases }) => ({ name, aliases, events: parseEvents(name, pmus).flat() })),
  }));
  return [...groups, ...pmus().map((pmu) => pmuGroup(pmu, pmus))].filter(({ entries }) => entries.length > 0);
}

function pmuGroup(pmu: Pmu, pmus: Pmus): CatalogueGroup {
  const names = pmu.countsThreads ? [...pmu.events.keys()].map((name) => `${pmu.name}/${name}/`) : [];
  return {
    title: pmu.name,
    meaning: `events of the PMU ${pmu.name}`,
    entries: names
      .map((name) => ({ name, aliases: [], events: resolvable(name, pmus) }))
      .filter(({ events }) => events.length > 0),
  };
}

/** None for an event that cannot be named alone: the user has to fill in a value, as in `core=?`. */
function resolvable(name: string, pmus: Pmus): ResolvedEvent[] {
  try {
    return parseEvents(name, pmus).flat();
  } catch (error) {
    if (error instanceof TaskperfError) return [];
    throw error;
  }
}
