/**
 * The kernel's own tests of attributes, groups and errors (perf_event_tests, sections attr_fields, corner_cases,
 * multiplexing, error_returns, bugs, crashes), on a PMU with few slots, with exact numbers. The name of each test is its
 * origin; docs/perf-counter.md lists them all.
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
import { assertSchedule, makeSlots, stateName } from './schedule.ts';
import { SMALL, type World, addCpu, assertQuiet, liveSlots, makeRegion, makeWorld, run } from './world.ts';

const END_OF_FILE = { value: 0, enabled: 0, running: 0, eof: true };

/** So many counters, hardware events in turn; each with these attributes. */
function openMany(
  world: World,
  count: number,
  attributes: object = {},
): { event: number; counter: CounterHandle }[] {
  return Array.from({ length: count }, (_, i) => {
    const event = HARDWARE[i % HARDWARE.length]!;
    return { event, counter: world.cpu.openCounter({ event, ...attributes }) };
  });
}

/** Ten ticks of 10 ns for each of the counters. */
function runTicks({ cpu, pmu }: World, count: number): void {
  for (let tick = 0; tick < 10 * count; tick++) {
    pmu.advance(10);
    cpu.tick();
  }
}

test('attr_fields/pinned (a): one pinned event is exact', () => {
  const world = makeSlots(4);
  const [{ event, counter }] = openMany(world, 1, { pinned: true }) as [{ event: number; counter: number }];
  runTicks(world, 20);
  assert.deepEqual(world.cpu.read(counter), { value: 2000 * rateOf(event), enabled: 2000, running: 2000 });
});

test('attr_fields/pinned (b): of twenty unpinned none runs all the time', () => {
  const world = makeSlots(4);
  const counters = openMany(world, 20);
  runTicks(world, 20);
  for (const { event, counter } of counters) {
    const { value, enabled, running } = world.cpu.read(counter);
    assert.deepEqual([enabled, running, value], [2000, 400, 400 * rateOf(event)]);
  }
});

test('attr_fields/pinned (c): of twenty exactly the pinned one does, and is exact', () => {
  const world = makeSlots(4);
  const before = openMany(world, 10);
  const [pinned] = openMany(world, 1, { pinned: true });
  const counters = [...before, ...openMany(world, 9)];
  runTicks(world, 20);
  assert.deepEqual(world.cpu.read(pinned!.counter), {
    value: 2000 * rateOf(CYCLES),
    enabled: 2000,
    running: 2000,
  });
  for (const { counter } of counters) assert.ok(world.cpu.read(counter).running < 2000);
});

test('attr_fields/pinned (d): twenty pinned: each is exact or at end of file, 0 bytes', () => {
  const world = makeSlots(4);
  const counters = openMany(world, 20, { pinned: true });
  runTicks(world, 20);
  const readings = counters.map(({ counter }) => world.cpu.read(counter));
  const exact = readings.filter(({ eof }) => eof !== true);
  assert.deepEqual(
    exact.map(({ enabled, running }) => [enabled, running]),
    Array.from({ length: 4 }, () => [2000, 2000]),
  );
  for (const { counter } of counters.slice(4)) {
    assert.deepEqual(world.cpu.read(counter), END_OF_FILE);
    assert.equal(world.cpu.readFormat(counter, 7).byteLength, 0);
    assert.equal(world.cpu.readFormat(counter, FORMAT_GROUP | FORMAT_ID).byteLength, 0);
    assert.deepEqual(world.cpu.readGroup(counter), []);
    assert.equal(world.cpu.readInto(counter, 7, new BigUint64Array(0)), 0);
    assert.throws(() => world.cpu.readFormat(counter, 32), { code: 'EINVAL' });
  }
});

test('C7: a pinned counter that cannot go on is in ERROR; DISABLE leaves it there, ENABLE tries again', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const counter = cpu.openCounter({ event: CYCLES, pinned: true });
  pmu.advance(10);
  cpu.switchTo(cpu.fork(cpu.root, 0));
  pmu.refused.add(CYCLES);
  cpu.switchTo(cpu.root);
  assert.equal(stateName(world, counter), 'ERROR');
  pmu.advance(100);
  cpu.disable(counter);
  cpu.enable(counter);
  assert.equal(stateName(world, counter), 'ERROR', 'tried again, refused again');
  pmu.refused.clear();
  cpu.tick();
  assert.deepEqual(cpu.read(counter), END_OF_FILE, 'not by itself');
  cpu.enable(counter);
  pmu.advance(5);
  assert.deepEqual(cpu.read(counter), { value: 15 * rateOf(CYCLES), enabled: 15, running: 15 });
  pmu.refused.add(CYCLES);
  cpu.switchTo(cpu.fork(cpu.root, 0));
  cpu.switchTo(cpu.root);
  pmu.refused.clear();
  cpu.enableCounters(cpu.root);
  assert.equal(stateName(world, counter), 'ACTIVE', 'prctl ENABLE does, too');
});

test('attr_fields/exclusive: reads 0 while any other hardware counter is on, else counts', () => {
  const world = makeSlots(4);
  const { cpu, pmu } = world;
  const watchdog = cpu.openCounter({ event: CYCLES, thread: true, pinned: true });
  const exclusive = cpu.openCounter({ event: INSTRUCTIONS, exclusive: true });
  runTicks(world, 2);
  assert.deepEqual(cpu.read(exclusive), { value: 0, enabled: 200, running: 0 });
  cpu.close(watchdog);
  pmu.advance(7);
  assert.equal(cpu.read(exclusive).value, 7 * rateOf(INSTRUCTIONS));
});

test('attr_fields/inherit_stat: the total of the family is exactly 9 times one, on shared slots', () => {
  const world = makeSlots(1);
  const { cpu } = world;
  const all = cpu.openCounter({ event: CYCLES, inherit: true, inheritStat: true });
  world.pmu.advance(100);
  const tasks = Array.from({ length: 8 }, () => cpu.fork(cpu.root, 0));
  for (let round = 0; round < 10; round++) for (const task of tasks) run(world, task, 10);
  for (const task of tasks) cpu.exit(task);
  assert.equal(cpu.read(all).value, 900 * rateOf(CYCLES));
});

test('attr_fields/format_id_support: FORMAT_ID alone gives two words', () => {
  const { cpu } = makeSlots(1);
  const counter = cpu.openCounter({ event: CYCLES });
  assert.deepEqual([...cpu.readFormat(counter, FORMAT_ID)], [0n, BigInt(cpu.idOf(counter))]);
});

test('corner_cases/wrong_size_enospc: a buffer too short for the read is ENOSPC and stays as it was', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  const leader = cpu.openCounter({ event: CYCLES });
  cpu.openCounter({ event: INSTRUCTIONS, group: leader });
  pmu.advance(10);
  const buffer = new BigUint64Array([1n, 1n, 1n]);
  assert.throws(() => cpu.readInto(leader, FORMAT_GROUP | FORMAT_ID, buffer), { code: 'ENOSPC' });
  assert.deepEqual([...buffer], [1n, 1n, 1n]);
  assert.equal(cpu.readInto(leader, FORMAT_GROUP, buffer), 3);
  assert.deepEqual([...buffer], [2n, BigInt(10 * rateOf(CYCLES)), BigInt(10 * rateOf(INSTRUCTIONS))]);
});

test('error_returns: pinned and exclusive on a sibling are EINVAL, and leave nothing (I45)', () => {
  const { cpu, region } = makeSlots(4);
  const group = cpu.openCounter({ event: CYCLES });
  const before = liveSlots(region);
  for (const attributes of [{ pinned: true }, { exclusive: true }, { period: 0 }, { period: 2 ** 53 + 2 }])
    assert.throws(() => cpu.openCounter({ event: CYCLES, group, ...attributes }), { code: 'EINVAL' });
  assert.deepEqual(liveSlots(region), before);
});

test('error_returns: no room for the slots of a family or its sampling is ENOSPC, and leaves nothing (I45)', () => {
  for (const counters of [1, 2, 3]) {
    const { cpu, region } = makeWorld({ ...SMALL, counters: counters + 2 });
    const task = cpu.fork(cpu.root, 0);
    const held = [cpu.openCounter({ event: TASK_CLOCK, task }), cpu.openCounter({ event: TASK_CLOCK, task })];
    const before = liveSlots(region);
    const attributes = { event: TASK_CLOCK, task, inherit: true, period: 10 };
    if (counters < 3) assert.throws(() => cpu.openCounter(attributes), { code: 'ENOSPC' });
    else held.push(cpu.openCounter(attributes));
    if (counters < 3) assert.deepEqual(liveSlots(region), before);
    cpu.exit(task);
    for (const counter of held) cpu.close(counter);
    assertQuiet(region);
  }
});

test('bugs/check_schedulability: a group that can never be on is refused at open, with a sentence', () => {
  const { cpu, region } = makeSlots(2);
  const group = cpu.openCounter({ event: CYCLES });
  cpu.openCounter({ event: INSTRUCTIONS, group, disabled: true });
  cpu.openCounter({ event: TASK_CLOCK, group });
  const before = liveSlots(region);
  assert.throws(() => cpu.openCounter({ event: BRANCHES, group }), {
    code: 'EINVAL',
    message: /3 counters of hardware events are more than this machine counts at once.*fewer in one group/,
  });
  assert.deepEqual(liveSlots(region), before);
  assert.ok(cpu.openCounter({ event: BRANCHES }) > 0, 'alone it can');
});

test('bugs/peo_zero_return: an open that succeeds gives a counter that can be used, never 0', () => {
  const world = makeSlots(1);
  for (const { counter } of openMany(world, 20)) {
    assert.ok(counter > 0);
    world.cpu.read(counter);
    world.cpu.close(counter);
  }
});

test('crashes/pe_inherit_memleak: an inherited leader with siblings leaves nothing when the child exits (H20)', () => {
  const world = makeSlots(3);
  const { cpu, region } = world;
  const leader = cpu.openCounter({ event: CYCLES, inherit: true });
  for (const event of [INSTRUCTIONS, TASK_SWITCHES, BRANCHES])
    cpu.openCounter({ event, inherit: true, group: leader });
  const before = liveSlots(region);
  for (let i = 0; i < 10; i++) {
    const child = cpu.fork(cpu.root, 0);
    run(world, child, 10);
    assertSchedule(world);
    cpu.exit(child);
  }
  cpu.switchTo(cpu.root);
  assert.deepEqual(liveSlots(region), before);
  assert.deepEqual(
    cpu.readGroup(leader).map(({ running }) => running),
    [100, 100, 100, 100],
  );
});

test('crashes/pe_task_schedule_panic: the last counter of a running task is closed, then it is switched (H20)', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const task = cpu.fork(cpu.root, 0);
  const counter = cpu.openCounter({ event: CYCLES, task });
  run(world, task, 10);
  cpu.close(counter);
  assert.deepEqual(pmu.on, []);
  for (const next of [cpu.root, task, cpu.root]) {
    cpu.switchTo(next);
    cpu.tick();
    assertSchedule(world);
  }
  const again = cpu.openCounter({ event: CPU_CLOCK, task });
  run(world, task, 3);
  assert.equal(cpu.read(again).value, 3);
});

test('C6: attaching to another thread’s task at each point of its life: it counts, or it is ESRCH', () => {
  const points: [
    name: string,
    counts: number | 'ESRCH',
    at: (b: ReturnType<typeof addCpu>, task: number) => void,
  ][] = [
    ['never ran', 10, () => {}],
    ['running', 10, ({ cpu }, task) => cpu.switchTo(task)],
    ['has run', 10, ({ cpu }, task) => [task, cpu.root].forEach((next) => cpu.switchTo(next))],
    ['has exited', 'ESRCH', ({ cpu }, task) => cpu.exit(task)],
  ];
  for (const [name, expected, reach] of points) {
    const region = makeRegion();
    const [a, b] = [addCpu(region, 0, 1), addCpu(region, 1, 1)];
    const task = b.cpu.fork(b.cpu.root, 0);
    reach(b, task);
    const open = (): CounterHandle => a.cpu.openCounter({ event: CYCLES, task });
    if (expected === 'ESRCH') {
      assert.throws(open, { code: 'ESRCH' }, name);
      continue;
    }
    const counter = open();
    b.cpu.fold();
    run(b, task, 10);
    b.cpu.fold();
    assertSchedule({ region, ...b });
    assert.equal(a.cpu.read(counter).value, expected * rateOf(CYCLES), name);
  }
});
