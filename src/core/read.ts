/**
 * Reading: on the owning thread exact up to this moment; from another thread as of that thread's last switch, taken
 * under its sequence count with a bounded number of retries (a blocked or dead owner never blocks a reader).
 */
import { fold } from './charge.ts';
import { contextWordOf } from './context.ts';
import { counterWordOf } from './counter.ts';
import type { CounterHandle, CpuState } from './cpu-state.ts';
import { TaskperfError } from './errors.ts';
import { type CounterReading, firstChild, nextChild, readFamily } from './family.ts';
import { C_FIRST, C_THREAD, R_CONTEXT, R_LEADER, R_NEXT, T_SEQ, threadWord } from './layout.ts';

/** After so many attempts a torn set is accepted: each value in it is still whole. */
const MAX_ATTEMPTS = 100;

/** The family's value and times. */
export function readCounter(s: CpuState, counter: CounterHandle): CounterReading {
  fold(s);
  const { region } = s;
  const limit = region.layout.counters;
  const owner = contextWordOf(region, counterWordOf(region, counter, R_CONTEXT), C_THREAD);
  if (owner === s.index) return readFamily(region, counter, s.now, limit);
  const sequenceAt = threadWord(region.layout, owner) + T_SEQ;
  let reading: CounterReading = { value: 0, enabled: 0, running: 0 };
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const before = Atomics.load(region.i32, sequenceAt);
    reading = readFamily(region, counter, s.now, limit);
    if ((before & 1) === 0 && Atomics.load(region.i32, sequenceAt) === before) break;
  }
  return reading;
}

/** The members of a counter's group, leader first, then the siblings in order of opening. */
export function groupOf(s: CpuState, counter: CounterHandle): CounterHandle[] {
  const { region } = s;
  const leader = counterWordOf(region, counter, R_LEADER);
  const context = counterWordOf(region, leader, R_CONTEXT);
  const members = [leader];
  for (let c = contextWordOf(region, context, C_FIRST); c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if (c !== leader && counterWordOf(region, c, R_LEADER) === leader) members.push(c);
  }
  return members;
}

/**
 * One reading of a whole group.
 * @throws TaskperfError ECHILD when a child was started with another set of members: their sums would not match.
 */
export function readGroup(s: CpuState, counter: CounterHandle): CounterReading[] {
  const { region } = s;
  const members = groupOf(s, counter);
  const leader = members[0]!;
  for (let child = firstChild(region, leader); child !== 0; child = nextChild(region, child)) {
    if (groupOf(s, child).length === members.length) continue;
    const message = `the group of counter ${leader} changed after a child task inherited it: open all members first`;
    throw new TaskperfError('ECHILD', message, leader);
  }
  return members.map((member) => readCounter(s, member));
}
