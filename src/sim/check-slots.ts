/** I21-I28: who is on the PMU, and who has a right to be. */
import { C_FIRST, EVENT_LINES, R_CONTEXT, R_LEADER, R_NEXT } from '../core/index.ts';
import {
  COUNTING,
  EVENT_MASK,
  EXCLUSIVE,
  GATED,
  LISTED,
  PINNED,
  RUNNING,
  SLOTTED,
  STATE_ACTIVE,
  STATE_ERROR,
  STATE_INACTIVE,
  WANTED,
  counterWordOf,
  packedOf,
  stateOf,
} from '../core/counter.ts';
import { nextMember } from '../core/group.ts';
import { type Census, USE_COUNTER } from './census.ts';
import type { Machine, SimCpu } from './machine.ts';
import { demand } from './violation.ts';

/** What a counter is doing follows from its state, its leader's, and its being listed. */
export function checkActivity(machine: Machine, census: Census): void {
  const { region } = machine;
  for (let r = 1; r <= census.countersUsed; r++) {
    if (census.counterUse[r] !== USE_COUNTER) continue;
    const packed = packedOf(region, r);
    const leader = packedOf(region, counterWordOf(region, r, R_LEADER));
    const isOn =
      stateOf(packed) >= STATE_INACTIVE && stateOf(leader) >= STATE_INACTIVE && (packed & LISTED) !== 0;
    demand(
      isOn === ((packed & WANTED) !== 0),
      'I22',
      () => `counter ${r} is enabled, or is not, against its group`,
    );
    const runs = isOn && ((leader & GATED) === 0 || stateOf(packed) === STATE_ACTIVE);
    demand(runs === ((packed & RUNNING) !== 0), 'I32', () => `running time of counter ${r} runs: ${!runs}`);
    demand(runs || (packed & COUNTING) === 0, 'I22', () => `counter ${r} counts and does not run`);
  }
}

/** I21, I28: the slots of the PMU are those of ACTIVE counters of the contexts that are on, event by event. */
export function checkSlotsTaken(machine: Machine, census: Census): void {
  const { region } = machine;
  if (!machine.model.hasSlots) return;
  const active = new Map<number, Int32Array>(
    machine.cpus.map(({ index }) => [index, new Int32Array(EVENT_LINES)]),
  );
  for (let r = 1; r <= census.countersUsed; r++) {
    if (census.counterUse[r] !== USE_COUNTER) continue;
    const packed = packedOf(region, r);
    if (stateOf(packed) !== STATE_ACTIVE) continue;
    const context = counterWordOf(region, r, R_CONTEXT);
    const on = machine.cpus.find(({ core }) => core.active === context || core.threadContext === context);
    demand(on !== undefined, 'I21', () => `counter ${r} is ACTIVE, its context ${context} is not on`);
    if ((packed & SLOTTED) !== 0) active.get(on!.index)![packed & EVENT_MASK]! += 1;
  }
  for (const { index, pmu, core, isDead } of machine.cpus) {
    if (isDead) continue;
    const counts = active.get(index)!;
    for (const event of pmu.slotted) {
      const programmed = pmu.programmed[event]!;
      const found = (): string =>
        `thread ${index}'s PMU has event ${event} ${programmed} times, ${counts[event]} are ACTIVE`;
      demand(programmed === counts[event], 'I21', found);
    }
    demand(
      core.slotsTaken === pmu.used,
      'I28',
      () => `thread ${index} counts ${core.slotsTaken} slots, not ${pmu.used}`,
    );
    const isShared = core.exclusive !== 0 && pmu.used > slottedOf(machine, core.exclusive);
    demand(!isShared, 'I23', () => `others are on beside exclusive group ${core.exclusive}`);
  }
}

/** Members of the group that are on and take a slot. */
function slottedOf(machine: Machine, leader: number): number {
  let count = 0;
  for (let c = leader; c !== 0; c = nextMember(machine.region, leader, c)) {
    const packed = packedOf(machine.region, c);
    if (stateOf(packed) === STATE_ACTIVE && (packed & SLOTTED) !== 0) count++;
  }
  return count;
}

/** I22: all or none; I23: who is exclusive; I24: a pinned group never waits while its context is on. */
export function checkGroupsOnPmu(machine: Machine): void {
  if (!machine.model.hasSlots) return;
  for (const cpu of machine.cpus) {
    if (cpu.isDead) continue;
    for (const context of [cpu.core.active, cpu.core.threadContext]) {
      for (const leader of leadersOf(machine, context)) checkGroup(machine, cpu, leader);
    }
  }
}

function leadersOf({ region }: Machine, context: number): number[] {
  const leaders: number[] = [];
  let c = context === 0 ? 0 : region.i32[region.contextW + (context << 4) + C_FIRST]!;
  for (; c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if (counterWordOf(region, c, R_LEADER) === c) leaders.push(c);
  }
  return leaders;
}

function checkGroup(machine: Machine, { core }: SimCpu, leader: number): void {
  const { region } = machine;
  const packed = packedOf(region, leader);
  const isOn = stateOf(packed) === STATE_ACTIVE;
  for (let c = leader; c !== 0; c = nextMember(region, leader, c)) {
    const state = stateOf(packedOf(region, c));
    demand(
      isOn || state !== STATE_ACTIVE,
      'I22',
      () => `counter ${c} is ACTIVE without its leader ${leader}`,
    );
    demand(
      !isOn || state !== STATE_INACTIVE,
      'I22',
      () => `counter ${c} is left behind by its leader ${leader}`,
    );
  }
  const isExclusive = isOn && (packed & EXCLUSIVE) !== 0;
  demand(
    !isExclusive || core.exclusive === leader,
    'I23',
    () => `${leader} is on and exclusive, ${core.exclusive} noted`,
  );
  const isPinned = (packed & PINNED) !== 0;
  const waits = (packed & (GATED | LISTED)) === (GATED | LISTED) && stateOf(packed) === STATE_INACTIVE;
  demand(!isPinned || !waits, 'I24', () => `pinned counter ${leader} is left INACTIVE`);
  demand(
    stateOf(packed) !== STATE_ERROR || isPinned,
    'I24',
    () => `counter ${leader} is in ERROR and not pinned`,
  );
}

/**
 * I27, after a tick: a flexible group that fits alone is on at least once in as many ticks as its context has counters,
 * unless pinned or exclusive ones take the PMU.
 */
export function checkRotation(machine: Machine, cpu: SimCpu): void {
  const { region, waited } = machine;
  const { active, threadContext } = cpu.core;
  if (cpu.pmu.refusals > 0 || hasPriority(machine, active) || hasPriority(machine, threadContext)) {
    waited.fill(0);
    cpu.pmu.refusals = 0;
    return;
  }
  // The thread's groups come first, so a task's may wait for ever behind them.
  const context = threadContext === 0 ? active : threadContext;
  if (context === 0) return;
  const first = region.i32[region.contextW + (context << 4) + C_FIRST]!;
  let length = 0;
  for (let c = first; c !== 0; c = counterWordOf(region, c, R_NEXT)) length++;
  for (let c = first; c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    const packed = packedOf(region, c);
    const waits = (packed & (GATED | LISTED)) === (GATED | LISTED) && stateOf(packed) === STATE_INACTIVE;
    const fits = sizeOf(machine, c) <= machine.options.pmu.slots;
    waited[c] = waits && fits && counterWordOf(region, c, R_LEADER) === c ? waited[c]! + 1 : 0;
    demand(
      waited[c]! <= 2 * length + 2,
      'I27',
      () => `group ${c} waits for ${waited[c]} ticks, of ${length} counters`,
    );
  }
}

function hasPriority(machine: Machine, context: number): boolean {
  const { region } = machine;
  if (context === 0) return false;
  let c = region.i32[region.contextW + (context << 4) + C_FIRST]!;
  for (; c !== 0; c = counterWordOf(region, c, R_NEXT)) {
    if ((packedOf(region, c) & (PINNED | EXCLUSIVE)) !== 0) return true;
  }
  return false;
}

function sizeOf(machine: Machine, leader: number): number {
  let size = 0;
  for (let c = leader; c !== 0; c = nextMember(machine.region, leader, c)) {
    if ((packedOf(machine.region, c) & SLOTTED) !== 0) size++;
  }
  return size;
}
