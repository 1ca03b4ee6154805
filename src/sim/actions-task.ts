/** Tasks: running, blocking, waking, starting, ending, and working on after their end. */
import { internName } from '../core/index.ts';
import type { Action } from './actions.ts';
import { chooseNs, chooseTask } from './choose.ts';
import type { Machine, SimCpu, SimTask } from './machine.ts';
import { DisagreementError } from './violation.ts';
import { liveAncestor } from './model-owner.ts';
import { observe } from './observe.ts';

/** What tasks are called. More than some runs have room for. */
const NAMES = ['GET /', 'POST /', 'job', 'cron', 'test'];

export const TASK_ACTIONS: readonly Action[] = [
  {
    name: 'slice',
    weight: 40,
    isEssential: true,
    labels: ['switches', 'last', 'ns'],
    sentence: 'tasks of the thread run one after the other, some ns each',
    act: slice,
  },
  {
    name: 'fork',
    weight: 14,
    isEssential: true,
    labels: ['parent', 'task'],
    sentence: 'a task starts another, or one of another thread is its parent',
    act: fork,
  },
  {
    name: 'exit',
    weight: 9,
    isEssential: true,
    labels: ['task'],
    sentence: 'a task ends; that of another thread is asked to',
    act: exit,
  },
  {
    name: 'late',
    weight: 3,
    labels: ['for', 'ns'],
    sentence: 'a continuation of an ended task runs, for the account of a living one',
    act: late,
  },
  {
    name: 'block',
    weight: 4,
    labels: ['task', 'blocked'],
    sentence: 'a task waits for something and is not run; or the wait is over',
    act: block,
  },
  {
    name: 'rename',
    weight: 2,
    labels: ['task'],
    sentence: 'the route of a request becomes known',
    act: rename,
  },
  {
    name: 'retain',
    weight: 4,
    labels: ['task', 'references'],
    sentence: 'somebody holds on to a task, also after its end',
    act: retain,
  },
  {
    name: 'release',
    weight: 3,
    labels: ['task', 'references'],
    sentence: 'and lets it go',
    act: release,
  },
];

function slice(machine: Machine, cpu: SimCpu): void {
  const { prng, options } = machine;
  const switches = prng.between(1, options.burst);
  let ns = 0;
  let task = cpu.ready[0]!;
  machine.run(cpu, 1); // so that a switch without a reading shows by the time of the last one
  for (let i = 0; i < switches; i++) {
    // The first switch may end tasks and threads' requests; from then on nobody asks anything.
    task = prng.pick(cpu.ready);
    switchTo(machine, cpu, task);
    ns = chooseNs(machine);
    machine.run(cpu, ns);
  }
  machine.switches += switches;
  machine.journal.note(switches, task.handle, ns);
}

/** A pending request may end the very task: then nothing is switched to. */
function switchTo(machine: Machine, cpu: SimCpu, task: SimTask): void {
  const { core, model } = cpu;
  const isHeld = model.pending.length > 0 && model.running !== task.model;
  if (!isHeld) {
    core.switchTo(task.handle);
    const isLazy = core.f64[core.sinceAt] !== machine.clock.now;
    if (isLazy && model.running !== task.model) machine.lazySwitches++;
    machine.model.switchTo(model, task.model, isLazy);
    observe(machine);
    return;
  }
  deliver(machine, cpu);
  if (task.model.isLive) switchTo(machine, cpu, task);
}

/** The safepoint alone, by an operation that does nothing else. */
export function deliver(machine: Machine, cpu: SimCpu): void {
  const fold = (): void => cpu.core.fold();
  machine.operate(cpu, { name: 'safepoint', core: fold, expected: () => '', model: () => undefined });
}

function fork(machine: Machine, cpu: SimCpu): void {
  const { model, region } = machine;
  if (model.tasks.size >= machine.options.tasks) return exit(machine, cpu);
  const parent = chooseTask(machine, cpu);
  const text = machine.prng.pick(NAMES);
  const name = internName(region, text);
  const modelName = model.names.intern(text);
  let child = 0;
  machine.operate(cpu, {
    name: parent.cpu === cpu ? 'fork' : 'fork abroad',
    core: () => (child = cpu.core.fork(parent.handle, name)),
    expected: () => '',
    model: (handle) => {
      observe(machine); // the safepoint may have put counters of forks on the PMU
      if (handle === 0) machine.losses++;
      else machine.addTask(cpu, handle, model.fork(cpu.model, parent.model, modelName));
    },
  });
  machine.journal.note(parent.handle, child);
  if (child !== 0) return;
  machine.journal.outcome('full');
  machine.coverage.outcome('fork', 'full');
}

function exit(machine: Machine, cpu: SimCpu): void {
  const task = chooseTask(machine, cpu);
  if (task.model === task.model.cpu.root) return;
  machine.journal.note(task.handle);
  machine.operate(cpu, {
    name: task.cpu === cpu ? 'exit' : 'exit abroad',
    core: () => cpu.core.exit(task.handle),
    expected: () => '',
    model: () => {
      const request = { kind: 'exit', task: task.model, group: false } as const;
      if (task.model.isLive) machine.model.submit(cpu.model, request);
    },
  });
}

function late(machine: Machine, cpu: SimCpu): void {
  const heir = machine.prng.pick(cpu.ready);
  const text = machine.prng.pick(NAMES);
  const name = internName(machine.region, text);
  const modelName = machine.model.names.intern(text);
  deliver(machine, cpu);
  const living = liveAncestor(heir.model);
  const to = living === undefined || living.cpu !== cpu.model ? cpu.model.root : living;
  const handle = machine.simTask(to).handle;
  machine.operate(cpu, {
    name: 'late',
    core: () => cpu.core.switchLate(handle, name),
    expected: () => '',
    model: () => machine.model.switchLate(cpu.model, to, modelName),
  });
  const ns = chooseNs(machine);
  machine.run(cpu, ns);
  machine.journal.note(handle, ns);
}

function block(machine: Machine, cpu: SimCpu): void {
  const own = machine.tasks.filter((task) => task.cpu === cpu && task.model !== cpu.model.root);
  if (own.length === 0) return;
  const task = machine.prng.pick(own);
  task.isBlocked = !task.isBlocked;
  if (task.isBlocked) cpu.ready.splice(cpu.ready.indexOf(task), 1);
  else cpu.ready.push(task);
  machine.coverage.outcome(task.isBlocked ? 'block' : 'wake', '');
  machine.journal.note(task.handle, Number(task.isBlocked));
}

function rename(machine: Machine, cpu: SimCpu): void {
  const task = machine.prng.pick(cpu.ready);
  const text = machine.prng.pick(NAMES);
  const name = internName(machine.region, text);
  const after = machine.model.names.intern(text);
  const { model } = task;
  machine.coverage.outcome('rename', '');
  cpu.core.setName(task.handle, name);
  if (model.name !== after && model !== cpu.model.root) {
    machine.model.names.renamed(cpu.index, model.name, after);
  }
  model.name = after;
  machine.journal.note(task.handle);
}

function retain(machine: Machine, cpu: SimCpu): void {
  const task = machine.prng.pick(machine.tasks);
  machine.coverage.outcome('retain', '');
  cpu.core.retain(task.handle);
  task.held++;
  machine.journal.note(task.handle, task.held);
}

function release(machine: Machine, cpu: SimCpu): void {
  const held = [...machine.ghosts, ...machine.tasks.filter((task) => task.held > 0)];
  if (held.length > 0) releaseOnce(machine, cpu, machine.prng.pick(held));
}

export function releaseOnce(machine: Machine, cpu: SimCpu, task: SimTask): void {
  if (task.held === 0) throw new DisagreementError('a task is released that is not held');
  machine.coverage.outcome('release', '');
  task.held--;
  cpu.core.release(task.handle);
  if (task.held === 0 && !task.model.isLive) machine.ghosts.splice(machine.ghosts.indexOf(task), 1);
  machine.journal.note(task.handle, task.held);
}
