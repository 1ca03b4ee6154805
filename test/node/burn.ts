/** Burning known amounts of this thread's CPU, and the truth to compare counters with. */
import { loadAddon } from '#node/addon.js';

const addon = loadAddon();

/** The addon is there: values are exact and the thread's CPU clock can be read. */
export const exact: boolean = addon !== null;

/** CPU time of this thread in ns, by syscall; by the wall clock where there is no addon. */
export function threadCpu(): number {
  return addon === null ? Number(process.hrtime.bigint()) : addon.threadCpu();
}

/** Keeps the optimiser from removing the arithmetic. */
export let sink = 1;

/**
 * Spins until the thread's own CPU clock has advanced by `ns`; returns by how much it really did. Mostly arithmetic: the
 * clock is a syscall, and nothing but syscalls would leave the caches cold for what runs after the slice.
 */
export function burn(ns: number): number {
  const start = threadCpu();
  let now = start;
  while (now - start < ns) {
    for (let i = 0; i < 5000; i++) sink = (Math.imul(sink, 1664525) + 1013904223) | 0;
    now = threadCpu();
  }
  return now - start;
}
