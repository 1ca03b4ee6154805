/** The mechanism: what a host (Node, a simulation, a reader of the region) may use. Slot offsets are in layout.ts. */
export { AssertionError, assert } from './assert.ts';
export { addLine, credit } from './charge.ts';
export type { CounterAttributes } from './attributes.ts';
export { Cpu } from './cpu.ts';
export type { ContextHandle, CounterHandle, TaskHandle, ThreadIdentity } from './cpu-state.ts';
export { type ErrorCode, TaskperfError } from './errors.ts';
export * from './event-table.ts';
export * from './events.ts';
export type { CounterReading } from './family.ts';
export { membersOf } from './group.ts';
export * from './layout.ts';
export { Names, internName, nameText } from './names.ts';
export * from './outside.ts';
export * from './owner.ts';
export { type Pmu, isSoftware } from './pmu.ts';
export * from './read-format.ts';
export { Region, type RegionHeader } from './region.ts';
export { decodeUtf8, encodeUtf8 } from './utf8.ts';
