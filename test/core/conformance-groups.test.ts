/**
 * The kernel's own tests of groups, ioctls, multiplexing, forks and prctl (perf_event_tests, sections corner_cases, ioctl,
 * multiplexing, multithread, prctl), on a PMU with few slots, with exact numbers. The name of each test is its origin;
 * docs/perf-counter.md lists them all.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CounterHandle,
  CPU_CLOCK,
  FORMAT_GROUP,
  FORMAT_ID,
  TASK_CLOCK,
  TASK_SWITCHES,
} from '#core/index.js';
import { BRANCHES, CYCLES, INSTRUCTIONS } from '#sim/hardware.js';
import { HARDWARE, rateOf } from './hand-pmu.ts';
import { assertSchedule, makeSlots, states } from './schedule.ts';
import { SMALL, type World, assertBooks, assertQuiet, liveSlots, makeWorld, run } from './world.ts';

const values = ({ cpu }: World, counters: readonly CounterHandle[]): number[] =>
  counters.map((counter) => cpu.read(counter).value);

test('corner_cases/hw_sw_mix: all 16 mixes of hardware and software in a group of four count', () => {
  for (let mix = 0; mix < 16; mix++) {
    const world = makeSlots(4);
    const { cpu, pmu } = world;
    const events = [0, 1, 2, 3].map((i) =>
      (mix & (1 << i)) !== 0 ? HARDWARE[i]! : [TASK_CLOCK, CPU_CLOCK][i & 1]!,
    );
    const leader = cpu.openCounter({ event: events[0]! });
    for (const event of events.slice(1)) cpu.openCounter({ event, group: leader });
    pmu.advance(10);
    assert.deepEqual(
      cpu.readGroup(leader).map(({ value }) => value),
      events.map((event) => 10 * rateOf(event)),
    );
    assertSchedule(world);
  }
});

test('corner_cases/sw_start_leader: a software leader, disabled, starts its hardware siblings', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  const leader = cpu.openCounter({ event: TASK_CLOCK, disabled: true });
  const members = [leader, ...[CYCLES, BRANCHES].map((event) => cpu.openCounter({ event, group: leader }))];
  pmu.advance(100);
  cpu.enable(leader);
  assert.deepEqual(states(world, members), ['ACTIVE', 'ACTIVE', 'ACTIVE']);
  pmu.advance(10);
  assert.deepEqual(values(world, members), [10, 10 * rateOf(CYCLES), 10 * rateOf(BRANCHES)]);
});

test('corner_cases/multiple_active: 0 to 10 counters at once, each counts all of its time', () => {
  for (let count = 0; count <= 10; count++) {
    const world = makeSlots(10);
    const events = Array.from({ length: count }, (_, i) => HARDWARE[i % HARDWARE.length]!);
    const counters = events.map((event) => world.cpu.openCounter({ event }));
    world.pmu.advance(10);
    const readings = counters.map((counter) => world.cpu.read(counter));
    const expected = events.map((event) => ({ value: 10 * rateOf(event), enabled: 10, running: 10 }));
    assert.deepEqual(readings, expected);
  }
});

test('corner_cases/huge_events_start, huge_group_start: opens refuse in the end; a read gives all that are open', () => {
  for (const grouped of [false, true]) {
    const world = makeWorld({ ...SMALL, counters: 100 }, 4);
    const { cpu } = world;
    const leader = cpu.openCounter({ event: TASK_CLOCK });
    const opened = [leader];
    const open = (): number =>
      cpu.openCounter({ event: grouped ? CPU_CLOCK : CYCLES, ...(grouped ? { group: leader } : {}) });
    assert.throws(
      () => {
        for (;;) opened.push(open());
      },
      { code: 'ENOSPC' },
    );
    assert.equal(opened.length, 100);
    assert.equal(cpu.readFormat(leader, FORMAT_GROUP | FORMAT_ID).length, 1 + 2 * (grouped ? 100 : 1));
    assertSchedule(world);
    for (const counter of opened) cpu.close(counter);
    assert.equal(liveSlots(world.region).counters, 0);
  }
});

test('corner_cases/check_reset_mpx: RESET of a multiplexed counter puts the value to 0 and leaves its times', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const counters = [CYCLES, INSTRUCTIONS].map((event) => cpu.openCounter({ event }));
  for (let tick = 0; tick < 10; tick++) {
    pmu.advance(10);
    cpu.tick();
  }
  for (const counter of counters) {
    cpu.reset(counter);
    assert.deepEqual(cpu.read(counter), { value: 0, enabled: 100, running: 50 });
  }
  pmu.advance(10);
  assert.deepEqual(values(world, counters), [10 * rateOf(CYCLES), 0]);
});

test('corner_cases/wrap: successive reads never go back, over switches, ticks and refusals', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const counters = [CYCLES, INSTRUCTIONS].map((event) => cpu.openCounter({ event, inherit: true }));
  const tasks = [cpu.root, cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  let before = [0, 0];
  for (let i = 0; i < 60; i++) {
    run(world, tasks[i % 3]!, i);
    if (i % 2 === 0) cpu.tick();
    if (i % 7 === 0) pmu.refused.add(CYCLES);
    if (i % 7 === 3) pmu.refused.clear();
    const now = values(world, counters);
    for (const [which, value] of now.entries()) assert.ok(value >= before[which]!);
    before = now;
  }
  assert.ok(before.every((value) => value > 0));
});

test('corner_cases/context_switch_user_kernel: switches are the incoming task’s, in a hardware group, too', () => {
  const world = makeSlots(1);
  const { cpu } = world;
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  const leader = cpu.openCounter({ event: CYCLES, task: a });
  const switches = cpu.openCounter({ event: TASK_SWITCHES, task: a, group: leader });
  for (const task of [a, b, a, b, a, cpu.root]) run(world, task, 1);
  assert.equal(cpu.read(switches).value, 3);
});

test('ioctl/ioctl_7_id: the id is that of FORMAT_ID, and no other counter’s, ever', () => {
  const { cpu } = makeSlots(1);
  const seen = new Set<number>();
  for (let i = 0; i < 20; i++) {
    const counter = cpu.openCounter({ event: CYCLES });
    const id = cpu.idOf(counter);
    assert.equal(cpu.readFormat(counter, FORMAT_ID)[1], BigInt(id));
    assert.equal(seen.has(id), false);
    seen.add(id);
    cpu.close(counter);
  }
});

test('ioctl/ioctl_0_enable, ioctl_1_disable, on slots: at once, leader and sibling', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  const leader = cpu.openCounter({ event: CYCLES, disabled: true });
  const sibling = cpu.openCounter({ event: BRANCHES, group: leader });
  const seen: string[][] = [];
  for (const step of [
    () => cpu.enable(leader),
    () => cpu.disable(sibling),
    () => cpu.enable(sibling),
    () => cpu.disable(leader),
  ]) {
    step();
    assertSchedule(world);
    seen.push(states(world, [leader, sibling]));
    pmu.advance(10);
  }
  assert.deepEqual(seen, [
    ['ACTIVE', 'ACTIVE'],
    ['ACTIVE', 'OFF'],
    ['ACTIVE', 'ACTIVE'],
    ['OFF', 'INACTIVE'],
  ]);
  assert.deepEqual(values(world, [leader, sibling]), [30 * rateOf(CYCLES), 20 * rateOf(BRANCHES)]);
});

test('multiplexing/check_multiplexing: ten events alone run always; together their scaled values are the same', () => {
  const events = Array.from({ length: 10 }, (_, i) => HARDWARE[i % HARDWARE.length]!);
  const alone = events.map((event) => {
    const world = makeSlots(4);
    const counter = world.cpu.openCounter({ event });
    world.pmu.advance(10_000);
    const { value, enabled, running } = world.cpu.read(counter);
    assert.equal(enabled, running);
    return value;
  });
  const world = makeSlots(4);
  const counters = events.map((event) => world.cpu.openCounter({ event }));
  for (let tick = 0; tick < 100; tick++) {
    world.pmu.advance(100);
    world.cpu.tick();
  }
  const scaled = counters.map((counter) => {
    const { value, enabled, running } = world.cpu.read(counter);
    assert.deepEqual([enabled, running], [10_000, 4000]);
    return (value * enabled) / running;
  });
  assert.deepEqual(scaled, alone);
  assertBooks(world);
});

test('prctl/prctl, on slots: DISABLE frees them all, ENABLE takes them back; values are frozen in between', () => {
  const world = makeSlots(3);
  const { cpu, pmu } = world;
  const single = cpu.openCounter({ event: CYCLES });
  const leader = cpu.openCounter({ event: INSTRUCTIONS });
  const sibling = cpu.openCounter({ event: BRANCHES, group: leader });
  const counters = [single, leader, sibling];
  const after = (ns: number): number[] => [CYCLES, INSTRUCTIONS, BRANCHES].map((event) => ns * rateOf(event));
  pmu.advance(10);
  cpu.disableCounters(cpu.root);
  assert.deepEqual(pmu.on, []);
  pmu.advance(100);
  assert.deepEqual(values(world, counters), after(10));
  cpu.enableCounters(cpu.root);
  pmu.advance(5);
  assert.deepEqual(values(world, counters), after(15));
  cpu.disableCounters(cpu.root);
  cpu.enable(single);
  assert.deepEqual(states(world, counters), ['ACTIVE', 'OFF', 'INACTIVE'], 'S23, with a slot');
  assertSchedule(world);
});

test('multithread/fork_then_read: a counter that is not inherited: the parent’s value alone, in three words', () => {
  const world = makeSlots(1);
  const { cpu } = world;
  const counter = cpu.openCounter({ event: INSTRUCTIONS });
  world.pmu.advance(1000);
  const child = cpu.fork(cpu.root, 0);
  run(world, child, 500);
  assert.deepEqual([...cpu.readFormat(counter, 3)], [BigInt(1000 * rateOf(INSTRUCTIONS)), 1000n, 1000n]);
});

test('multithread/lots_of_forks: many tasks with inherited groups on shared slots, and nothing is left', () => {
  const world = makeWorld({ ...SMALL, tasks: 256, contexts: 256, counters: 1024 }, 2);
  const { cpu, region } = world;
  const leader = cpu.openCounter({ event: CYCLES, inherit: true });
  cpu.openCounter({ event: INSTRUCTIONS, inherit: true, inheritStat: true, group: leader });
  const single = cpu.openCounter({ event: BRANCHES, inherit: true });
  let tasks: number[] = [];
  for (let round = 0; round < 50; round++) {
    for (const parent of [cpu.root, ...tasks].slice(0, 20)) tasks.push(cpu.fork(parent, 0));
    for (const task of tasks) run(world, task, 1);
    cpu.tick();
    assertSchedule(world);
    for (const task of tasks.slice(round % 20)) cpu.exit(task);
    tasks = tasks.slice(0, round % 20);
  }
  for (const task of tasks) cpu.exit(task);
  const [cycles, instructions] = cpu.readGroup(leader);
  const branches = cpu.read(single);
  assert.equal(cycles!.running * rateOf(INSTRUCTIONS), instructions!.value);
  assert.equal(branches.value, branches.running * rateOf(BRANCHES));
  assert.equal(cycles!.enabled, branches.enabled);
  assert.equal(
    cycles!.running + branches.running,
    cycles!.enabled,
    'the group or the single, all of the time',
  );
  assertBooks(world);
  cpu.shutdown();
  assert.deepEqual(world.pmu.on, []);
  cpu.close(leader);
  assert.equal(liveSlots(region).contexts, 1, 'the others can still be read');
});

test('multithread/open_fork_close_kill: counters closed while their children run and end in any order', () => {
  for (let order = 0; order < 24; order++) {
    const world = makeSlots(2);
    const { cpu, region } = world;
    const task = cpu.fork(cpu.root, 0);
    const counter = cpu.openCounter({ event: CYCLES, task, inherit: true });
    const sibling = cpu.openCounter({ event: BRANCHES, task, inherit: true, group: counter });
    const child = cpu.fork(task, 0);
    run(world, child, 10);
    const steps = [
      () => cpu.close(counter),
      () => cpu.close(sibling),
      () => cpu.exit(child),
      () => cpu.exit(task),
    ];
    for (let left = order, step = 4; step > 0; left = Math.trunc(left / step), step--) {
      steps.splice(left % step, 1)[0]!();
      world.pmu.advance(1);
      cpu.tick();
      assertSchedule(world);
    }
    assert.deepEqual(world.pmu.on, []);
    assertQuiet(region);
  }
});
