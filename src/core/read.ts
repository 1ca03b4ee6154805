/**
 * Reading: on the owning thread exact up to this moment; from another thread as of that thread's last switch, taken
 * under its sequence count with a bounded number of retries (a blocked or dead owner never blocks a reader).
 */
import { fold } from './charge.ts';
import { ownerOf } from './context.ts';
import { STATE_ERROR, counterWordOf, packedOf, stateOf } from './counter.ts';
import type { CounterHandle, CpuState } from './cpu-state.ts';
import { TaskperfError } from './errors.ts';
import { type CounterReading, firstChild, nextChild, readFamily } from './family.ts';
import { membersOf } from './group.ts';
import { R_CONTEXT, T_SEQ, threadWord } from './layout.ts';
import type { Region } from './region.ts';

/** After so many attempts a torn set is accepted: each value in it is still whole. */
const MAX_ATTEMPTS = 100;

/** What a counter in ERROR gives: "not counted" to whoever looks at the times alone. */
const END_OF_FILE: CounterReading = { value: 0, enabled: 0, running: 0, eof: true };

/** The family's value and times. */
export function readCounter(s: CpuState, counter: CounterHandle): CounterReading {
  fold(s);
  return isInError(s.region, counter) ? END_OF_FILE : readValues(s, counter);
}

/** Is it a pinned counter that could not go on? Then there is nothing to read from it, nor from its group by it. */
function isInError(region: Region, counter: CounterHandle): boolean {
  return stateOf(packedOf(region, counter)) === STATE_ERROR;
}

function readValues(s: CpuState, counter: CounterHandle): CounterReading {
  const { region } = s;
  const limit = region.layout.counters;
  const owner = ownerOf(region, counterWordOf(region, counter, R_CONTEXT));
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

/**
 * One reading of a whole group; empty at end of file.
 * @throws TaskperfError ECHILD when a child was started with another set of members: their sums would not match.
 */
export function readGroup(s: CpuState, counter: CounterHandle): CounterReading[] {
  fold(s);
  const { region } = s;
  if (isInError(region, counter)) return [];
  const members = membersOf(region, counter);
  const leader = members[0]!;
  for (let child = firstChild(region, leader); child !== 0; child = nextChild(region, child)) {
    if (membersOf(region, child).length === members.length) continue;
    const message = `the group of counter ${leader} changed after a child task inherited it: open all members first`;
    throw new TaskperfError('ECHILD', message, leader);
  }
  return members.map((member) => readValues(s, member));
}
