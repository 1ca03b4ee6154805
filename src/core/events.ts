/**
 * The events that the core and its clocks count. An event's number is its line in every array of per-event values
 * (layout.ts), so these are part of the region's format: never renumber.
 */
export const TASK_CLOCK: number = 0;
export const CPU_CLOCK: number = 1;
export const WALL: number = 2;
export const TASK_SWITCHES: number = 3;
export const WAIT: number = 4;
export const FORKS: number = 5;
export const LATE: number = 6;

/**
 * Lines from here on are given out at run time, to what the machine offers (hardware, faults, the runtime's own counts):
 * the region's table of events says to which.
 */
export const EVENT_GIVEN_FIRST: number = 7;

export interface EventInfo {
  readonly id: number;
  readonly name: string;
  readonly unit: 'ns' | 'count' | 'bytes';
  /** true: threads' total = tasks + system rows must hold. Lifetimes and waits overlap, so they do not add up. */
  readonly additive: boolean;
  readonly meaning: string;
}

/** Indexed by event number; the events of lines from EVENT_GIVEN_FIRST on are not in it. */
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
];

export function eventByName(name: string): EventInfo | undefined {
  return EVENTS.find((event) => event.name === name);
}
