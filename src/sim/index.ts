/** The simulation: what scripts and tests may use. */
export { ACTIONS, type Action } from './actions.ts';
export { CHECKERS } from './checkers.ts';
export { Coverage } from './coverage.ts';
export { FAULTS } from './fault.ts';
export { formatTable } from './journal.ts';
export { Prng } from './prng.ts';
export { coverageLines, headLines, resultLines } from './report.ts';
export { type Checks, type Failure, type Report, type RunSettings, run } from './run.ts';
export { formatSeed, parseSeed, seedOfHash } from './seed.ts';
export { shrink } from './shrink.ts';
export { type Options, describeOptions, drawOptions } from './swarm.ts';
