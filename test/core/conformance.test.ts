/**
 * Conformance cases of the kernel's own tests, with exact numbers: the hand-driven PMU adds nothing by itself. Origins
 * in brackets: perf_event_tests (pet), tools/perf/tests (perf), bug numbers of docs/perf-counter.md.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CPU_CLOCK,
  E_F64_VALUES,
  FORMAT_GROUP,
  FORMAT_ID,
  FORMAT_LOST,
  FORMAT_TOTAL_TIME_ENABLED,
  FORMAT_TOTAL_TIME_RUNNING,
  TASK_CLOCK,
  TASK_SWITCHES,
  T_F64_RING_HEAD,
  WALL,
  ringF64,
  threadF64,
} from '#core/index.js';
import { SMALL, assertQuiet, contextOf, liveSlots, makeWorld, run } from './world.ts';

const reading = (ns: number): object => ({ value: ns, enabled: ns, running: ns });

/** A value of the last exit event. */
function lastExit({ region, cpu }: ReturnType<typeof makeWorld>, event: number): number {
  const head = region.f64[threadF64(region.layout, cpu.index) + T_F64_RING_HEAD]!;
  return region.f64[ringF64(region.layout, cpu.index, (head - 1) % SMALL.ring) + E_F64_VALUES + event]!;
}

test('C1: a counter alone: enabled = running = time on the thread since enabled, count = events', () => {
  const world = makeWorld();
  const task = world.cpu.fork(world.cpu.root, 0);
  run(world, task, 1000);
  const clock = world.cpu.openCounter({ event: CPU_CLOCK, task });
  const cpuTime = world.cpu.openCounter({ event: TASK_CLOCK, task });
  world.pmu.advance(300, 100);
  run(world, world.cpu.root, 5000);
  run(world, task, 7);
  assert.deepEqual(world.cpu.read(clock), reading(307));
  assert.deepEqual(world.cpu.read(cpuTime), { value: 207, enabled: 307, running: 307 });
});

for (const inheritStat of [false, true]) {
  test(`C3: a family of n tasks: n × w + own, whatever the switches (inherit_stat ${inheritStat})`, () => {
    const world = makeWorld();
    const { cpu } = world;
    const counter = cpu.openCounter({ event: TASK_CLOCK, inherit: true, inheritStat });
    world.pmu.advance(50);
    const tasks = Array.from({ length: 10 }, () => cpu.fork(cpu.root, 0));
    for (let round = 0; round < 5; round++) for (const task of tasks) run(world, task, 20);
    assert.deepEqual(cpu.read(counter), reading(1050), 'the living count, too');
    for (const task of tasks) cpu.exit(task);
    assert.deepEqual(cpu.read(counter), reading(1050));
    cpu.close(counter);
    cpu.shutdown();
    assertQuiet(world.region, 0);
  });
}

test('C4: inherit_stat: per-task values are exact after any number of switches', () => {
  const world = makeWorld();
  const { cpu } = world;
  cpu.openCounter({ event: TASK_CLOCK, inherit: true, inheritStat: true });
  cpu.openCounter({ event: TASK_SWITCHES, inherit: true });
  const tasks = [1, 2, 3].map((n) => ({ n, task: cpu.fork(cpu.root, 0) }));
  for (let round = 0; round < 4; round++) for (const { n, task } of tasks) run(world, task, n * 10);
  for (const { n, task } of tasks) {
    cpu.exit(task);
    assert.equal(lastExit(world, TASK_CLOCK), n * 40);
    assert.equal(lastExit(world, TASK_SWITCHES), 4);
  }
});

test('C5: close order: every permutation of leader, siblings, task exit and child exit ends with nothing left', () => {
  for (const order of permutations(['leader', 'sibling 1', 'sibling 2', 'task', 'child'])) {
    const { cpu, region } = makeWorld();
    const task = cpu.fork(cpu.root, 0);
    const leader = cpu.openCounter({ event: TASK_CLOCK, task, inherit: true });
    const s1 = cpu.openCounter({ event: CPU_CLOCK, task, inherit: true, group: leader });
    const s2 = cpu.openCounter({ event: WALL, task, inherit: true, group: leader });
    const child = cpu.fork(task, 0);
    const steps: Record<string, () => void> = {
      leader: () => cpu.close(leader),
      'sibling 1': () => cpu.close(s1),
      'sibling 2': () => cpu.close(s2),
      task: () => cpu.exit(task),
      child: () => cpu.exit(child),
    };
    for (const step of order) steps[step]!();
    assertQuiet(region);
  }
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

test('C9: RESET keeps times [pet corner_cases/check_reset_mpx]; exited children are reset, too', () => {
  const world = makeWorld();
  const { cpu } = world;
  const counter = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const [gone, alive] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  run(world, gone, 10);
  run(world, alive, 20);
  cpu.exit(gone);
  cpu.reset(counter);
  assert.deepEqual(cpu.read(counter), { value: 0, enabled: 30, running: 30 });
  world.pmu.advance(5);
  assert.deepEqual(cpu.read(counter), { value: 5, enabled: 35, running: 35 });
});

test('C10: read_format sizes: 8 × (1 + bits), and 8 × (1 + times + n × (1 + id + lost)) for a group', () => {
  const { cpu } = makeWorld();
  const leader = cpu.openCounter({ event: TASK_CLOCK });
  cpu.openCounter({ event: CPU_CLOCK, group: leader });
  cpu.openCounter({ event: WALL, group: leader });
  const popcount = (bits: number): number => bits.toString(2).replaceAll('0', '').length;
  for (let bits = 0; bits < 32; bits++) {
    const times = popcount(bits & (FORMAT_TOTAL_TIME_ENABLED | FORMAT_TOTAL_TIME_RUNNING));
    const perMember = 1 + popcount(bits & (FORMAT_ID | FORMAT_LOST));
    const words = (bits & FORMAT_GROUP) === 0 ? times + perMember : 1 + times + 3 * perMember;
    assert.equal(cpu.readFormat(leader, bits).byteLength, 8 * words, `bits ${bits}`);
  }
  assert.throws(() => cpu.readFormat(leader, 32), { code: 'EINVAL' }); // [pet attr_fields/read_format_range_check]
});

test('C10: the words are in perf’s order, and ids tell the members apart', () => {
  const { cpu, pmu } = makeWorld();
  const leader = cpu.openCounter({ event: CPU_CLOCK });
  const sibling = cpu.openCounter({ event: TASK_CLOCK, group: leader });
  pmu.advance(100, 40);
  const [a, b] = [BigInt(cpu.idOf(leader)), BigInt(cpu.idOf(sibling))];
  assert.notEqual(a, b);
  assert.deepEqual([...cpu.readFormat(sibling, 7)], [60n, 100n, 100n, b]);
  assert.deepEqual([...cpu.readFormat(leader, 31)], [2n, 100n, 100n, 100n, a, 0n, 60n, b, 0n]);
});

test('disabled: the four leader and sibling combinations, before and after ENABLE [pet attr_fields/disabled]', () => {
  const expected = [
    { disabled: [false, false], before: [10, 10], after: [20, 20] },
    { disabled: [false, true], before: [10, 0], after: [20, 0] },
    { disabled: [true, false], before: [0, 0], after: [10, 10] },
    { disabled: [true, true], before: [0, 0], after: [10, 0] },
  ];
  for (const { disabled, before, after } of expected) {
    const { cpu, pmu } = makeWorld();
    const leader = cpu.openCounter({ event: TASK_CLOCK, disabled: disabled[0]! });
    cpu.openCounter({ event: CPU_CLOCK, disabled: disabled[1]!, group: leader });
    pmu.advance(10);
    assert.deepEqual(
      cpu.readGroup(leader).map(({ value }) => value),
      before,
    );
    cpu.enable(leader);
    pmu.advance(10);
    const readings = cpu.readGroup(leader);
    assert.deepEqual(
      readings.map(({ value }) => value),
      after,
    );
    for (const { value, enabled, running } of readings) assert.deepEqual([enabled, running], [value, value]);
  }
});

test('enable and disable take effect at once and keep what was counted [pet ioctl_0_enable, ioctl_1_disable]', () => {
  const { cpu, pmu } = makeWorld();
  const counter = cpu.openCounter({ event: TASK_CLOCK, disabled: true });
  const wall = cpu.openCounter({ event: WALL, disabled: true });
  for (let round = 1; round <= 3; round++) {
    pmu.advance(1000);
    for (const c of [counter, wall]) cpu.enable(c);
    pmu.advance(10);
    pmu.sleep(5);
    for (const c of [counter, wall]) cpu.disable(c);
    assert.deepEqual(cpu.read(counter), reading(10 * round));
    assert.equal(cpu.read(wall).value, 15 * round);
  }
});

test('reset: leader alone, sibling alone, the group with the flag on either [pet ioctl_3_reset, reset_leader]', () => {
  for (const [who, group, expected] of [
    [0, false, [0, 10]],
    [1, false, [10, 0]],
    [0, true, [0, 0]],
    [1, true, [0, 0]],
  ] as const) {
    const { cpu, pmu } = makeWorld();
    const leader = cpu.openCounter({ event: TASK_CLOCK });
    const members = [leader, cpu.openCounter({ event: CPU_CLOCK, group: leader })];
    pmu.advance(10);
    cpu.reset(members[who]!, { group });
    assert.deepEqual(
      cpu.readGroup(leader).map(({ value }) => value),
      expected,
    );
  }
});

test('ioctl flag group: who counts after ENABLE of leader or sibling, with and without it [pet ioctl_flag_group]', () => {
  for (const [who, group, expected] of [
    [0, false, [10, 10]],
    [0, true, [10, 10]],
    [1, false, [0, 0]],
    [1, true, [10, 10]],
  ] as const) {
    const { cpu, pmu } = makeWorld();
    const leader = cpu.openCounter({ event: TASK_CLOCK, disabled: true });
    const members = [leader, cpu.openCounter({ event: CPU_CLOCK, group: leader })];
    cpu.enable(members[who]!, { group });
    pmu.advance(10);
    assert.deepEqual(
      cpu.readGroup(leader).map(({ value }) => value),
      expected,
    );
  }
});

test('a group operation reaches each member once, children too (H13)', () => {
  const world = makeWorld();
  const { cpu } = world;
  const leader = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const siblings = [CPU_CLOCK, TASK_CLOCK].map((event) =>
    cpu.openCounter({ event, inherit: true, group: leader, disabled: true }),
  );
  const child = cpu.fork(cpu.root, 0);
  cpu.enable(siblings[0]!, { group: true });
  run(world, child, 10);
  assert.deepEqual(cpu.readGroup(leader), [reading(10), reading(10), reading(10)]);
  cpu.disable(leader, { group: true });
  world.pmu.advance(10);
  cpu.reset(leader, { group: true });
  assert.deepEqual(
    cpu.readGroup(leader).map(({ value }) => value),
    [0, 0, 0],
  );
});

test('inherit: 8 tasks and the opener do equal work: 9 × one that does not inherit [pet attr_fields/inherit]', () => {
  const world = makeWorld();
  const { cpu } = world;
  const all = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const own = cpu.openCounter({ event: TASK_CLOCK });
  world.pmu.advance(100);
  for (let i = 0; i < 8; i++) {
    const task = cpu.fork(cpu.root, 0);
    run(world, task, 100);
    cpu.exit(task);
    cpu.switchTo(cpu.root);
  }
  assert.equal(cpu.read(all).value, 900);
  assert.equal(cpu.read(own).value, 100);
});

test('inherit: the child’s state follows the parent’s counter now, not its attribute', () => {
  const world = makeWorld();
  const { cpu } = world;
  const counter = cpu.openCounter({ event: TASK_CLOCK, inherit: true, disabled: true });
  run(world, cpu.fork(cpu.root, 0), 10);
  assert.equal(cpu.read(counter).value, 0);
  cpu.enable(counter);
  world.pmu.advance(3);
  run(world, cpu.fork(cpu.root, 0), 4);
  assert.equal(cpu.read(counter).value, 7);
});

test('clones of different generations, or incomplete ones, are not exchanged (H8)', () => {
  const world = makeWorld();
  const { cpu, region } = world;
  cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const older = cpu.fork(cpu.root, 0);
  const later = cpu.openCounter({ event: CPU_CLOCK, inherit: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  run(world, older, 10);
  run(world, a, 20);
  assert.equal(cpu.read(later).value, 20);
  const before = contextOf(region, a);
  run(world, b, 20);
  assert.notEqual(contextOf(region, a), before, 'equal ones are');
  cpu.openCounter({ event: WALL, task: cpu.root });
  const [c, d] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  const ofC = contextOf(region, c);
  run(world, c, 1);
  run(world, d, 1);
  assert.equal(contextOf(region, c), ofC, 'the parent had more than they have');
});

test('a context that somebody has opened a counter on stays with its task (unclone, I38)', () => {
  const world = makeWorld();
  const { cpu } = world;
  cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  const ofA = cpu.openCounter({ event: TASK_CLOCK, task: a });
  for (let i = 0; i < 3; i++) {
    run(world, a, 10);
    run(world, b, 1000);
  }
  assert.equal(cpu.read(ofA).value, 30);
});

test('prctl: DISABLE and ENABLE of single, paired and grouped counters; frozen in between [pet prctl/prctl]', () => {
  const { cpu, pmu } = makeWorld();
  const single = cpu.openCounter({ event: TASK_CLOCK });
  const leader = cpu.openCounter({ event: CPU_CLOCK });
  const sibling = cpu.openCounter({ event: WALL, group: leader });
  const values = (): number[] => [single, leader, sibling].map((c) => cpu.read(c).value);
  pmu.advance(10);
  cpu.disableCounters(cpu.root);
  pmu.advance(100);
  assert.deepEqual(values(), [10, 10, 10]);
  cpu.enableCounters(cpu.root);
  pmu.advance(5);
  assert.deepEqual(values(), [15, 15, 15]);
});

test('prctl: acts on what is attached to the task, not on its children or its opener (C8, seed semantics)', () => {
  const world = makeWorld();
  const { cpu } = world;
  const family = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  cpu.disableCounters(a);
  run(world, a, 100);
  run(world, b, 7);
  run(world, a, 100);
  run(world, cpu.root, 2);
  assert.equal(cpu.read(family).value, 9);
});

test('read after exit: value, times and group stay [pet bugs/read_group_attached, H19]', () => {
  const world = makeWorld();
  const { cpu } = world;
  const task = cpu.fork(cpu.root, 0);
  const leader = cpu.openCounter({ event: TASK_CLOCK, task });
  cpu.openCounter({ event: CPU_CLOCK, task, group: leader });
  run(world, task, 11);
  cpu.exit(task);
  world.pmu.advance(1000);
  for (const operation of ['enable', 'disable'] as const) cpu[operation](leader, { group: true });
  assert.deepEqual(cpu.readGroup(leader), [reading(11), reading(11)]);
  assert.equal(cpu.readFormat(leader, FORMAT_GROUP | FORMAT_ID).length, 1 + 2 * 2);
  cpu.reset(leader);
  assert.deepEqual(cpu.readGroup(leader)[0], { value: 0, enabled: 11, running: 11 });
});

test('a group read gives times without a DISABLE before [pet bugs/sync_read_required, H18]', () => {
  const { cpu, pmu } = makeWorld();
  const leader = cpu.openCounter({ event: TASK_CLOCK });
  pmu.advance(9);
  assert.deepEqual([...cpu.readFormat(leader, 11)], [1n, 9n, 9n, 9n]);
});

test('a group that grew after a child inherited it is ECHILD, not a wrong sum (H23)', () => {
  const { cpu } = makeWorld();
  const leader = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  cpu.fork(cpu.root, 0);
  cpu.openCounter({ event: CPU_CLOCK, inherit: true, group: leader });
  assert.throws(() => cpu.readGroup(leader), { code: 'ECHILD' });
});

test('errors: ESRCH, ENOENT, EINVAL and EBADF, each for its reason [pet error_returns]', () => {
  const { cpu, region } = makeWorld();
  const counter = cpu.openCounter({ event: TASK_CLOCK });
  const sibling = cpu.openCounter({ event: TASK_CLOCK, group: counter });
  const task = cpu.fork(cpu.root, 0);
  const before = liveSlots(region);
  const event = TASK_CLOCK;
  for (const [attributes, code] of [
    [{ event: 15 }, 'ENOENT'],
    [{ event: 99 }, 'EINVAL'],
    [{ event: -1 }, 'EINVAL'],
    [{ event, task: 63 }, 'ESRCH'],
    [{ event, task: -21 }, 'ESRCH'],
    [{ event, group: sibling }, 'EINVAL'],
    [{ event, group: counter, task }, 'EINVAL'],
    [{ event, group: counter, inherit: true }, 'EINVAL'],
    [{ event, group: -2 }, 'EBADF'],
    [{ event, group: 200 }, 'EBADF'],
    [{ event, thread: true, task }, 'EINVAL'],
  ] as const) {
    assert.throws(() => cpu.openCounter(attributes), { code }, JSON.stringify(attributes));
  }
  assert.deepEqual(liveSlots(region), before);
  cpu.close(sibling);
  assert.throws(() => cpu.close(sibling), { code: 'EBADF' });
  assert.throws(() => cpu.read(sibling), { code: 'EBADF' });
});

test('clones made before and after a prctl of their parent are not exchanged [H7]', () => {
  const world = makeWorld();
  const { cpu } = world;
  const counter = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const on = cpu.fork(cpu.root, 0);
  cpu.disableCounters(cpu.root);
  const off = cpu.fork(cpu.root, 0);
  run(world, on, 10);
  run(world, off, 1000);
  run(world, on, 5);
  assert.equal(cpu.read(counter).value, 15, 'only what the enabled one did');
});
