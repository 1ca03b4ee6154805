/** Threads: coming, going, sleeping, booking; and the clock. */
import { checkRotation } from './check-slots.ts';
import type { Action } from './actions.ts';
import { chooseNs } from './choose.ts';
import { deliver } from './actions-task.ts';
import type { Machine, SimCpu } from './machine.ts';
import type { ModelCounter } from './model-counter.ts';
import type { ModelTask } from './model-owner.ts';

export const THREAD_ACTIONS: readonly Action[] = [
  {
    name: 'run',
    weight: 6,
    labels: ['ns'],
    sentence: 'time passes for whoever runs, without any operation',
    act: (machine, cpu) => {
      const ns = chooseNs(machine);
      machine.coverage.outcome('run', '');
      machine.run(cpu, ns);
      machine.journal.note(ns);
    },
  },
  {
    name: 'sleep',
    weight: 4,
    labels: ['ns'],
    sentence: 'the loop of the thread blocks and wakes; the time is nobody’s',
    act: sleep,
  },
  {
    name: 'safepoint',
    weight: 6,
    labels: [],
    sentence: 'the thread books what it did and performs what others asked of it',
    act: deliver,
  },
  {
    name: 'tick',
    weight: 8,
    labels: ['ticks'],
    sentence: 'the timer of the thread: groups that wait for slots take turns',
    act: tick,
  },
  {
    name: 'start thread',
    weight: 2,
    labels: ['thread'],
    sentence: 'a thread begins, if the region has room for it',
    act: startThread,
  },
  {
    name: 'end thread',
    weight: 1,
    labels: [],
    sentence: 'a thread ends in good order, its tasks with it',
    act: (machine, cpu) => {
      if (cpu.index !== 0) shutdown(machine, cpu);
    },
  },
  {
    name: 'reap',
    weight: 3,
    labels: ['thread'],
    sentence: 'the first thread ends what a dead one left behind',
    act: (machine, cpu) => {
      const dead = machine.cpus.find(({ isDead }) => isDead);
      if (dead !== undefined && cpu.index === 0) reap(machine, cpu, dead);
    },
  },
];

function sleep(machine: Machine, cpu: SimCpu): void {
  if (machine.prng.chance(3, 4)) deliver(machine, cpu);
  const ns = chooseNs(machine);
  machine.coverage.outcome('sleep', '');
  machine.sleep(ns);
  cpu.core.readySince = machine.clock.now;
  cpu.model.readySince = machine.clock.now;
  machine.journal.note(ns);
}

/** Some ticks in a row, so that all groups of the running task have their turn. */
function tick(machine: Machine, cpu: SimCpu): void {
  if (machine.options.pmu.slotted.length === 0) return;
  const ticks = machine.prng.between(1, 12);
  for (let i = 0; i < ticks; i++) {
    const isAlone = cpu.model.pending.length === 0;
    machine.operate(cpu, {
      name: 'tick',
      core: () => cpu.core.tick(),
      expected: () => '',
      model: () => undefined,
    });
    if (isAlone) checkRotation(machine, cpu);
    machine.run(cpu, 1);
  }
  machine.journal.note(ticks);
}

function startThread(machine: Machine, _cpu: SimCpu): void {
  const started = machine.addCpu();
  machine.coverage.outcome('start thread', started === undefined ? 'ENOSPC' : '');
  if (started === undefined) machine.journal.outcome('ENOSPC');
  else machine.journal.note(started.index);
}

export function shutdown(machine: Machine, cpu: SimCpu): void {
  const lost = machine.lostSlots();
  machine.operate(cpu, {
    name: 'end thread',
    core: () => cpu.core.shutdown(),
    expected: () => '',
    model: () => {
      const tasks = [...tasksOf(machine, cpu, false), cpu.model.root];
      machine.model.shutdown(cpu.model, tasks, closedWith(machine, cpu, { by: cpu, lost }));
    },
  });
  machine.cpus.splice(machine.cpus.indexOf(cpu), 1);
}

export function reap(machine: Machine, cpu: SimCpu, dead: SimCpu): void {
  const lost = machine.lostSlots();
  machine.journal.note(dead.index);
  machine.operate(cpu, {
    name: 'reap',
    core: () => cpu.core.reap(dead.index),
    expected: () => '',
    model: () => {
      const left = {
        tasks: tasksOf(machine, dead, true),
        opened: closedWith(machine, dead, { by: cpu, lost }),
      };
      machine.model.reap(cpu.model, dead.model, left);
    },
  });
  machine.cpus.splice(machine.cpus.indexOf(dead), 1);
}

/** In the order in which the core ends them: that of their slots. It decides whose children later tasks are. */
function tasksOf(machine: Machine, cpu: SimCpu, withRoot: boolean): ModelTask[] {
  return machine.tasks
    .filter((task) => task.cpu === cpu && (withRoot || task.model !== cpu.model.root))
    .sort((a, b) => a.handle - b.handle)
    .map(({ model }) => model);
}

/**
 * What a thread had open on tasks of others, in the order in which the core closes it. Where there was no slot for the
 * request (of `lost` that had been lost before, more are now) the last ones stay open, until the next thread of the same
 * number ends.
 */
function closedWith(
  machine: Machine,
  dead: SimCpu,
  { by, lost }: { by: SimCpu; lost: number },
): ModelCounter[] {
  const opened = machine.counters
    .filter(({ model }) => model.opener?.index === dead.model.index && !model.isClosed)
    .sort((a, b) => a.handle - b.handle)
    .map(({ model }) => model);
  let unsent = machine.lostSlots() - lost;
  machine.losses += unsent;
  const sent = opened.reverse().filter((counter) => {
    const owner = machine.model.responsible(by.model, { kind: 'close', counter, group: false });
    return owner === by.model || unsent-- <= 0;
  });
  return sent.reverse();
}
