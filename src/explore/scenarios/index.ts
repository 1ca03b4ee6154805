/** All scenarios. */
import type { Scenario } from '../scenario.ts';
import { SLAB } from './slab.ts';

export const SCENARIOS: readonly Scenario[] = [...SLAB];
