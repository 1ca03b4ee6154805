/**
 * Core against model, without disturbing either: the values, times and states that lie in the region now, which is what
 * any other thread or tool would see. Called after each step, so a difference is found where it arose.
 */
import {
  CPU_CLOCK,
  type CounterHandle,
  type CounterReading,
  EVENT_LINES,
  FORKS,
  H_LOST_NAMES,
  H_LOST_SLICES,
  LATE,
  NT_F64_EXITS,
  NT_F64_STARTS,
  NT_F64_SUM,
  P_F64_IN,
  P_F64_LEFT,
  P_HUP,
  P_LIMIT,
  R_LEADER,
  TASK_CLOCK,
  TASK_SWITCHES,
  T_F64_LATE,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  WAIT,
  internName,
  nameTotalF64,
  threadF64,
} from '../core/index.ts';
import {
  COUNTING,
  ON_START,
  RUNNING,
  STATE_ACTIVE,
  STATE_ERROR,
  STATE_EXIT,
  STATE_INACTIVE,
  STATE_OFF,
  WANTED,
  countOf,
  counterWordOf,
  enabledOf,
  packedOf,
  stateOf,
} from '../core/counter.ts';
import { sampleOf } from '../core/sampling.ts';
import { firstChild, nextChild, readFamily } from '../core/family.ts';
import type { Machine, SimCounter } from './machine.ts';
import { DisagreementError } from './violation.ts';
import type { Member, ModelCounter, Reading } from './model-counter.ts';
import type { Lines } from './model-owner.ts';
import type { Sampling } from './model-sampling.ts';
import { ownerOf } from './observe.ts';

export function compare(machine: Machine): void {
  for (const counter of machine.counters) {
    compareValues(machine, counter);
    compareStates(machine, counter);
    if (counter.model.stat) compareEach(machine, counter);
    if (counter.model.sampling !== undefined) compareSampling(machine, counter, counter.model.sampling);
  }
  machine.model.cpus.forEach((cpu, index) => compareLines(machine, cpu.lines, index));
  compareLosses(machine);
}

/** The names' totals: dearer, so not after each step of a large machine. */
export function compareNames(machine: Machine): void {
  const { region, model } = machine;
  for (const [thread, names] of model.names.totals) {
    for (const [name, { starts, exits, late }] of names) {
      const at = nameTotalF64(region.layout, thread, internName(region, name));
      const where = `of "${name}" on thread ${thread}`;
      same(region.f64[at + NT_F64_STARTS]!, starts, `starts ${where}`);
      same(region.f64[at + NT_F64_EXITS]!, exits, `exits ${where}`);
      same(region.f64[at + NT_F64_SUM + LATE]!, late, `late work ${where}`);
    }
  }
}

function compareValues(machine: Machine, { handle, model }: SimCounter): void {
  const { region, clock } = machine;
  const reading = readFamily(region, handle, clock.now, region.layout.counters);
  const expected = model.read(clock.now, machine.model.rates);
  if (isSame(reading, expected)) return;
  const where = `counter ${handle} of event ${model.event}`;
  throw new DisagreementError(`${where} holds ${show(reading)}; the model says ${show(expected)}`);
}

/** What was asked for, what is the case, and whose group it is in, for the original and each child. */
function compareStates(machine: Machine, { handle, model }: SimCounter): void {
  const { region } = machine;
  compareState(machine, handle, { model, member: model.own });
  const leader = machine.counters.find((other) => other.model === model.leader)!;
  same(counterWordOf(region, handle, R_LEADER), leader.handle, `the leader of counter ${handle}`);
  let children = 0;
  for (let c = firstChild(region, handle); c !== 0; c = nextChild(region, c)) {
    children++;
    const member = model.members.get(ownerOf(machine, c))!;
    compareState(machine, c, { model, member });
  }
  same(children, model.members.size - 1, `living children of counter ${handle}`);
}

function compareState(
  machine: Machine,
  handle: CounterHandle,
  expected: { model: ModelCounter; member: Member },
): void {
  const { model, member } = expected;
  const packed = packedOf(machine.region, handle);
  const state = stateOfMember(machine, model, member);
  const on = model.isOn(member);
  const runs = on && (member.isSeenActive || !machine.model.isGated(model, member));
  same(stateOf(packed), state, `the state of counter ${handle}`);
  same(Number((packed & WANTED) !== 0), Number(on), `whether counter ${handle} is enabled`);
  same(Number((packed & RUNNING) !== 0), Number(runs), `whether counter ${handle} runs`);
  same(Number((packed & COUNTING) !== 0), Number(runs), `whether counter ${handle} counts`);
  same(
    Number((packed & ON_START) !== 0),
    Number(member.isWaiting),
    `whether counter ${handle} waits for the start`,
  );
  machine.coverage.state(nameOf(state, on, runs));
}

function stateOfMember(machine: Machine, model: ModelCounter, member: Member): number {
  if (member.isFrozen) return STATE_EXIT;
  if (member.isFailed) return STATE_ERROR;
  if (!member.wants) return STATE_OFF;
  return member.isSeenActive && machine.model.isGated(model, member) ? STATE_ACTIVE : STATE_INACTIVE;
}

function nameOf(state: number, on: boolean, runs: boolean): string {
  if (state === STATE_EXIT) return 'EXIT';
  if (state === STATE_ERROR) return 'ERROR';
  if (state === STATE_OFF) return 'OFF';
  if (state === STATE_ACTIVE) return 'ACTIVE';
  return runs ? 'INACTIVE, counts' : on ? 'INACTIVE, waits for a slot' : 'INACTIVE, its leader is off';
}

/** I31: with inherit_stat the values follow the task, member by member. */
function compareEach(machine: Machine, { handle, model }: SimCounter): void {
  const { region, clock } = machine;
  for (let c = firstChild(region, handle); c !== 0; c = nextChild(region, c)) {
    const member = model.members.get(ownerOf(machine, c))!;
    const expected = model.readMember(member, clock.now, machine.model.rates);
    same(countOf(region, c, clock.now), Number(expected.value), `counter ${handle}'s child ${c}`);
    same(enabledOf(region, c), Number(expected.enabled), `enabled of counter ${handle}'s child ${c}`);
  }
}

/** Overflows that the host has heard of, or is to hear of at the end of the operation. */
function compareSampling(machine: Machine, counter: SimCounter, sampling: Sampling): void {
  const { region } = machine;
  const slot = sampleOf(region, counter.handle);
  const word = (at: number): number => counterWordOf(region, slot, at);
  const double = (at: number): number => region.f64[region.counterF + (slot << 3) + at]!;
  const what = `of counter ${counter.handle}`;
  same(counter.heardIn + double(P_F64_IN), Number(sampling.overflows), `overflows ${what}`);
  same(counter.heardHup + word(P_HUP), Number(sampling.hangups), `last overflows ${what}`);
  same(word(P_LIMIT), Number(sampling.limit), `overflows left ${what}`);
  same(double(P_F64_LEFT), Number(sampling.left), `counts to the next ${what}`);
}

/** The thread's books: total = tasks + unattributed + late, each as the model has it. */
function compareLines(machine: Machine, lines: Lines, index: number): void {
  const { f64, layout } = machine.region;
  const at = threadF64(layout, index);
  const { rates } = machine.model;
  for (let event = 0; event < EVENT_LINES; event++) {
    if (!isBooked(machine, event)) continue;
    const tasks = lines.tasks.of(event, rates);
    const own = lines.own.of(event, rates);
    const late = lines.late.of(event, rates);
    same(f64[at + T_F64_TASKS + event]!, tasks, `event ${event} of thread ${index}'s tasks`);
    same(f64[at + T_F64_UNATTRIBUTED + event]!, own, `event ${event} of thread ${index}, unattributed`);
    same(f64[at + T_F64_LATE + event]!, late, `event ${event} of thread ${index}, late`);
    if (event === WAIT) continue; // waits overlap: no total
    same(f64[at + T_F64_TOTAL + event]!, tasks + own + late, `event ${event} of thread ${index}, total`);
  }
}

function isBooked(machine: Machine, event: number): boolean {
  if (event === TASK_CLOCK || event === CPU_CLOCK || event === TASK_SWITCHES) return true;
  return event === FORKS || event === WAIT || machine.options.pmu.events.includes(event);
}

/** What limits dropped is counted, once each. */
function compareLosses(machine: Machine): void {
  const { i32 } = machine.region;
  same(machine.lostSlots(), machine.losses, 'slots lost');
  same(i32[H_LOST_NAMES]!, machine.model.names.lost, 'names lost');
  same(i32[H_LOST_SLICES]!, machine.model.lostSlices, 'slices lost');
}

function isSame(reading: CounterReading, expected: Reading): boolean {
  return (
    BigInt(reading.value) === expected.value &&
    BigInt(reading.enabled) === expected.enabled &&
    BigInt(reading.running) === expected.running
  );
}

function show({ value, enabled, running }: CounterReading | Reading): string {
  return `value ${value}, enabled ${enabled}, running ${running}`;
}

function same(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw new DisagreementError(`${what}: ${actual}, the model says ${expected}`);
}
