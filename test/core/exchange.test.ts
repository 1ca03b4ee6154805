/**
 * Lazy switches between clones that hold slots: the hardware is not programmed again, the contexts change hands, and with
 * inherit_stat the values change back, paired by original (S2, I31, I37, H12, H46).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  C_PARENT,
  E_F64_RUNNING,
  E_F64_VALUES,
  TASK_CLOCK,
  T_F64_RING_HEAD,
  WALL,
  ringF64,
  threadF64,
} from '#core/index.js';
import { CYCLES, INSTRUCTIONS } from '#sim/hardware.js';
import { rateOf } from './hand-pmu.ts';
import { assertSchedule, makeSlots, states } from './schedule.ts';
import { SMALL, type World, assertBooks, assertQuiet, contextOf, contextWord, run } from './world.ts';

/** A double of the last exit event. */
function lastExit({ region, cpu }: World, double: number): number {
  const head = region.f64[threadF64(region.layout, cpu.index) + T_F64_RING_HEAD]!;
  return region.f64[ringF64(region.layout, cpu.index, (head - 1) % SMALL.ring) + double]!;
}

test('clones of which only the sum is asked for are exchanged without a reading, slots and all', () => {
  const world = makeSlots(1);
  const { cpu, pmu, region } = world;
  const counter = cpu.openCounter({ event: CYCLES, inherit: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  run(world, a, 10);
  const context = contextOf(region, a);
  const { reads, programmed } = pmu;
  for (const task of [b, a, b]) run(world, task, 10);
  assert.deepEqual([pmu.reads, pmu.programmed], [reads, programmed]);
  assert.equal(contextOf(region, b), context);
  assertSchedule(world);
  assert.deepEqual(cpu.read(counter), { value: 40 * rateOf(CYCLES), enabled: 40, running: 40 });
});

test('with inherit_stat one reading is taken, the slots stay, and each task keeps its values (I31)', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  const events = [CYCLES, TASK_CLOCK, INSTRUCTIONS, WALL];
  const family = events.map((event) => cpu.openCounter({ event, inherit: true, inheritStat: true }));
  const tasks = [1, 2, 3].map((n) => ({ n, task: cpu.fork(cpu.root, 0) }));
  cpu.switchTo(tasks[0]!.task);
  const { programmed } = pmu;
  for (let round = 0; round < 4; round++) {
    for (const { n, task } of tasks) {
      run(world, task, n * 10);
      pmu.sleep(n);
    }
    assertSchedule(world);
  }
  assert.equal(pmu.programmed, programmed);
  for (const { n, task } of tasks) {
    cpu.exit(task);
    const ns = n * 40;
    const values = events.map((event) => lastExit(world, E_F64_VALUES + event));
    const lifetime = 240 + 24;
    assert.deepEqual(values, [ns * rateOf(CYCLES), ns, ns * rateOf(INSTRUCTIONS), lifetime]);
    assert.equal(lastExit(world, E_F64_RUNNING), ns);
  }
  assert.equal(cpu.read(family[0]!).value, 240 * rateOf(CYCLES));
  assertBooks(world);
});

test('two inherit_stat counters over child and grandchild are paired by original, not by place (H12, H46)', () => {
  const world = makeSlots(2);
  const { cpu } = world;
  const [cycles, instructions] = [CYCLES, INSTRUCTIONS].map((event) =>
    cpu.openCounter({ event, inherit: true, inheritStat: true }),
  );
  const child = cpu.fork(cpu.root, 0);
  const grandchild = cpu.fork(child, 0);
  for (let round = 0; round < 3; round++) {
    run(world, child, 10);
    run(world, grandchild, 100);
  }
  cpu.switchTo(cpu.root);
  cpu.exit(child);
  assert.deepEqual(
    [CYCLES, INSTRUCTIONS].map((event) => lastExit(world, E_F64_VALUES + event)),
    [30 * rateOf(CYCLES), 30 * rateOf(INSTRUCTIONS)],
  );
  assert.equal(cpu.read(cycles!).value, 330 * rateOf(CYCLES));
  assert.equal(cpu.read(instructions!).value, 330 * rateOf(INSTRUCTIONS));
});

test('multiplexed values are exchanged with their times; turns stay with the context', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  for (const event of [CYCLES, INSTRUCTIONS]) cpu.openCounter({ event, inherit: true, inheritStat: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  run(world, a, 10);
  cpu.tick();
  run(world, b, 100);
  cpu.tick();
  run(world, a, 1000);
  assertSchedule(world);
  cpu.exit(a);
  assert.equal(
    lastExit(world, E_F64_VALUES + CYCLES),
    1010 * rateOf(CYCLES),
    'both its slices had the first turn',
  );
  assert.equal(lastExit(world, E_F64_RUNNING), 1010);
  cpu.exit(b);
  assert.equal(lastExit(world, E_F64_VALUES + CYCLES), 0);
  assert.equal(lastExit(world, E_F64_VALUES + INSTRUCTIONS), 100 * rateOf(INSTRUCTIONS));
  assert.deepEqual(pmu.on, []);
});

test('beside counters on the thread, or to and from the thread’s own task, clones are exchanged as well', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  cpu.openCounter({ event: CYCLES, inherit: true, inheritStat: true });
  const onThread = cpu.openCounter({ event: INSTRUCTIONS, thread: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  cpu.switchTo(a);
  const { programmed } = pmu;
  for (const task of [b, a, b]) run(world, task, 10);
  assert.equal(pmu.programmed, programmed);
  assert.equal(cpu.read(onThread).running, 30);
  assertSchedule(world);
});

test('a clone with a pinned counter in ERROR is equal to its sisters no more (I37)', () => {
  const world = makeSlots(1);
  const { cpu, pmu, region } = world;
  const counter = cpu.openCounter({ event: CYCLES, inherit: true, pinned: true });
  const [a, b, c] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  pmu.refused.add(CYCLES);
  run(world, a, 10);
  pmu.refused.clear();
  assert.equal(contextWord(region, contextOf(region, a), C_PARENT), 0);
  run(world, b, 100);
  run(world, c, 1000);
  run(world, a, 10_000);
  cpu.switchTo(cpu.root);
  const running = (): number => cpu.read(counter).running;
  assert.equal(running(), 1100, 'the failed one did not count, and took nobody’s place');
  cpu.enable(counter);
  run(world, a, 5);
  assert.equal(running(), 1105, 'enabling the family tries it again');
});

test('clones made while their parent was in ERROR are not equal to earlier ones', () => {
  const world = makeSlots(1);
  const { cpu, pmu, region } = world;
  const counter = cpu.openCounter({ event: CYCLES, inherit: true, pinned: true });
  const earlier = cpu.fork(cpu.root, 0);
  cpu.switchTo(earlier);
  pmu.refused.add(CYCLES);
  cpu.switchTo(cpu.root);
  pmu.refused.clear();
  const later = cpu.fork(cpu.root, 0);
  assert.deepEqual(states(world, [counter]), ['ERROR']);
  run(world, earlier, 10);
  const context = contextOf(region, earlier);
  run(world, later, 100);
  assert.equal(contextOf(region, earlier), context);
  cpu.enable(counter);
  run(world, later, 1);
  cpu.switchTo(cpu.root);
  assert.equal(cpu.read(counter).running, 11);
});

test('close of an original while its clones were exchanged leaves nothing', () => {
  const world = makeSlots(2);
  const { cpu, region } = world;
  const counters = [CYCLES, INSTRUCTIONS].map((event) =>
    cpu.openCounter({ event, inherit: true, inheritStat: true }),
  );
  const tasks = Array.from({ length: 3 }, () => cpu.fork(cpu.root, 0));
  for (const task of tasks) run(world, task, 10);
  cpu.close(counters[0]!);
  assertSchedule(world);
  for (const task of tasks) run(world, task, 10);
  assert.equal(cpu.read(counters[1]!).running, 60);
  for (const task of tasks) cpu.exit(task);
  cpu.close(counters[1]!);
  cpu.shutdown();
  assertQuiet(region, 0);
});
