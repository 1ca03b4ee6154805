/** What each further -d adds to what is counted by default, as in `perf stat`; the first also asks for allocation. */
const DETAIL_SETS: readonly (readonly string[])[] = [
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

export const DETAIL_MAX: number = DETAIL_SETS.length;

/** The names that -d (1), -dd (2) or -ddd (3) adds; none for 0. */
export function detailEvents(level: number): string[] {
  return DETAIL_SETS.slice(0, level).flat();
}
