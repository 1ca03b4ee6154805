/**
 * A group: a leader and the siblings opened with it, which are on the PMU together or not at all. There is no list of
 * members: they name their leader (R_LEADER) and follow it in their context's chain, in order of opening.
 *
 * Right: `for (let c = leader; c !== 0; c = nextMember(region, leader, c))`. Wrong: to start at anything but a leader.
 */
import {
  GATED,
  LISTED,
  SLOTTED,
  STATE_ACTIVE,
  STATE_INACTIVE,
  counterWordOf,
  packedOf,
  refreshActivity,
  setCounterWord,
  setPacked,
  setState,
  stateOf,
} from './counter.ts';
import type { CounterHandle, CpuState } from './cpu-state.ts';
import { R_LEADER, R_NEXT } from './layout.ts';
import type { Region } from './region.ts';

/** The member that follows in the chain, 0 at the end. */
export function nextMember(region: Region, leader: CounterHandle, member: CounterHandle): CounterHandle {
  let c = counterWordOf(region, member, R_NEXT);
  while (c !== 0 && counterWordOf(region, c, R_LEADER) !== leader) c = counterWordOf(region, c, R_NEXT);
  return c;
}

export function leaderOf(region: Region, counter: CounterHandle): CounterHandle {
  return counterWordOf(region, counter, R_LEADER);
}

/** The members of a counter's group, leader first, then the siblings in order of opening. */
export function membersOf(region: Region, counter: CounterHandle): CounterHandle[] {
  const leader = leaderOf(region, counter);
  const members: CounterHandle[] = [];
  for (let c = leader; c !== 0; c = nextMember(region, leader, c)) members.push(c);
  return members;
}

/** After a change of its state: it and, since a leader's state decides for its siblings, these do what they should. */
export function refreshFrom(s: CpuState, counter: CounterHandle): void {
  for (let c = counter; c !== 0; c = nextMember(s.region, counter, c)) refreshActivity(s.region, c, s.now);
}

/** After a change of its members: does the group need slots? One that does not any more counts without. */
export function refreshGate(s: CpuState, leader: CounterHandle): void {
  const { region } = s;
  let gated = false;
  for (let c = leader; c !== 0; c = nextMember(region, leader, c)) {
    if ((packedOf(region, c) & (LISTED | SLOTTED)) === (LISTED | SLOTTED)) gated = true;
  }
  const packed = packedOf(region, leader);
  setPacked(region, leader, gated ? packed | GATED : packed & ~GATED);
  if (!gated) {
    for (let c = leader; c !== 0; c = nextMember(region, leader, c)) {
      if (stateOf(packedOf(region, c)) === STATE_ACTIVE) setState(region, c, STATE_INACTIVE);
    }
    if (s.exclusive === leader) s.exclusive = 0;
  }
  refreshFrom(s, leader);
}

/**
 * The siblings of a leader that has been taken out of the chain go on alone, one that is ACTIVE as it is. They are not
 * exclusive or pinned, since only a leader can be.
 */
export function promoteSiblings(s: CpuState, leader: CounterHandle, first: CounterHandle): void {
  const { region } = s;
  for (let c = first; c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if (counterWordOf(region, c, R_LEADER) !== leader) continue;
    setCounterWord(region, c, R_LEADER, c);
    refreshGate(s, c);
  }
}
