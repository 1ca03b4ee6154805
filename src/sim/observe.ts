/**
 * What the model does not predict but look at: which counters are on the PMU, and which pinned ones failed. Looked at
 * after everything that may change it, since values and times follow.
 */
import { C_TASK, R_CONTEXT } from '../core/index.ts';
import { STATE_ACTIVE, STATE_ERROR, counterWordOf, packedOf, stateOf } from '../core/counter.ts';
import { firstChild, nextChild } from '../core/family.ts';
import type { CounterHandle } from '../core/index.ts';
import type { Machine, SimCounter, SimTask } from './machine.ts';
import { DisagreementError } from './violation.ts';
import type { Member } from './model-counter.ts';
import type { ModelTask } from './model-owner.ts';

export function observe(machine: Machine): void {
  if (!machine.model.hasSlots) return;
  watch(machine);
  for (const counter of machine.watched) observeFamily(machine, counter);
}

/** Only counters of groups that take slots are ever ACTIVE or in ERROR. */
function watch(machine: Machine): void {
  const { counters, model } = machine;
  if (machine.watchedStructure === model.structure) return;
  machine.watchedStructure = model.structure;
  const leaders = new Set(counters.filter((c) => c.model.options.slotted).map((c) => c.model.leader));
  machine.watched = counters.filter((c) => c.model.isInstalled && leaders.has(c.model.leader));
}

function observeFamily(machine: Machine, counter: SimCounter): void {
  const { region } = machine;
  observeMember(machine, counter, counter.handle, counter.model.own);
  for (let c = firstChild(region, counter.handle); c !== 0; c = nextChild(region, c)) {
    // In the middle of an operation a child may be of a task that the model does not know yet.
    const task = taskOf(machine, c);
    const member = task === undefined ? undefined : counter.model.members.get(task.model);
    if (member !== undefined) observeMember(machine, counter, c, member);
  }
}

function observeMember(machine: Machine, { model }: SimCounter, handle: CounterHandle, member: Member): void {
  const state = stateOf(packedOf(machine.region, handle));
  machine.model.observe(model, member, { isActive: state === STATE_ACTIVE, isFailed: state === STATE_ERROR });
}

/** Whose context the counter is on now. */
export function ownerOf(machine: Machine, counter: CounterHandle): ModelTask {
  const task = taskOf(machine, counter);
  if (task === undefined) throw new DisagreementError(`counter ${counter} is on a context of no living task`);
  return task.model;
}

function taskOf(machine: Machine, counter: CounterHandle): SimTask | undefined {
  const { region } = machine;
  const context = counterWordOf(region, counter, R_CONTEXT);
  return machine.byHandle[region.i32[region.contextW + (context << 4) + C_TASK]!];
}
