/**
 * perf's cache events: one of seven caches, one of three operations, access or miss. Every combination that perf offers has
 * a name, `CACHE-OPERATIONs` or `CACHE-OPERATION-misses`, and a good many aliases; few processors count all of them.
 *
 *     config = cache | operation << 8 | result << 16
 */
import type { KnownEvent } from './known.ts';
import { PERF_TYPE_HW_CACHE } from './known.ts';
import { perfSpec } from './event.ts';

interface Part {
  /** perf's name first, then what else perf accepts. */
  readonly names: readonly string[];
  readonly meaning: string;
}

interface Cache extends Part {
  /** Indexes of OPERATIONS that perf offers for it. */
  readonly operations: readonly number[];
}

const LOAD = 0;
const STORE = 1;
const PREFETCH = 2;
const ALL = [LOAD, STORE, PREFETCH];

/** Indexed by the kernel's number. */
const CACHES: readonly Cache[] = [
  {
    names: ['L1-dcache', 'l1-d', 'l1d', 'L1-data'],
    meaning: 'the first-level data cache',
    operations: ALL,
  },
  {
    names: ['L1-icache', 'l1-i', 'l1i', 'L1-instruction'],
    meaning: 'the first-level instruction cache',
    operations: [LOAD, PREFETCH],
  },
  { names: ['LLC', 'L2'], meaning: 'the last-level cache', operations: ALL },
  {
    names: ['dTLB', 'd-tlb', 'Data-TLB'],
    meaning: 'the translation buffer of data addresses',
    operations: ALL,
  },
  {
    names: ['iTLB', 'i-tlb', 'Instruction-TLB'],
    meaning: 'the translation buffer of code addresses',
    operations: [LOAD],
  },
  {
    names: ['branch', 'branches', 'bpu', 'btb', 'bpc'],
    meaning: 'the branch predictor',
    operations: [LOAD],
  },
  { names: ['node'], meaning: 'the memory of the own NUMA node', operations: ALL },
];

/** Indexed by the kernel's number; the second name is the one in an event's name. */
const OPERATIONS: readonly Part[] = [
  { names: ['load', 'loads', 'read'], meaning: 'read accesses' },
  { names: ['store', 'stores', 'write'], meaning: 'write accesses' },
  {
    names: ['prefetch', 'prefetches', 'speculative-read', 'speculative-load'],
    meaning: 'prefetch accesses',
  },
];

const RESULTS: readonly Part[] = [
  { names: ['refs', 'Reference', 'ops', 'access'], meaning: '' },
  { names: ['misses', 'miss'], meaning: ' that missed' },
];
const ACCESS = 0;
const MISS = 1;

/** Every cache event, by its first name. */
export const CACHE_EVENTS: readonly KnownEvent[] = CACHES.flatMap(({ operations }, cache) =>
  operations.flatMap((operation) => [ACCESS, MISS].map((result) => event(cache, operation, result))),
);

/** By any name that perf accepts: `L1-dcache-loads`, `l1d-read-miss`, `LLC-misses`, `LLC`. */
export function cacheEvent(name: string): KnownEvent | undefined {
  for (const [cache, { names, operations }] of CACHES.entries()) {
    for (const text of names) {
      if (name !== text && !name.startsWith(`${text}-`)) continue;
      const rest = parseRest(name.slice(text.length));
      if (rest === undefined || !operations.includes(rest.operation)) continue;
      return event(cache, rest.operation, rest.result);
    }
  }
  return undefined;
}

/** `-loads`, `-load-misses`, `-misses` (of loads) or nothing (loads), undefined when it is neither. */
function parseRest(rest: string): { operation: number; result: number } | undefined {
  if (rest === '') return { operation: LOAD, result: ACCESS };
  for (const [operation, { names }] of OPERATIONS.entries()) {
    for (const text of names) {
      if (rest === `-${text}`) return { operation, result: ACCESS };
      const result = rest.startsWith(`-${text}-`) ? resultOf(rest.slice(text.length + 2)) : -1;
      if (result !== -1) return { operation, result };
    }
  }
  const result = resultOf(rest.slice(1));
  return result === -1 ? undefined : { operation: LOAD, result };
}

function resultOf(text: string): number {
  return RESULTS.findIndex(({ names }) => names.includes(text));
}

function event(cache: number, operation: number, result: number): KnownEvent {
  const { names, meaning } = CACHES[cache]!;
  const [one, several] = OPERATIONS[operation]!.names;
  const config = BigInt(cache | (operation << 8) | (result << 16));
  return {
    name: `${names[0]}-${result === MISS ? `${one}-misses` : several}`,
    aliases: [],
    kind: 'cache',
    unit: 'count',
    meaning: `${OPERATIONS[operation]!.meaning} to ${meaning}${RESULTS[result]!.meaning}`,
    additive: true,
    source: {
      kind: 'perf',
      spec: perfSpec(PERF_TYPE_HW_CACHE, config),
      instead: null,
      kernelOnly: false,
      coreType: null,
    },
  };
}
