/**
 * A run: a seed in, a report out. First a phase with faults, then quiet: everything is delivered, closed and ended, and
 * then the books must balance and nothing may be left (I6).
 */
import { KIND_CONTEXT, KIND_COUNTER, KIND_TASK } from '../core/slab.ts';
import { ACTIONS, type Action } from './actions.ts';
import { close, read } from './actions-counter.ts';
import { deliver, releaseOnce } from './actions-task.ts';
import { reap, shutdown } from './actions-thread.ts';
import { CHECKERS, checkAll, checkQuiet } from './checkers.ts';
import { compare, compareNames } from './compare.ts';
import type { Coverage } from './coverage.ts';
import { Machine, type SimCpu } from './machine.ts';
import { Prng } from './prng.ts';
import { type Options, describeOptions, drawOptions } from './swarm.ts';

export type Checks = 'every step' | 'at the end';

export interface RunSettings {
  readonly seed: bigint;
  readonly checks: Checks;
  /** Fewer steps than were drawn, to find the shortest run that fails. */
  readonly steps?: number;
  /** Other options than those drawn, to measure. */
  readonly change?: (drawn: Options) => Options;
}

export interface Report {
  readonly seed: bigint;
  readonly options: readonly string[];
  readonly steps: number;
  readonly switches: number;
  /** Simulated ns. */
  readonly clock: number;
  readonly coverage: Coverage;
  /** undefined: nothing was found. */
  readonly failure: Failure | undefined;
}

export interface Failure {
  readonly step: number;
  readonly message: string;
  readonly stack: string;
  /** The last operations, as a table. */
  readonly journal: readonly string[];
}

/** Phases of the quiet end, as journal entries. */
const QUIET = { name: 'quiet', labels: [] };
const CHECKS_AT_THE_END_EVERY = 500;

export function run(settings: RunSettings): Report {
  const prng = new Prng(settings.seed);
  const drawn = drawOptions(prng.split());
  const options = settings.change?.(drawn) ?? drawn;
  const machine = new Machine(options, prng);
  const steps = Math.min(settings.steps ?? options.steps, options.steps);
  let failure: Failure | undefined;
  try {
    simulate(machine, steps, settings.checks);
  } catch (error) {
    failure = describeFailure(machine, error);
  }
  machine.coverage.state('switch, lazy', machine.lazySwitches);
  machine.coverage.state('switch, with a reading, or none to make', machine.switches - machine.lazySwitches);
  return {
    seed: settings.seed,
    options: describeOptions(options),
    steps: machine.step,
    switches: machine.switches,
    clock: machine.clock.now,
    coverage: machine.coverage,
    failure,
  };
}

function simulate(machine: Machine, steps: number, checks: Checks): void {
  for (let i = 0; i < machine.options.cpus; i++) machine.addCpu();
  const total = ACTIONS.map(({ name }) => machine.options.weights[name]!);
  const sum = total.reduce((a, b) => a + b, 0);
  for (; machine.step < steps; machine.step++) {
    const cpu = chooseCpu(machine);
    if (cpu === undefined) continue;
    drawFault(machine, cpu);
    if (cpu.isDead) continue;
    cpu.pmu.refuses = strikes(machine, machine.options.faults.refusal);
    doAction(machine, cpu, ACTIONS[machine.prng.weighted(total, sum)]!);
    cpu.pmu.refuses = false;
    if (checks === 'every step' || machine.step % CHECKS_AT_THE_END_EVERY === 0) checkMachine(machine);
  }
  beQuiet(machine, checks);
}

function doAction(machine: Machine, cpu: SimCpu, action: Action): void {
  machine.journal.begin(machine.step, machine.clock.now, cpu.index, action);
  action.act(machine, cpu);
  machine.starvation = undefined;
}

function checkMachine(machine: Machine): void {
  compare(machine);
  checkAll(machine, CHECKERS);
}

/** One that is neither dead nor stalled, the attentive ones more often. */
function chooseCpu(machine: Machine): SimCpu | undefined {
  const { cpus, step, prng } = machine;
  const { attention } = machine.options;
  const isAble = (cpu: SimCpu): boolean => !cpu.isDead && cpu.stalledUntil <= step;
  let total = 0;
  for (const cpu of cpus) if (isAble(cpu)) total += attention[cpu.index]!;
  if (total === 0) return undefined;
  let left = prng.below(total);
  for (const cpu of cpus) {
    if (!isAble(cpu)) continue;
    if (left < attention[cpu.index]!) return cpu;
    left -= attention[cpu.index]!;
  }
  return undefined;
}

function drawFault(machine: Machine, cpu: SimCpu): void {
  const { prng, options } = machine;
  const { faults } = options;
  if (strikes(machine, faults.starve)) {
    machine.starvation = { kind: prng.pick([KIND_TASK, KIND_CONTEXT, KIND_COUNTER]), left: prng.below(3) };
  }
  if (strikes(machine, faults.stall)) cpu.stalledUntil = machine.step + prng.between(1, 200);
  if (cpu.index !== 0 && strikes(machine, faults.death)) {
    machine.journal.begin(machine.step, machine.clock.now, cpu.index, { name: 'DIES', labels: [] });
    machine.coverage.outcome('death', '');
    cpu.isDead = true;
  }
}

function strikes({ prng }: Machine, perMille: number): boolean {
  return perMille > 0 && prng.chance(perMille, 1000);
}

/** The second phase. What is left afterwards was leaked. */
function beQuiet(machine: Machine, checks: Checks): void {
  const at = (cpu: SimCpu, what: string): void =>
    machine.journal.begin(machine.step, machine.clock.now, cpu.index, { ...QUIET, name: `quiet: ${what}` });
  const check = (): void => {
    if (checks === 'every step') checkMachine(machine);
  };
  machine.faultsOn = false;
  const first = machine.cpus[0]!;
  for (const dead of machine.cpus.filter(({ isDead }) => isDead)) {
    at(first, 'reap');
    reap(machine, first, dead);
    check();
  }
  const isUnderWay = (): boolean => machine.cpus.some(({ model }) => model.pending.length > 0);
  while (isUnderWay()) {
    for (const cpu of machine.cpus) {
      at(cpu, 'deliver');
      deliver(machine, cpu);
    }
  }
  for (const cpu of machine.cpus) {
    at(cpu, 'book');
    deliver(machine, cpu);
  }
  checkMachine(machine);
  compareNames(machine);
  for (const counter of machine.counters) {
    at(first, 'read');
    read(machine, first, counter);
  }
  while (machine.counters.length > 0) {
    const cpu = machine.prng.pick(machine.cpus);
    at(cpu, 'close');
    close(machine, cpu, machine.counters[0]!);
    for (const other of machine.cpus) if (other.model.pending.length > 0) deliver(machine, other);
    check();
  }
  for (const task of [...machine.ghosts, ...machine.tasks]) {
    while (task.held > 0) releaseOnce(machine, first, task);
  }
  for (const cpu of machine.cpus.slice().reverse()) {
    at(cpu, 'end thread');
    shutdown(machine, cpu);
    check();
  }
  compareNames(machine);
  checkQuiet(machine);
}

function describeFailure(machine: Machine, error: unknown): Failure {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { step: machine.step, message, stack: stack ?? '', journal: machine.journal.lines() };
}
