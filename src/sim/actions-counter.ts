/** What is done to open counters: enable, disable, reset, prctl, read, close; by any thread, alone or as a group. */
import {
  FORMAT_GROUP,
  FORMAT_ID,
  FORMAT_TOTAL_TIME_ENABLED,
  FORMAT_TOTAL_TIME_RUNNING,
} from '../core/index.ts';
import type { Action } from './actions.ts';
import { chooseCounter, chooseTask } from './choose.ts';
import type { Machine, SimCounter, SimCpu } from './machine.ts';
import { DisagreementError } from './violation.ts';
import type { ModelCounter, Reading } from './model-counter.ts';
import { observe } from './observe.ts';

type Kind = 'enable' | 'disable' | 'reset';

export const COUNTER_ACTIONS: readonly Action[] = [
  {
    ...operationOf('enable'),
    weight: 8,
    sentence: 'a counter, or its group, is to count, in the whole family',
  },
  { ...operationOf('disable'), weight: 6, sentence: 'it is to stop; value and times stay' },
  { ...operationOf('reset'), weight: 4, sentence: 'its value is put to 0; the times stay' },
  {
    name: 'refresh',
    weight: 4,
    labels: ['counter', 'overflows'],
    sentence: 'a sampling counter may overflow some more times, then it is disabled',
    act: (machine, cpu) => changeSampling(machine, cpu, 'refresh', machine.prng.pick([0, 1, 1, 3, 20])),
  },
  {
    name: 'period',
    weight: 2,
    labels: ['counter', 'period'],
    sentence: 'a sampling counter gets another period',
    act: (machine, cpu) => changeSampling(machine, cpu, 'period', machine.prng.pick([0.5, 1, 10, 300])),
  },
  {
    name: 'prctl enable',
    weight: 4,
    labels: ['task'],
    sentence: 'all groups attached to a task are to count',
    act: (machine, cpu) => prctl(machine, cpu, true),
  },
  {
    name: 'prctl disable',
    weight: 4,
    labels: ['task'],
    sentence: 'all groups attached to a task are to stop',
    act: (machine, cpu) => prctl(machine, cpu, false),
  },
  {
    name: 'read',
    weight: 6,
    labels: ['counter'],
    sentence: 'a counter is read, on its thread or on another',
    act: (machine, cpu) => {
      const counter = chooseCounter(machine);
      if (counter !== undefined) read(machine, cpu, counter);
    },
  },
  {
    name: 'read group',
    weight: 4,
    labels: ['counter', 'format'],
    sentence: 'a whole group is read, in the layout of read(2)',
    act: (machine, cpu) => {
      const counter = chooseCounter(machine);
      if (counter !== undefined) readGroup(machine, cpu, counter);
    },
  },
  {
    name: 'close',
    weight: 6,
    isEssential: true,
    labels: ['counter', 'twice'],
    sentence: 'a counter is closed, sometimes by two threads',
    act: (machine, cpu) => {
      const counter = chooseCounter(machine);
      if (counter === undefined) return;
      close(machine, cpu, counter);
      const other = machine.prng.pick(machine.cpus);
      if (machine.prng.chance(1, 10) && !other.isDead) close(machine, other, counter);
    },
  },
  {
    name: 'use closed',
    weight: 1,
    labels: ['counter'],
    sentence: 'a counter is used that is none',
    act: useClosed,
  },
];

function operationOf(kind: Kind): Pick<Action, 'name' | 'labels' | 'act'> {
  const act = (machine: Machine, cpu: SimCpu): void => {
    const counter = chooseCounter(machine);
    if (counter === undefined) return;
    const group = machine.prng.chance(1, 3);
    machine.journal.note(counter.handle, Number(group));
    request(machine, cpu, { counter, kind, group });
  };
  return { name: kind, labels: ['counter', 'group'], act };
}

function request(
  machine: Machine,
  cpu: SimCpu,
  asked: { counter: SimCounter; kind: Kind | 'close'; group: boolean },
): void {
  const { counter, kind, group } = asked;
  const { core } = cpu;
  machine.operate(cpu, {
    name: isAbroad(machine, cpu, counter) ? `${kind} abroad` : group ? `${kind} group` : kind,
    core: () => (kind === 'close' ? core.close(counter.handle) : core[kind](counter.handle, { group })),
    expected: () => (counter.model.isClosed ? 'EBADF' : ''),
    model: () => machine.model.submit(cpu.model, { kind, counter: counter.model, group }),
  });
}

function isAbroad(machine: Machine, cpu: SimCpu, counter: SimCounter): boolean {
  const probe = { kind: 'enable', counter: counter.model, group: false } as const;
  return machine.model.responsible(cpu.model, probe) !== cpu.model;
}

export function close(machine: Machine, cpu: SimCpu, counter: SimCounter): void {
  machine.journal.note(counter.handle);
  request(machine, cpu, { counter, kind: 'close', group: false });
}

function changeSampling(machine: Machine, cpu: SimCpu, kind: 'refresh' | 'period', value: number): void {
  const { prng, counters } = machine;
  const sampling = counters.filter(({ model }) => model.sampling !== undefined);
  const counter = sampling.length > 0 && !prng.chance(1, 8) ? prng.pick(sampling) : chooseCounter(machine);
  if (counter === undefined) return;
  const { handle, model } = counter;
  machine.journal.note(handle, value);
  machine.operate(cpu, {
    name: isAbroad(machine, cpu, counter) ? `${kind} abroad` : kind,
    core: () => (kind === 'refresh' ? cpu.core.refresh(handle, value) : cpu.core.setPeriod(handle, value)),
    expected: () => {
      if (model.isClosed) return 'EBADF';
      const isWrong = model.sampling === undefined || value < 1 || (kind === 'refresh' && model.inherit);
      return isWrong ? 'EINVAL' : '';
    },
    model: () => machine.model.submit(cpu.model, { kind, counter: model, group: false, value }),
  });
}

function prctl(machine: Machine, cpu: SimCpu, on: boolean): void {
  const task = chooseTask(machine, cpu);
  machine.journal.note(task.handle);
  machine.operate(cpu, {
    name: `prctl ${on ? 'enable' : 'disable'}${task.cpu === cpu ? '' : ' abroad'}`,
    core: () => (on ? cpu.core.enableCounters(task.handle) : cpu.core.disableCounters(task.handle)),
    expected: () => '',
    model: () => {
      const kind = on ? 'enableTask' : 'disableTask';
      if (task.model.isLive) machine.model.submit(cpu.model, { kind, task: task.model, group: false });
    },
  });
}

export function read(machine: Machine, cpu: SimCpu, counter: SimCounter): void {
  machine.journal.note(counter.handle);
  machine.operate(cpu, {
    name: isAbroad(machine, cpu, counter) ? 'read abroad' : 'read',
    core: () => cpu.core.read(counter.handle),
    expected: () => (counter.model.isClosed ? 'EBADF' : ''),
    model: (reading) => {
      assertFresh(cpu);
      observe(machine);
      assertReading(machine, counter, reading);
    },
  });
}

function readGroup(machine: Machine, cpu: SimCpu, counter: SimCounter): void {
  const times = machine.prng.below(4) & (FORMAT_TOTAL_TIME_ENABLED | FORMAT_TOTAL_TIME_RUNNING);
  const bits = FORMAT_GROUP | times | (machine.prng.chance(1, 2) ? FORMAT_ID : 0);
  machine.journal.note(counter.handle, bits);
  const { model } = counter;
  machine.operate(cpu, {
    name: isAbroad(machine, cpu, counter) ? 'read group abroad' : 'read group',
    core: () => cpu.core.readFormat(counter.handle, bits),
    expected: () => {
      if (model.isClosed) return 'EBADF';
      return isAtEnd(model) || isUniform(machine, model) ? '' : 'ECHILD';
    },
    model: (words) => {
      observe(machine);
      const expected = groupWords(machine, model, bits).join(' ');
      const isSame = words.join(' ') === expected;
      if (!isSame)
        throw new DisagreementError(`the group reads ${words.join(' ')}, the model says ${expected}`);
    },
  });
}

/** Leader first, then whoever joined it. */
function membersOf(machine: Machine, model: ModelCounter): ModelCounter[] {
  const joined = machine.model.groupOf(model.leader, true).filter((other) => other !== model.leader);
  return [model.leader, ...joined];
}

/** Have all children the same set of members? */
function isUniform(machine: Machine, model: ModelCounter): boolean {
  const members = membersOf(machine, model);
  return [...model.leader.members.keys()].every(
    (owner) => owner === model.leader.target || members.every((member) => member.members.has(owner)),
  );
}

function groupWords(machine: Machine, model: ModelCounter, bits: number): bigint[] {
  if (isAtEnd(model)) return [];
  const { now, rates } = machine.model;
  const members = membersOf(machine, model);
  const words = [BigInt(members.length)];
  const first = members[0]!.read(now, rates);
  if ((bits & FORMAT_TOTAL_TIME_ENABLED) !== 0) words.push(first.enabled);
  if ((bits & FORMAT_TOTAL_TIME_RUNNING) !== 0) words.push(first.running);
  for (const member of members) {
    words.push(member.read(now, rates).value);
    if ((bits & FORMAT_ID) !== 0) words.push(BigInt(idOf(machine, member)));
  }
  return words;
}

function idOf(machine: Machine, model: ModelCounter): number {
  const counter = machine.counters.find((other) => other.model === model)!;
  return machine.cpus[0]!.core.idOf(counter.handle);
}

/** A pinned counter that could not go on reads as end of file. */
function isAtEnd({ own }: ModelCounter): boolean {
  return own.isFailed && !own.isFrozen;
}

const NOTHING: Reading = { value: 0n, enabled: 0n, running: 0n };

/** A thread that reads its own counters sees all it did. */
function assertFresh(cpu: SimCpu): void {
  if (cpu.model.staged.length > 0) throw new DisagreementError('a read took no reading of the clock');
}

function assertReading(
  machine: Machine,
  counter: SimCounter,
  reading: { value: number; enabled: number; running: number },
): void {
  const expected = isAtEnd(counter.model)
    ? NOTHING
    : counter.model.read(machine.model.now, machine.model.rates);
  const same = (name: keyof Reading): boolean => BigInt(reading[name]) === expected[name];
  if (same('value') && same('enabled') && same('running')) return;
  const text = ({ value, enabled, running }: Record<keyof Reading, number | bigint>): string =>
    `value ${value}, enabled ${enabled}, running ${running}`;
  const where = `counter ${counter.handle} of event ${counter.model.event}`;
  throw new DisagreementError(`${where} reads ${text(reading)}; the model says ${text(expected)}`);
}

function useClosed(machine: Machine, cpu: SimCpu): void {
  const { prng } = machine;
  const handle = prng.pick([0, -1, 2.5, machine.options.capacities.counters + 1]);
  machine.journal.note(handle);
  machine.operate(cpu, {
    name: 'use closed',
    core: () => (prng.chance(1, 2) ? cpu.core.close(handle) : cpu.core.enable(handle)),
    expected: () => 'EBADF',
    model: () => undefined,
  });
}
