/** The package's public names. */
export { EVENTS, TaskperfError } from '../core/index.ts';
export type { ErrorCode, EventInfo } from '../core/index.ts';
export { Counter, openCounter, openGroup, taskOf } from './library.ts';
export { Task, currentTask, runAs, spawn } from './task-handle.ts';
export type { TaskToken } from './jobs.ts';
export type { CounterOptions, CounterReading } from './library.ts';
