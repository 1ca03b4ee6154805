/** The package's public names. */
export { EVENTS, TaskperfError } from '../core/index.ts';
export type { ErrorCode, EventInfo } from '../core/index.ts';
export { Counter, Task, currentTask, openCounter, openGroup, runAs, spawn, taskOf } from './library.ts';
export type { TaskToken } from './jobs.ts';
export type { CounterOptions, CounterReading } from './library.ts';
