/** Opening counters: on tasks of this and other threads, on the thread, into groups, and in ways that are refused. */
import {
  CPU_CLOCK,
  type CounterAttributes,
  EVENT_LINES,
  FORKS,
  LATE,
  TASK_CLOCK,
  TASK_SWITCHES,
  WAIT,
  WALL,
  isSoftware,
} from '../core/index.ts';
import type { Action } from './actions.ts';
import { chooseCounter, chooseTask } from './choose.ts';
import type { Machine, SimCounter, SimCpu, SimTask } from './machine.ts';
import type { CounterOptions, ModelCounter } from './model-counter.ts';

const EVENTS = [TASK_CLOCK, CPU_CLOCK, TASK_SWITCHES, FORKS, WALL, LATE, WAIT];

export const ATTACH_ACTIONS: readonly Action[] = [
  {
    name: 'open',
    weight: 10,
    isEssential: true,
    labels: ['task', 'event', 'flags', 'counter'],
    sentence: 'a counter on a task, of this thread or another, alive or dead',
    act: (machine, cpu) => {
      if (hasRoom(machine)) openOn(machine, cpu, { task: chooseTask(machine, cpu) }, drawAttributes(machine));
    },
  },
  {
    name: 'open clones',
    weight: 6,
    labels: ['task', 'event', 'flags', 'counter'],
    sentence: 'an inherited counter, often on the root: its children are switched lazily',
    act: (machine, cpu) => {
      const { prng } = machine;
      const stat = prng.chance(1, 4);
      const attributes = {
        event: prng.pick([TASK_CLOCK, TASK_SWITCHES, ...machine.options.pmu.slotted]),
        inherit: true,
        inheritStat: stat,
        enableOnStart: prng.chance(1, 4),
      };
      const parent = prng.chance(1, 2) ? machine.simTask(cpu.model.root) : prng.pick(cpu.ready);
      if (hasRoom(machine)) openOn(machine, cpu, { task: parent }, attributes);
    },
  },
  {
    name: 'open sibling',
    weight: 7,
    labels: ['task', 'event', 'flags', 'counter', 'leader'],
    sentence: 'a counter joins a group, if it may',
    act: openSibling,
  },
  {
    name: 'open on thread',
    weight: 2,
    labels: ['task', 'event', 'flags', 'counter', 'leader'],
    sentence: 'a counter on the thread itself, whatever task runs',
    act: (machine, cpu) => {
      if (!hasRoom(machine)) return;
      const { event, disabled = false, pinned = false, exclusive = false, period } = drawAttributes(machine);
      const sampling = period === undefined ? {} : { period };
      const leader = machine.prng.chance(1, 3) ? chooseCounter(machine) : undefined;
      openOnThread(machine, cpu, { event, thread: true, disabled, pinned, exclusive, ...sampling }, leader);
    },
  },
  {
    name: 'open wrongly',
    weight: 1,
    labels: ['task', 'event'],
    sentence: 'an event that does not exist, or that the machine cannot count',
    act: (machine, cpu) => {
      const event = machine.prng.pick([-1, EVENT_LINES, 1.5, EVENT_LINES - 1]);
      openOn(machine, cpu, { task: chooseTask(machine, cpu) }, { event, inherit: false, inheritStat: false });
    },
  },
];

interface Drawn {
  readonly event: number;
  readonly inherit: boolean;
  readonly inheritStat: boolean;
  readonly disabled?: boolean;
  readonly pinned?: boolean;
  readonly exclusive?: boolean;
  readonly enableOnStart?: boolean;
  /** Never undefined in what is given to the core. */
  readonly period?: number;
}

function drawAttributes(machine: Machine): Drawn {
  const { prng } = machine;
  const { hasPriorities, slotted } = machine.options.pmu;
  const event = drawEvent(machine);
  // A fork that uses up the limit of a counter of forks takes it off the PMU and puts others on in one operation; who was
  // on when the fork was counted could not be seen from outside.
  const samples = event !== FORKS || slotted.length === 0;
  return {
    event,
    inherit: prng.chance(1, 2),
    inheritStat: prng.chance(1, 2),
    disabled: prng.chance(1, 4),
    pinned: hasPriorities && prng.chance(1, 6),
    exclusive: hasPriorities && prng.chance(1, 8),
    enableOnStart: prng.chance(1, 8),
    ...(prng.chance(1, 6) ? withPeriod(samples, prng.pick([1, 7, 1000])) : {}),
  };
}

function withPeriod(samples: boolean, period: number): { period?: number } {
  return samples ? { period } : {};
}

function drawEvent({ prng, options }: Machine): number {
  const { slotted } = options.pmu;
  return slotted.length > 0 && prng.chance(1, 2) ? prng.pick(slotted) : prng.pick(EVENTS);
}

function hasRoom(machine: Machine): boolean {
  return machine.counters.length < machine.options.counters;
}

function openSibling(machine: Machine, cpu: SimCpu): void {
  const leader = chooseCounter(machine);
  if (leader === undefined || !hasRoom(machine)) return;
  const { target, inherit } = leader.model;
  const { prng } = machine;
  if (target === cpu.model && prng.chance(3, 4)) {
    openOnThread(machine, cpu, { event: drawEvent(machine), thread: true }, leader);
    return;
  }
  const own = machine.tasks.find((task) => task.model === target);
  const task = own === undefined || prng.chance(1, 8) ? chooseTask(machine, cpu) : own;
  const ofLeader = prng.chance(1, 8) ? {} : { pinned: false, exclusive: false };
  const isAlike = !prng.chance(1, 8);
  const attributes = { ...drawAttributes(machine), ...ofLeader, inherit: isAlike ? inherit : !inherit };
  openOn(machine, cpu, { task, leader }, attributes);
}

function openOn(
  machine: Machine,
  cpu: SimCpu,
  { task, leader }: { task: SimTask; leader?: SimCounter },
  attributes: Drawn,
): void {
  const { model } = machine;
  const group = leader === undefined ? {} : { group: leader.handle };
  note(machine, task.handle, attributes, leader);
  const outcome = machine.operate(cpu, {
    name: task.cpu === cpu ? 'open' : 'open abroad',
    core: () => cpu.core.openCounter({ ...attributes, ...group, task: task.handle }),
    expected: () => {
      if (!task.model.isLive) return 'ESRCH';
      return wrongEvent(machine, attributes) || wrongGroup(machine, leader, task.model, attributes);
    },
    model: (handle) => {
      const options = optionsOf(machine, attributes);
      const counter = model.open(task.model, options, leader?.model);
      if (task.cpu !== cpu) counter.opener = cpu.model;
      machine.addCounter(handle, counter);
      model.submit(cpu.model, { kind: 'install', counter, task: task.model, group: false });
    },
  });
  // A refused request may leave the task with an empty context, so its exit will be written down.
  if (outcome.code === 'ENOSPC' && task.model.isLive) {
    const context = machine.region.i32[cpu.core.taskContextAt + (task.handle << 4)]!;
    task.model.isCounted ||= context > 0;
  }
}

function openOnThread(
  machine: Machine,
  cpu: SimCpu,
  attributes: CounterAttributes,
  leader: SimCounter | undefined,
): void {
  const { model } = machine;
  const { event, disabled = false, pinned = false, exclusive = false } = attributes;
  const sampling = attributes.period === undefined ? {} : { period: attributes.period };
  const drawn = { event, inherit: false, inheritStat: false, disabled, pinned, exclusive, ...sampling };
  const group = leader === undefined ? {} : { group: leader.handle };
  note(machine, 0, drawn, leader);
  machine.operate(cpu, {
    name: 'open on thread',
    core: () => cpu.core.openCounter({ ...attributes, ...group }),
    expected: () => wrongEvent(machine, drawn) || wrongGroup(machine, leader, cpu.model, drawn),
    model: (handle) => {
      const counter = model.open(cpu.model, optionsOf(machine, drawn), leader?.model);
      machine.addCounter(handle, counter);
    },
  });
}

function optionsOf(machine: Machine, attributes: Drawn): CounterOptions {
  const { event, inherit, inheritStat } = attributes;
  return {
    event,
    inherit,
    stat: inheritStat,
    disabled: attributes.disabled === true,
    slotted: machine.options.pmu.slotted.includes(event),
    pinned: attributes.pinned === true,
    exclusive: attributes.exclusive === true,
    onStart: attributes.enableOnStart === true,
    period: attributes.period ?? 0,
  };
}

function note(machine: Machine, task: number, attributes: Drawn, leader: SimCounter | undefined): void {
  const { event, inherit, inheritStat, disabled, pinned, exclusive, enableOnStart } = attributes;
  const bits = [inherit, inheritStat, disabled, pinned, exclusive, enableOnStart];
  const flags = bits.reduce((sum, bit, i) => sum + (bit === true ? 1 << i : 0), 0);
  machine.journal.note(task, event, flags, 0, leader?.handle ?? 0);
}

function wrongEvent(machine: Machine, { event, period }: Drawn): string {
  if (!Number.isInteger(event) || event < 0 || event >= EVENT_LINES) return 'EINVAL';
  if (!isSoftware(event) && !machine.options.pmu.events.includes(event)) return 'ENOENT';
  return event === WALL && period !== undefined ? 'EINVAL' : '';
}

function wrongGroup(
  machine: Machine,
  leader: SimCounter | undefined,
  target: unknown,
  attributes: Drawn,
): string {
  const { slotted, slots, isFrank } = machine.options.pmu;
  const events = [attributes.event];
  if (leader !== undefined) {
    const wrong = wrongLeader(leader.model, target, attributes);
    if (wrong !== '') return wrong;
    const members = machine.model.groupOf(leader.model, true);
    for (const member of members) if (member.isInstalled) events.push(member.event);
  }
  const needed = events.filter((event) => slotted.includes(event)).length;
  if (needed === 0) return '';
  const isTooLarge = isFrank && needed > slots;
  return isTooLarge || events.includes(WALL) || events.includes(LATE) ? 'EINVAL' : '';
}

function wrongLeader(leader: ModelCounter, target: unknown, attributes: Drawn): string {
  if (leader.isClosed) return 'EBADF';
  const joins = leader.leader === leader && leader.target === target && leader.inherit === attributes.inherit;
  return joins && attributes.pinned !== true && attributes.exclusive !== true ? '' : 'EINVAL';
}
