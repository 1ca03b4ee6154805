/**
 * The events that can be counted. An event's number is its line in every array of per-event values (layout.ts), so it
 * is part of the region's format: append, never renumber.
 */
export const TASK_CLOCK: number = 0;
export const CPU_CLOCK: number = 1;
export const WALL: number = 2;
export const TASK_SWITCHES: number = 3;
export const WAIT: number = 4;
export const FORKS: number = 5;
export const LATE: number = 6;
export const CYCLES: number = 7;
export const INSTRUCTIONS: number = 8;
export const BRANCHES: number = 9;
export const BRANCH_MISSES: number = 10;
export const CACHE_REFERENCES: number = 11;
export const CACHE_MISSES: number = 12;

export interface EventInfo {
  readonly id: number;
  readonly name: string;
  readonly unit: 'ns' | 'count' | 'bytes';
  /** true: threads' total = tasks + system rows must hold. Lifetimes and waits overlap, so they do not add up. */
  readonly additive: boolean;
  readonly meaning: string;
}

/** Indexed by event number. */
export const EVENTS: readonly EventInfo[] = [
  {
    id: TASK_CLOCK,
    name: 'task-clock',
    unit: 'ns',
    additive: true,
    meaning: 'CPU time of the thread while the task ran',
  },
  {
    id: CPU_CLOCK,
    name: 'cpu-clock',
    unit: 'ns',
    additive: true,
    meaning: 'time the task held the thread, preemption included',
  },
  {
    id: WALL,
    name: 'wall',
    unit: 'ns',
    additive: false,
    meaning: 'time from the start of the task to its end',
  },
  {
    id: TASK_SWITCHES,
    name: 'task-switches',
    unit: 'count',
    additive: true,
    meaning: 'times the task was given the thread',
  },
  {
    id: WAIT,
    name: 'wait',
    unit: 'ns',
    additive: false,
    meaning: 'time the task was ready but another ran (estimated)',
  },
  { id: FORKS, name: 'forks', unit: 'count', additive: false, meaning: 'tasks started by the task' },
  {
    id: LATE,
    name: 'late',
    unit: 'ns',
    additive: false,
    meaning: 'CPU time used in the name of the task after its end',
  },
  { id: CYCLES, name: 'cycles', unit: 'count', additive: true, meaning: 'CPU cycles' },
  { id: INSTRUCTIONS, name: 'instructions', unit: 'count', additive: true, meaning: 'instructions retired' },
  { id: BRANCHES, name: 'branches', unit: 'count', additive: true, meaning: 'branch instructions retired' },
  {
    id: BRANCH_MISSES,
    name: 'branch-misses',
    unit: 'count',
    additive: true,
    meaning: 'branches predicted wrongly',
  },
  {
    id: CACHE_REFERENCES,
    name: 'cache-references',
    unit: 'count',
    additive: true,
    meaning: 'accesses to the last cache level',
  },
  {
    id: CACHE_MISSES,
    name: 'cache-misses',
    unit: 'count',
    additive: true,
    meaning: 'accesses that the last cache level could not serve',
  },
];

export function eventByName(name: string): EventInfo | undefined {
  return EVENTS.find((event) => event.name === name);
}
