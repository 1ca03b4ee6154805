/**
 * Groups on a PMU with few slots: all or nothing, in order of their classes, taking turns (sections 3.5 to 3.10 of the
 * kernel's behaviour). Every number is exact.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CounterHandle, CPU_CLOCK, LATE, TASK_CLOCK, TASK_SWITCHES, WALL } from '#core/index.js';
import { BRANCHES, CYCLES, INSTRUCTIONS } from '#sim/hardware.js';
import { HARDWARE, rateOf } from './hand-pmu.ts';
import { assertSchedule, byNumber, makeSlots, stateName, states } from './schedule.ts';
import { type World, addCpu, assertQuiet, makeRegion, run } from './world.ts';

/** A reading whose value is what the event counts in its running time. */
const counted = (event: number, enabled: number, running: number): object => ({
  value: running * rateOf(event),
  enabled,
  running,
});

/** A group of these events on the running task, or as `attributes` say. */
function openGroup(world: World, events: readonly number[], attributes: object = {}): CounterHandle[] {
  const members: CounterHandle[] = [];
  for (const event of events) {
    const [group] = members;
    const own =
      group === undefined ? attributes : { thread: 'thread' in attributes ? true : undefined, group };
    members.push(world.cpu.openCounter({ event, ...own } as { event: number }));
  }
  return members;
}

test('a group is on as a whole or not at all; what was tried is undone', () => {
  const world = makeSlots(3);
  const { cpu, pmu } = world;
  const first = openGroup(world, [CYCLES, INSTRUCTIONS]);
  const second = openGroup(world, [CYCLES, BRANCHES]);
  assert.deepEqual(states(world, [...first, ...second]), ['ACTIVE', 'ACTIVE', 'INACTIVE', 'INACTIVE']);
  assert.deepEqual(pmu.on.toSorted(byNumber), [CYCLES, INSTRUCTIONS]);
  assertSchedule(world);
  pmu.advance(10);
  assert.deepEqual(cpu.readGroup(first[0]!), [counted(CYCLES, 10, 10), counted(INSTRUCTIONS, 10, 10)]);
  assert.deepEqual(cpu.readGroup(second[0]!), [counted(CYCLES, 10, 0), counted(BRANCHES, 10, 0)]);
});

test('a group that grows beyond what is free leaves the PMU whole, and comes back when it shrinks', () => {
  const world = makeSlots(3);
  const { cpu, pmu } = world;
  const other = openGroup(world, [CYCLES], { pinned: true });
  const group = openGroup(world, [CYCLES, INSTRUCTIONS]);
  pmu.advance(10);
  const third = cpu.openCounter({ event: BRANCHES, group: group[0]! });
  assert.deepEqual(states(world, [...group, third]), ['INACTIVE', 'INACTIVE', 'INACTIVE']);
  pmu.advance(5);
  cpu.disable(third);
  assert.deepEqual(states(world, [...group, third]), ['ACTIVE', 'ACTIVE', 'OFF']);
  pmu.advance(1);
  assert.deepEqual(cpu.read(group[1]!), counted(INSTRUCTIONS, 16, 11));
  assert.deepEqual(cpu.read(third), counted(BRANCHES, 5, 0));
  assert.deepEqual(cpu.read(other[0]!), counted(CYCLES, 16, 16));
  assertSchedule(world);
});

test('no packing: behind the first group that cannot go on, none of its context is tried', () => {
  const world = makeSlots(3);
  const groups = [[CYCLES, INSTRUCTIONS], [CYCLES, BRANCHES], [CYCLES]].map((events) =>
    openGroup(world, events),
  );
  const leaders = groups.map(([leader]) => leader!);
  assert.deepEqual(states(world, leaders), ['ACTIVE', 'INACTIVE', 'INACTIVE'], 'the third would fit');
  world.cpu.disable(leaders[1]!);
  assert.deepEqual(states(world, leaders), ['ACTIVE', 'OFF', 'ACTIVE'], 'it waited behind the second');
});

test('software groups are on whatever the slots; in a group with hardware events they wait with it', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  cpu.openCounter({ event: CYCLES, exclusive: true });
  const alone = cpu.openCounter({ event: TASK_CLOCK });
  const mixed = openGroup(world, [TASK_CLOCK, CYCLES]);
  pmu.advance(10);
  assert.deepEqual(cpu.read(alone), counted(TASK_CLOCK, 10, 10));
  assert.deepEqual(cpu.readGroup(mixed[0]!), [counted(TASK_CLOCK, 10, 0), counted(CYCLES, 10, 0)]);
  cpu.close(mixed[1]!);
  pmu.advance(5);
  assert.deepEqual(
    cpu.read(mixed[0]!),
    counted(TASK_CLOCK, 15, 5),
    'without its hardware event it needs no slot',
  );
  assertSchedule(world);
});

test('wall and late run on without the task, so they cannot join hardware events: EINVAL', () => {
  const world = makeSlots(2);
  for (const event of [WALL, LATE]) {
    const software = world.cpu.openCounter({ event });
    const hardware = world.cpu.openCounter({ event: CYCLES });
    assert.throws(() => world.cpu.openCounter({ event: CYCLES, group: software }), { code: 'EINVAL' });
    assert.throws(() => world.cpu.openCounter({ event, group: hardware }), { code: 'EINVAL' });
    for (const counter of [software, hardware]) world.cpu.close(counter);
  }
});

test('slots follow the running task: off with it, on with the next; times stand still in between', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  const [ofA, ofB] = [a, b].map((task) => cpu.openCounter({ event: CYCLES, task })) as [number, number];
  run(world, a, 10);
  assert.deepEqual(states(world, [ofA, ofB]), ['ACTIVE', 'INACTIVE']);
  run(world, b, 100);
  assert.deepEqual(states(world, [ofA, ofB]), ['INACTIVE', 'ACTIVE']);
  run(world, cpu.root, 1000);
  assert.deepEqual(pmu.on, []);
  cpu.exit(a);
  run(world, b, 1);
  cpu.exit(b);
  assert.deepEqual(pmu.on, [], 'late work holds no slot');
  assert.deepEqual([cpu.read(ofA), cpu.read(ofB)], [counted(CYCLES, 10, 10), counted(CYCLES, 101, 101)]);
  for (const counter of [ofA, ofB]) cpu.close(counter);
  assertQuiet(world.region);
});

test('classes: the thread’s pinned, the task’s pinned, the thread’s flexible, the task’s flexible', () => {
  for (let slots = 1; slots <= 4; slots++) {
    const world = makeSlots(slots);
    const counters = [
      { pinned: false },
      { thread: true as const },
      { pinned: true },
      { thread: true as const, pinned: true },
    ].map((attributes) => world.cpu.openCounter({ event: CYCLES, ...attributes }));
    const expected = counters.reverse().map((_, rank) => {
      if (rank < slots) return 'ACTIVE';
      return rank < 2 ? 'ERROR' : 'INACTIVE';
    });
    assert.deepEqual(states(world, counters), expected, `${slots} slots`);
    assertSchedule(world);
  }
});

test('the thread’s flexible groups make room for a task’s pinned ones, and come back after it', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const onThread = cpu.openCounter({ event: INSTRUCTIONS, thread: true });
  const [plain, demanding] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  const flexible = cpu.openCounter({ event: CYCLES, task: plain });
  const pinned = cpu.openCounter({ event: CYCLES, task: demanding, pinned: true });
  pmu.advance(1);
  run(world, plain, 10);
  run(world, demanding, 100);
  run(world, plain, 1000);
  assert.deepEqual(cpu.read(onThread), counted(INSTRUCTIONS, 1111, 1011));
  assert.deepEqual(cpu.read(flexible), counted(CYCLES, 1010, 0));
  assert.deepEqual(cpu.read(pinned), counted(CYCLES, 100, 100));
  cpu.shutdown();
  assert.deepEqual(pmu.on, []);
});

test('exclusive: alone on the PMU, behind others in turn', () => {
  const world = makeSlots(4);
  const { cpu, pmu } = world;
  const alone = openGroup(world, [CYCLES, BRANCHES], { exclusive: true });
  const [x, y] = [cpu.openCounter({ event: CYCLES }), cpu.openCounter({ event: INSTRUCTIONS })];
  const seen: string[][] = [];
  for (let tick = 0; tick < 4; tick++) {
    assertSchedule(world);
    seen.push(states(world, [alone[0]!, x, y]));
    pmu.advance(10);
    cpu.tick();
  }
  const [exclusive, others] = [
    ['ACTIVE', 'INACTIVE', 'INACTIVE'],
    ['INACTIVE', 'ACTIVE', 'ACTIVE'],
  ];
  // From y on: y fits, then the exclusive group cannot, and x behind it is not tried.
  assert.deepEqual(seen, [exclusive, others, ['INACTIVE', 'INACTIVE', 'ACTIVE'], exclusive]);
});

test('exclusive no more: its leader is software, and its hardware sibling is closed', () => {
  const world = makeSlots(1);
  const { cpu } = world;
  const [leader, sibling] = openGroup(world, [TASK_CLOCK, CYCLES], { exclusive: true });
  const other = cpu.openCounter({ event: BRANCHES });
  assert.deepEqual(states(world, [leader!, sibling!, other]), ['ACTIVE', 'ACTIVE', 'INACTIVE']);
  cpu.close(sibling!);
  assert.deepEqual(states(world, [leader!, other]), ['INACTIVE', 'ACTIVE']);
  assertSchedule(world);
});

test('rotation begins with the next group, and only if one could not go on', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  const counters = [CYCLES, INSTRUCTIONS].map((event) => cpu.openCounter({ event }));
  const { programmed } = pmu;
  for (let tick = 0; tick < 3; tick++) cpu.tick();
  assert.equal(pmu.programmed, programmed, 'all fit: nothing is programmed again');
  counters.push(cpu.openCounter({ event: BRANCHES }));
  const on = (): number[] => counters.flatMap((c, i) => (stateName(world, c) === 'ACTIVE' ? [i] : []));
  const seen = [on()];
  for (let tick = 0; tick < 4; tick++) {
    cpu.tick();
    seen.push(on());
  }
  assert.deepEqual(seen, [
    [0, 1],
    [1, 2],
    [0, 2],
    [0, 1],
    [1, 2],
  ]);
  cpu.close(counters[1]!);
  assertSchedule(world);
  assert.deepEqual(states(world, [counters[0]!, counters[2]!]), ['ACTIVE', 'ACTIVE']);
});

test('a tick at which only the task’s groups wait leaves the thread’s where they are', () => {
  const world = makeSlots(2);
  const { cpu, pmu } = world;
  const onThread = cpu.openCounter({ event: BRANCHES, thread: true });
  const counters = [CYCLES, INSTRUCTIONS].map((event) => cpu.openCounter({ event }));
  const { programmed } = pmu;
  for (let tick = 0; tick < 3; tick++) cpu.tick();
  assert.equal(pmu.programmed, programmed + 3, 'one slot changed hands at each');
  assert.deepEqual(states(world, [onThread, ...counters]), ['ACTIVE', 'INACTIVE', 'ACTIVE']);
});

test('the thread’s groups take turns before the task’s do', () => {
  const world = makeSlots(1);
  const { cpu } = world;
  const counters = [
    cpu.openCounter({ event: CYCLES }),
    ...[CYCLES, BRANCHES].map((event) => cpu.openCounter({ event, thread: true })),
  ];
  const seen: string[][] = [];
  for (let tick = 0; tick < 3; tick++) {
    seen.push(states(world, counters));
    cpu.tick();
  }
  const [first, second] = [
    ['INACTIVE', 'ACTIVE', 'INACTIVE'],
    ['INACTIVE', 'INACTIVE', 'ACTIVE'],
  ];
  assert.deepEqual(seen, [first, second, first]);
});

test('C2: k groups on one slot, T ticks: each runs enabled / k, and the sum is the slot’s time', () => {
  for (let k = 1; k <= HARDWARE.length; k++) {
    const world = makeSlots(1);
    const { cpu, pmu } = world;
    const counters = HARDWARE.slice(0, k).map((event) => ({ event, counter: cpu.openCounter({ event }) }));
    for (let tick = 0; tick < 7 * k; tick++) {
      pmu.advance(100);
      cpu.tick();
    }
    for (const { event, counter } of counters)
      assert.deepEqual(cpu.read(counter), counted(event, 700 * k, 700), `${k} groups`);
  }
});

test('rotation goes on where a context left off; another task’s turns are its own', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const tasks = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  const counters = tasks.map((task) => [CYCLES, BRANCHES].map((event) => cpu.openCounter({ event, task })));
  for (const task of [tasks[0]!, tasks[1]!, tasks[0]!, tasks[1]!]) {
    cpu.switchTo(task);
    pmu.advance(10);
    cpu.tick();
    pmu.advance(1);
  }
  const running = counters.map((pair) => pair.map((counter) => cpu.read(counter).running));
  assert.deepEqual(running, [
    [11, 11],
    [11, 11],
  ]);
});

test('a leader that is closed leaves its siblings where they are: ACTIVE alone', () => {
  const world = makeSlots(3);
  const { cpu, pmu } = world;
  const [leader, hardware, software] = openGroup(world, [CYCLES, BRANCHES, TASK_SWITCHES], { pinned: true });
  pmu.advance(10);
  cpu.close(leader!);
  assert.deepEqual(
    states(world, [hardware!, software!]),
    ['ACTIVE', 'INACTIVE'],
    'software needs no slot now',
  );
  assertSchedule(world);
  pmu.advance(5);
  assert.deepEqual(cpu.read(hardware!), counted(BRANCHES, 15, 15));
  assert.deepEqual(cpu.read(software!), { value: 0, enabled: 15, running: 15 });
});

test('siblings of a leader that is OFF or in ERROR are not enabled (effective state)', () => {
  const world = makeSlots(1);
  const { cpu, pmu } = world;
  const group = openGroup(world, [CYCLES, CPU_CLOCK], { disabled: true });
  pmu.advance(10);
  assert.deepEqual(cpu.readGroup(group[0]!), [counted(CYCLES, 0, 0), counted(CPU_CLOCK, 0, 0)]);
  cpu.enable(group[0]!);
  pmu.advance(5);
  assert.deepEqual(cpu.readGroup(group[0]!), [counted(CYCLES, 5, 5), counted(CPU_CLOCK, 5, 5)]);
});

test('a thread that died with slots: its counters end as of its last switch, and nothing is left', () => {
  const region = makeRegion();
  const [a, b] = [addCpu(region, 0, 2), addCpu(region, 1, 2)];
  const task = b.cpu.fork(b.cpu.root, 0);
  const counter = a.cpu.openCounter({ event: CYCLES, task });
  const onThread = b.cpu.openCounter({ event: BRANCHES, thread: true });
  run(b, task, 10);
  b.cpu.fold();
  b.pmu.advance(1000);
  a.cpu.reap(1);
  assert.deepEqual(a.cpu.read(counter), counted(CYCLES, 10, 10));
  assert.deepEqual(a.cpu.read(onThread), counted(BRANCHES, 10, 10));
  assert.deepEqual(states({ region, ...a }, [counter, onThread]), ['EXIT', 'EXIT']);
  for (const handle of [counter, onThread]) a.cpu.close(handle);
  assertQuiet(region);
});
