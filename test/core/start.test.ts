/** Counters that begin to count when their task begins to run: enable_on_exec of tasks that execute nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { C_PINS, TASK_CLOCK } from '#core/index.js';
import { CYCLES } from '#sim/hardware.js';
import { makeSlots, states } from './schedule.ts';
import { assertQuiet, contextOf, contextWord, makeWorld, run } from './world.ts';

test('attr_fields/enable_on_exec: a disabled counter stays at 0; with enableOnStart it counts from the start', () => {
  const world = makeSlots(2);
  const { cpu, region } = world;
  const task = cpu.fork(cpu.root, 0);
  const off = cpu.openCounter({ event: CYCLES, task, disabled: true });
  const leader = cpu.openCounter({ event: CYCLES, task, enableOnStart: true });
  const sibling = cpu.openCounter({ event: TASK_CLOCK, task, group: leader });
  assert.deepEqual(states(world, [off, leader, sibling]), ['OFF', 'OFF', 'INACTIVE']);
  run(world, cpu.root, 100);
  run(world, task, 10);
  assert.deepEqual(states(world, [off, leader]), ['OFF', 'ACTIVE']);
  cpu.disable(leader);
  run(world, cpu.root, 1);
  run(world, task, 10);
  assert.equal(cpu.read(off).value, 0);
  assert.deepEqual(
    cpu.readGroup(leader).map(({ running }) => running),
    [10, 10],
    'once: what is disabled later stays so (H29)',
  );
  assert.equal(contextWord(region, contextOf(region, task), C_PINS), 0);
});

test('attr_fields/enable_on_exec, inherited: each child’s counter starts with the child, also among clones', () => {
  const world = makeWorld();
  const { cpu } = world;
  const counter = cpu.openCounter({ event: TASK_CLOCK, inherit: true, enableOnStart: true });
  world.pmu.advance(1000);
  const [a, b, c] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  run(world, a, 10);
  assert.equal(cpu.read(counter).value, 10);
  run(world, b, 100);
  run(world, a, 10);
  assert.deepEqual(
    cpu.read(counter),
    { value: 120, enabled: 120, running: 120 },
    'the third has not started',
  );
  cpu.close(counter);
  run(world, c, 5);
  for (const task of [a, b, c]) cpu.exit(task);
  cpu.shutdown();
  assertQuiet(world.region, 0);
});

test('enableOnStart: a counter closed before the start lets go of the context, which can be exchanged again', () => {
  const world = makeWorld();
  const { cpu, region } = world;
  const kept = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const waiting = cpu.openCounter({ event: TASK_CLOCK, inherit: true, enableOnStart: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  cpu.close(waiting);
  run(world, a, 10);
  const context = contextOf(region, a);
  run(world, b, 10);
  assert.equal(contextOf(region, b), context);
  assert.equal(cpu.read(kept).value, 20);
});

test('enableOnStart and DISABLE: the last operation counts (H29), for all of the family, later clones too (I37)', () => {
  const world = makeWorld();
  const { cpu } = world;
  const counter = cpu.openCounter({ event: TASK_CLOCK, inherit: true, enableOnStart: true });
  const [started, waiting] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  run(world, started, 10);
  cpu.disable(counter);
  const later = cpu.fork(cpu.root, 0);
  for (const task of [later, started, waiting, later, cpu.root]) run(world, task, 100);
  assert.equal(cpu.read(counter).value, 10);
  cpu.enable(counter);
  for (const task of [later, started, waiting]) run(world, task, 1);
  assert.equal(cpu.read(counter).value, 13);
});

test('enableOnStart and ENABLE: whichever comes first; on a thread it is EINVAL', () => {
  const world = makeWorld();
  const { cpu } = world;
  const task = cpu.fork(cpu.root, 0);
  const counter = cpu.openCounter({ event: TASK_CLOCK, task, enableOnStart: true });
  cpu.enable(counter);
  cpu.disable(counter);
  run(world, task, 10);
  assert.equal(cpu.read(counter).value, 0, 'it was started by hand, and stopped');
  assert.throws(() => cpu.openCounter({ event: TASK_CLOCK, thread: true, enableOnStart: true }), {
    code: 'EINVAL',
  });
});
