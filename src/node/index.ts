/** The package's public names. */
export { EVENTS, TaskperfError } from '../core/index.ts';
export type { ErrorCode, EventInfo } from '../core/index.ts';
export { Counter, Task, currentTask, openCounter, openGroup, spawn } from './library.ts';
export type { CounterOptions, CounterReading } from './library.ts';
