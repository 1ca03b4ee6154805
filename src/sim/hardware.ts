/** The hardware events of simulated and hand-driven PMUs, on the first lines that are given out at run time. */
import { EVENT_GIVEN_FIRST } from '../core/index.ts';

export const CYCLES: number = EVENT_GIVEN_FIRST;
export const INSTRUCTIONS: number = EVENT_GIVEN_FIRST + 1;
export const BRANCHES: number = EVENT_GIVEN_FIRST + 2;
export const BRANCH_MISSES: number = EVENT_GIVEN_FIRST + 3;
export const CACHE_REFERENCES: number = EVENT_GIVEN_FIRST + 4;
export const CACHE_MISSES: number = EVENT_GIVEN_FIRST + 5;
