/** All scenarios. */
import type { Scenario } from '../scenario.ts';
import { ATTACH } from './attach.ts';
import { DEATH } from './death.ts';
import { JOBS } from './jobs.ts';
import { LIFECYCLE } from './lifecycle.ts';
import { READ } from './read.ts';
import { REMOTE } from './remote.ts';
import { SLAB } from './slab.ts';
import { THREADS } from './threads.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...SLAB,
  ...THREADS,
  ...ATTACH,
  ...REMOTE,
  ...LIFECYCLE,
  ...JOBS,
  ...READ,
  ...DEATH,
];
