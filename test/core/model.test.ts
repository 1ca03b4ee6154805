/**
 * S25: no change in counts, times or errors against a model that is slow and obvious, over random lives of tasks. With
 * the books of the thread checked all along, and nothing left at the end (I6).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CPU_CLOCK,
  type CounterHandle,
  FORKS,
  H_LOST_CONTEXTS,
  H_LOST_COUNTERS,
  H_LOST_TASKS,
  LATE,
  TASK_CLOCK,
  TASK_SWITCHES,
  WALL,
} from '#core/index.js';
import { Model, type ModelCounter } from './model.ts';
import { SMALL, type World, assertBooks, assertQuiet, makeWorld } from './world.ts';

const EVENTS = [TASK_CLOCK, CPU_CLOCK, TASK_SWITCHES, FORKS, WALL, LATE];
const ROOMY = { ...SMALL, tasks: 512, contexts: 512, counters: 8192 };

/** One step: what, and three numbers that choose on whom. */
type Step = readonly [kind: string, x: number, y: number, z: number];

interface Pair {
  readonly world: World;
  readonly model: Model;
  readonly tasks: number[];
  /** `orphan`: its task has exited, and the task's handle may be another task's by now. */
  readonly counters: { handle: CounterHandle; model: ModelCounter; orphan?: boolean }[];
}

const pick = <T>(list: readonly T[], n: number): T => list[n % list.length]!;

const STEPS: Record<string, (pair: Pair, x: number, y: number, z: number) => void> = {
  advance({ world, model }, x) {
    world.pmu.advance(x + 1);
    model.advance(x + 1);
  },
  sleep({ world, model }, x) {
    world.pmu.sleep(x + 1);
    model.sleep(x + 1);
  },
  switchTo({ world, model, tasks }, x) {
    const task = pick(tasks, x);
    world.cpu.switchTo(task);
    model.switchTo(task);
  },
  fork({ world, model, tasks }, x) {
    if (tasks.length >= 60) return;
    const parent = pick(tasks, x);
    const child = world.cpu.fork(parent, 0);
    model.fork(parent, child);
    tasks.push(child);
  },
  exit({ world, model, tasks, counters }, x) {
    const task = pick(tasks, x);
    if (task === world.cpu.root) return;
    for (const counter of counters) if (counter.model.task === task) counter.orphan = true;
    world.cpu.exit(task);
    model.exit(task);
    tasks.splice(tasks.indexOf(task), 1);
  },
  open({ world, model, tasks, counters }, x, y, z) {
    if (counters.length >= 12) return;
    const event = pick(EVENTS, y);
    const options = { inherit: (z & 1) !== 0, inheritStat: (z & 2) !== 0, disabled: (z & 12) === 0 };
    if ((z & 0x70) === 0) {
      const handle = world.cpu.openCounter({ event, thread: true, disabled: options.disabled });
      counters.push({ handle, model: model.open(undefined, event, { ...options, inherit: false }) });
      return;
    }
    const task = pick(tasks, x);
    const start = { ...options, enableOnStart: (z & 0x180) === 0x180 };
    const handle = world.cpu.openCounter({ event, task, ...start });
    counters.push({ handle, model: model.open(task, event, start) });
  },
  openSibling({ world, model, counters }, x, y, z) {
    if (counters.length === 0 || counters.length >= 12) return;
    const leader = pick(counters, x);
    const { task } = leader.model;
    const isMember = leader.model.leader !== leader.model;
    if (task === undefined || isMember || leader.orphan === true || !leader.model.on.has(task)) return;
    const options = { inherit: leader.model.inherit, disabled: (z & 4) !== 0 };
    const event = pick(EVENTS, y);
    const handle = world.cpu.openCounter({ event, task, group: leader.handle, ...options });
    const opened = model.open(task, event, options);
    opened.leader = leader.model;
    counters.push({ handle, model: opened });
  },
  close({ world, model, counters }, x) {
    if (counters.length === 0) return;
    const [closed] = counters.splice(x % counters.length, 1);
    world.cpu.close(closed!.handle);
    model.close(closed!.model);
  },
  toggle({ world, model, counters }, x, y, z) {
    if (counters.length === 0) return;
    const counter = pick(counters, x);
    const group = (z & 1) !== 0;
    if ((y & 1) !== 0) world.cpu.enable(counter.handle, { group });
    else world.cpu.disable(counter.handle, { group });
    for (const member of model.members(counter.model, group)) model.setOn(member, (y & 1) !== 0);
  },
  reset({ world, model, counters }, x, _y, z) {
    if (counters.length === 0) return;
    const counter = pick(counters, x);
    const group = (z & 1) !== 0;
    world.cpu.reset(counter.handle, { group });
    for (const member of model.members(counter.model, group)) member.value = 0;
  },
  prctl({ world, model, tasks }, x, y) {
    const task = pick(tasks, x);
    if ((y & 1) !== 0) world.cpu.enableCounters(task);
    else world.cpu.disableCounters(task);
    model.setTask(task, (y & 1) !== 0);
  },
  compare(pair) {
    compare(pair);
  },
};

function compare({ world, counters }: Pair): void {
  for (const { handle, model } of counters) {
    const expected = { value: model.value, enabled: model.enabled, running: model.enabled };
    assert.deepEqual(world.cpu.read(handle), expected, `counter ${handle} of event ${model.event}`);
  }
}

function live(steps: readonly Step[]): void {
  const world = makeWorld(ROOMY);
  const { cpu, region } = world;
  const pair: Pair = { world, model: new Model(cpu.root), tasks: [cpu.root], counters: [] };
  for (const [kind, x, y, z] of steps) STEPS[kind]!(pair, x, y, z);
  compare(pair);
  assertBooks(world);
  assert.deepEqual(
    [H_LOST_TASKS, H_LOST_CONTEXTS, H_LOST_COUNTERS].map((word) => region.i32[word]),
    [0, 0, 0],
  );
  for (const { handle } of pair.counters) cpu.close(handle);
  for (const task of pair.tasks) if (task !== cpu.root) cpu.exit(task);
  cpu.shutdown();
  assertQuiet(region, 0);
}

/** Seeds that once failed, and one more. `TASKPERF_SEED=random` explores. */
const SEEDS = [1421421520, 2, 20_261_123];

function seedsToRun(): number[] {
  const wanted = process.env['TASKPERF_SEED'];
  if (wanted === undefined) return SEEDS;
  return [wanted === 'random' ? Math.trunc(Math.random() * 0x7fffffff) : Number(wanted)];
}

test('S25: no change in counts, times or errors: the core agrees with an obvious model on random lives', (t) => {
  const number = fc.nat({ max: 999 });
  const kind = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('advance', 'switchTo', 'fork') },
    { weight: 3, arbitrary: fc.constantFrom(...Object.keys(STEPS)) },
  );
  const steps = fc.array(fc.tuple(kind, number, number, number), {
    minLength: 20,
    maxLength: 150,
    size: 'max',
  });
  for (const seed of seedsToRun()) {
    t.diagnostic(`seed ${seed}; repeat with TASKPERF_SEED=${seed}`);
    fc.assert(fc.property(steps, live), { seed, numRuns: 300 });
  }
});
