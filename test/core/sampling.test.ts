/**
 * Overflows: how many, when the host hears of them and in which words, and what limit and throttle stop (3.17). The
 * `overflow` tests of perf_event_tests (pet) are here, with exact numbers.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CounterHandle,
  CPU_CLOCK,
  FORKS,
  FORMAT_ID,
  FORMAT_LOST,
  LATE,
  TASK_CLOCK,
  TASK_SWITCHES,
  T_SEQ,
  WALL,
  threadWord,
} from '#core/index.js';
import { CYCLES, INSTRUCTIONS } from '#sim/hardware.js';
import { rateOf } from './hand-pmu.ts';
import { assertSchedule, makeSlots, stateName, states } from './schedule.ts';
import { type World, addCpu, liveSlots, makeRegion, makeWorld, run } from './world.ts';

type Heard = [counter: CounterHandle, poll: 'in' | 'hup', overflows: number];

/** Everything the host hears from now on. The books are closed whenever it does. */
function listen({ cpu, region }: World): Heard[] {
  const heard: Heard[] = [];
  cpu.onOverflow = (...notice) => {
    assert.equal(region.i32[threadWord(region.layout, cpu.index) + T_SEQ]! & 1, 0, 'outside of the section');
    heard.push(notice);
  };
  return heard;
}

/** How often this counter was told POLL_IN and POLL_HUP. */
function told(heard: readonly Heard[], counter: CounterHandle): [inCount: number, hupCount: number] {
  const sum = (poll: string): number =>
    heard.reduce((total, [c, kind, n]) => total + (c === counter && kind === poll ? n : 0), 0);
  return [sum('in'), sum('hup')];
}

test('an overflow comes after each period; several in one reading are all counted', () => {
  const world = makeWorld();
  const heard = listen(world);
  const counter = world.cpu.openCounter({ event: CPU_CLOCK, period: 100 });
  for (const ns of [99, 1, 99, 1 + 100 + 250, 50]) {
    world.pmu.advance(ns);
    world.cpu.fold();
  }
  assert.deepEqual(heard, [
    [counter, 'in', 1],
    [counter, 'in', 4],
    [counter, 'in', 1],
  ]);
  assert.equal(world.cpu.read(counter).value, 600, 'the value is counted as ever');
});

test('overflow/overflow_large (pet): a huge period never fires and is exact; beyond 2^53 it is EINVAL', () => {
  const world = makeWorld();
  const heard = listen(world);
  const before = liveSlots(world.region);
  for (const period of [0, -1, 0.5, 2 ** 53 + 2, Number.NaN]) {
    assert.throws(() => world.cpu.openCounter({ event: CPU_CLOCK, period }), { code: 'EINVAL' });
  }
  assert.deepEqual(liveSlots(world.region), before);
  const counter = world.cpu.openCounter({ event: CPU_CLOCK, period: 2 ** 53 });
  world.pmu.advance(2 ** 52);
  world.cpu.fold();
  world.pmu.advance(2 ** 52 - 1);
  world.cpu.fold();
  assert.deepEqual(heard, []);
  world.cpu.setPeriod(counter, 3);
  world.pmu.advance(2 ** 40);
  world.cpu.fold();
  assert.deepEqual(heard, [[counter, 'in', (2 ** 40 - 1) / 3]]);
});

test('every event but wall can be sampled: hardware, clocks, switches, forks, late work', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  const heard = listen(world);
  const open = (event: number, period: number): CounterHandle => cpu.openCounter({ event, period });
  const cycles = open(CYCLES, 10 * rateOf(CYCLES));
  const forks = open(FORKS, 2);
  const late = open(LATE, 30);
  const switches = cpu.openCounter({ event: TASK_SWITCHES, thread: true, period: 3 });
  pmu.advance(25);
  const tasks = [1, 2, 3, 4].map(() => cpu.fork(cpu.root, 0));
  for (const task of tasks) run(world, task, 1);
  cpu.exit(tasks[3]!);
  pmu.advance(70);
  cpu.switchTo(cpu.root);
  cpu.fold();
  assert.deepEqual(
    [cycles, forks, late, switches].map((counter) => told(heard, counter)[0]),
    [2, 2, 2, 1],
  );
  assert.throws(() => open(WALL, 10), { code: 'EINVAL' });
});

test('overflow/single_shot_overflow (pet): REFRESH(1) ten times: ten POLL_HUP, no POLL_IN', () => {
  const world = makeSlots(1);
  const heard = listen(world);
  const counter = world.cpu.openCounter({ event: CYCLES, period: 100 * rateOf(CYCLES), disabled: true });
  for (let shot = 0; shot < 10; shot++) {
    world.cpu.refresh(counter, 1);
    world.pmu.advance(150);
    world.cpu.fold();
    assert.equal(stateName(world, counter), 'OFF');
    world.pmu.advance(1000);
  }
  assert.deepEqual(told(heard, counter), [0, 10]);
  assert.equal(world.cpu.read(counter).running, 1500, 'it stops with the reading that shows the overflow');
});

test('overflow/single_shot_w_enable (pet): an ENABLE without a limit in between: one POLL_IN, nine POLL_HUP', () => {
  const world = makeWorld();
  const heard = listen(world);
  const counter = world.cpu.openCounter({ event: CPU_CLOCK, period: 100, disabled: true });
  for (let shot = 0; shot < 10; shot++) {
    if (shot === 5) world.cpu.enable(counter);
    else world.cpu.refresh(counter, 1);
    world.pmu.advance(100);
    world.cpu.fold();
  }
  assert.deepEqual(told(heard, counter), [1, 9]);
});

test('ioctl/ioctl_2_refresh (pet): chained REFRESH: all that was asked for, then none; not sampling is EINVAL', () => {
  const world = makeWorld();
  const heard = listen(world);
  const counter = world.cpu.openCounter({ event: CPU_CLOCK, period: 10, disabled: true });
  world.cpu.refresh(counter, 400);
  world.cpu.refresh(counter, 600);
  for (let i = 0; i < 300; i++) {
    world.pmu.advance(45);
    world.cpu.fold();
  }
  assert.deepEqual(told(heard, counter), [999, 1]);
  const plain = world.cpu.openCounter({ event: CPU_CLOCK });
  const family = world.cpu.openCounter({ event: CPU_CLOCK, period: 10, inherit: true });
  for (const [handle, count] of [
    [plain, 1],
    [family, 1],
    [counter, 0],
    [counter, 2 ** 31],
    [counter, 1.5],
  ] as const)
    assert.throws(() => world.cpu.refresh(handle, count), { code: 'EINVAL' });
  world.cpu.refresh(counter, 2 ** 31 - 1);
  world.cpu.refresh(counter, 2 ** 31 - 1);
  world.pmu.advance(10);
  world.cpu.fold();
  assert.equal(stateName(world, counter), 'INACTIVE', 'the limit does not wrap');
});

test('overflow/simul_oneshot_group_overflow (pet): two one-shot members, each the right number of times (H40)', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  const heard = listen(world);
  const leader = cpu.openCounter({ event: CYCLES, period: 100 * rateOf(CYCLES), disabled: true });
  const sibling = cpu.openCounter({
    event: INSTRUCTIONS,
    period: 40 * rateOf(INSTRUCTIONS),
    group: leader,
    disabled: true,
  });
  for (let round = 0; round < 3; round++) {
    cpu.refresh(leader, 1);
    cpu.refresh(sibling, 2);
    for (let i = 0; i < 12; i++) {
      pmu.advance(10);
      cpu.fold();
      assertSchedule(world);
    }
    assert.deepEqual(states(world, [leader, sibling]), ['OFF', 'OFF']);
  }
  assert.deepEqual(told(heard, leader), [0, 3]);
  assert.deepEqual(told(heard, sibling), [3, 3]);
  assert.deepEqual(pmu.on, []);
});

test('a limit used up in the middle of a reading: no overflow beyond it is told', () => {
  const world = makeWorld();
  const heard = listen(world);
  const counter = world.cpu.openCounter({ event: CPU_CLOCK, period: 10, disabled: true });
  world.cpu.refresh(counter, 3);
  world.pmu.advance(95);
  world.cpu.fold();
  assert.deepEqual(heard, [
    [counter, 'in', 2],
    [counter, 'hup', 1],
  ]);
});

test('ioctl/ioctl_4_period (pet): a new period counts from now; 0, beyond 2^53 and no period are EINVAL', () => {
  const world = makeWorld();
  const heard = listen(world);
  const counter = world.cpu.openCounter({ event: CPU_CLOCK, period: 1000 });
  world.pmu.advance(999);
  world.cpu.setPeriod(counter, 10);
  world.pmu.advance(9);
  world.cpu.fold();
  assert.deepEqual(heard, []);
  world.pmu.advance(1);
  world.cpu.fold();
  assert.deepEqual(heard, [[counter, 'in', 1]]);
  const plain = world.cpu.openCounter({ event: CPU_CLOCK, inherit: true });
  for (const period of [0, 2 ** 53 + 2, -1, 1.5])
    assert.throws(() => world.cpu.setPeriod(counter, period), { code: 'EINVAL' });
  assert.throws(() => world.cpu.setPeriod(plain, 10), { code: 'EINVAL' });
});

test('an inherited counter overflows as its original; the family shares one period', () => {
  const world = makeWorld();
  const { cpu } = world;
  const heard = listen(world);
  const counter = cpu.openCounter({ event: TASK_CLOCK, period: 100, inherit: true, inheritStat: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  for (const task of [a, b]) run(world, task, 60);
  cpu.exit(b);
  cpu.exit(a);
  assert.deepEqual(heard, [[counter, 'in', 1]]);
  assert.deepEqual(cpu.read(counter), { value: 120, enabled: 120, running: 120, lost: 0 });
});

test('throttle: ACTIVE and its times run, but it does not count until the next tick; what is lost is shown', () => {
  for (const event of [CYCLES, CPU_CLOCK]) {
    const world = makeSlots(1);
    const { cpu, pmu } = world;
    const heard = listen(world);
    cpu.overflowsPerTick = 3;
    const rate = rateOf(event);
    const counter = cpu.openCounter({ event, period: 10 * rate });
    for (let i = 0; i < 10; i++) {
      pmu.advance(10);
      cpu.fold();
    }
    assert.equal(stateName(world, counter), event === CYCLES ? 'ACTIVE' : 'INACTIVE');
    const reading = { value: 30 * rate, enabled: 100, running: 100, lost: 70 * rate };
    assert.deepEqual(cpu.read(counter), reading);
    const [value, id, lost] = cpu.readFormat(counter, FORMAT_ID | FORMAT_LOST);
    assert.deepEqual([value, id, lost], [BigInt(30 * rate), BigInt(cpu.idOf(counter)), BigInt(70 * rate)]);
    cpu.tick();
    pmu.advance(5);
    assert.equal(cpu.read(counter).value, 35 * rate, 'from the tick on it counts again');
    pmu.advance(5);
    cpu.fold();
    assert.deepEqual(told(heard, counter), [4, 0]);
  }
});

test('throttle: a tick while another task ran ends it as well; one reading with too many overflows tells the limit', () => {
  const world = makeWorld();
  const { cpu, pmu } = world;
  const heard = listen(world);
  cpu.overflowsPerTick = 2;
  const task = cpu.fork(cpu.root, 0);
  const counter = cpu.openCounter({ event: CPU_CLOCK, period: 10, task });
  run(world, task, 50);
  run(world, cpu.root, 7);
  cpu.tick();
  pmu.advance(7);
  run(world, task, 4);
  assert.deepEqual(cpu.read(counter), { value: 54, enabled: 54, running: 54, lost: 0 });
  assert.deepEqual(told(heard, counter), [2, 0]);
});

test('what the host does when it hears of an overflow: anything; overflows of its own doing come after', () => {
  const world = makeWorld();
  const { cpu, pmu, region } = world;
  const counter = cpu.openCounter({ event: CPU_CLOCK, period: 10 });
  const other = cpu.openCounter({ event: CPU_CLOCK, period: 25 });
  const calls: string[] = [];
  cpu.onOverflow = (handle) => {
    calls.push(handle === counter ? 'in' : 'other');
    if (calls.length > 1) return;
    pmu.advance(30);
    assert.equal(cpu.read(other).value, 40);
    assert.deepEqual(calls, ['in'], 'not while it is being told of one');
    cpu.switchTo(cpu.fork(cpu.root, 0));
    cpu.exit(cpu.current);
    cpu.close(counter);
  };
  pmu.advance(10);
  cpu.fold();
  assert.deepEqual(calls, ['in', 'other']);
  cpu.close(other);
  assert.equal(liveSlots(region).counters, 0);
});

test('a host that throws loses that notice alone: the others are told at the next method', () => {
  const world = makeWorld();
  const counters = [20, 10].map((period) => world.cpu.openCounter({ event: CPU_CLOCK, period }));
  const heard: CounterHandle[] = [];
  world.cpu.onOverflow = (counter) => {
    if (heard.push(counter) === 1) throw new Error('of the host');
  };
  world.pmu.advance(20);
  assert.throws(() => world.cpu.fold(), /of the host/);
  world.cpu.read(counters[0]!);
  assert.deepEqual(heard, counters);
});

test('signal_after_close, overflow_close_bug (pet): nothing is told of a counter closed with overflows under way', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const heard = listen(world);
  for (const limit of [0, 1]) {
    const counter = cpu.openCounter({ event: CYCLES, period: rateOf(CYCLES), disabled: true });
    if (limit === 0) cpu.enable(counter);
    else cpu.refresh(counter, limit);
    pmu.advance(10);
    cpu.close(counter);
    pmu.advance(10);
    cpu.fold();
  }
  assert.deepEqual(heard, []);
  assert.deepEqual(pmu.on, []);
  assert.equal(liveSlots(world.region).counters, 0);
});

test('another thread’s task: REFRESH and PERIOD arrive with their values, and its host hears', () => {
  const region = makeRegion();
  const [a, b] = [addCpu(region, 0), addCpu(region, 1)];
  const heard = listen({ region, ...b });
  const counter = a.cpu.openCounter({ event: CPU_CLOCK, task: b.cpu.root, period: 1000, disabled: true });
  a.cpu.setPeriod(counter, 10);
  a.cpu.refresh(counter, 2);
  b.cpu.fold();
  b.pmu.advance(100);
  b.cpu.fold();
  assert.deepEqual(heard, [
    [counter, 'in', 1],
    [counter, 'hup', 1],
  ]);
  a.cpu.close(counter);
  b.cpu.fold();
  assert.equal(liveSlots(region).counters, 0);
});
