/**
 * What threads of the simulated machine do. Each step of a run is one of these, done by one thread; how often each
 * comes up is drawn per run (`swarm.ts`).
 */
import { ATTACH_ACTIONS } from './actions-attach.ts';
import { COUNTER_ACTIONS } from './actions-counter.ts';
import { TASK_ACTIONS } from './actions-task.ts';
import { THREAD_ACTIONS } from './actions-thread.ts';
import type { Machine, SimCpu } from './machine.ts';

export interface Action {
  readonly name: string;
  readonly weight: number;
  /** Never off: without it a run is pointless. */
  readonly isEssential?: boolean;
  /** Names of what it notes in the journal. */
  readonly labels: readonly string[];
  readonly sentence: string;
  /** false: there was nothing to do it to. */
  readonly act: (machine: Machine, cpu: SimCpu) => void;
}

export const ACTIONS: readonly Action[] = [
  ...TASK_ACTIONS,
  ...THREAD_ACTIONS,
  ...ATTACH_ACTIONS,
  ...COUNTER_ACTIONS,
];
