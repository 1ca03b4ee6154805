/** Where the thread's time and what it did goes besides the task counters, and what other threads may ask for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CPU_CLOCK,
  type CounterHandle,
  E_F64_VALUES,
  E_SEQUENCE,
  FORKS,
  LATE,
  NT_F64_EXITS,
  NT_F64_STARTS,
  NT_F64_SUM,
  TASK_CLOCK,
  TASK_SWITCHES,
  T_F64_RING_HEAD,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  WAIT,
  WALL,
  credit,
  internName,
  nameTotalF64,
  ringF64,
  ringWord,
  threadF64,
} from '#core/index.js';
import { SMALL, addCpu, assertBooks, assertQuiet, makeRegion, makeWorld, run } from './world.ts';

const reading = (ns: number): object => ({ value: ns, enabled: ns, running: ns });

/** A value of the last exit event. */
function lastExit({ region, cpu }: ReturnType<typeof makeWorld>, event: number): number {
  const head = region.f64[threadF64(region.layout, cpu.index) + T_F64_RING_HEAD]!;
  return region.f64[ringF64(region.layout, cpu.index, (head - 1) % SMALL.ring) + E_F64_VALUES + event]!;
}

test('a counter on the thread counts whatever runs, beside those on tasks', () => {
  const world = makeWorld();
  const { cpu } = world;
  const counters = [TASK_CLOCK, TASK_SWITCHES, FORKS].map((event) =>
    cpu.openCounter({ event, thread: true }),
  );
  world.pmu.advance(1);
  for (const ns of [10, 100]) run(world, cpu.fork(cpu.root, 0), ns);
  cpu.exit(cpu.current);
  world.pmu.advance(1000);
  assert.deepEqual(
    counters.map((c) => cpu.read(c).value),
    [1111, 2, 2],
  );
});

test('late work goes to the parent’s late counters, the name’s totals and the thread’s late line', () => {
  const world = makeWorld();
  const { cpu, region, pmu } = world;
  const name = internName(region, 'GET /late');
  const late = cpu.openCounter({ event: LATE });
  const clock = cpu.openCounter({ event: TASK_CLOCK });
  const task = cpu.fork(cpu.root, name);
  run(world, task, 10);
  cpu.exit(task);
  pmu.advance(7);
  cpu.switchTo(cpu.root);
  cpu.switchLate(cpu.root, name);
  pmu.advance(3);
  assert.equal(cpu.read(late).value, 10);
  assert.equal(cpu.read(clock).value, 0);
  assert.equal(region.f64[nameTotalF64(region.layout, 0, name) + NT_F64_SUM + LATE], 10);
  assertBooks(world);
});

test('wait: from leaving the thread, or from when the loop woke, to the switch back in', () => {
  const world = makeWorld();
  const { cpu, pmu } = world;
  const task = cpu.fork(cpu.root, 0);
  const wait = cpu.openCounter({ event: WAIT, task });
  pmu.advance(30);
  run(world, task, 10); // waited 30 since its start
  run(world, cpu.root, 100);
  cpu.readySince = 90; // the loop woke in the middle of that
  cpu.switchTo(task);
  assert.equal(cpu.read(wait).value, 30 + 50);
});

test('exit event and name totals: what the task counted, under the name it has at the end', () => {
  const world = makeWorld();
  const { cpu, region } = world;
  const [first, last] = [internName(region, 'GET'), internName(region, 'GET /x')];
  for (const event of [TASK_CLOCK, WALL, TASK_SWITCHES])
    cpu.openCounter({ event, inherit: true, inheritStat: true });
  const task = cpu.fork(cpu.root, first);
  run(world, task, 40);
  world.pmu.sleep(5);
  cpu.setName(task, last);
  cpu.exit(task);
  assert.deepEqual(
    [TASK_CLOCK, WALL, TASK_SWITCHES, CPU_CLOCK].map((e) => lastExit(world, e)),
    [40, 45, 1, 0],
  );
  const totals = (name: number, line: number): number =>
    region.f64[nameTotalF64(region.layout, 0, name) + line]!;
  assert.deepEqual([totals(first, NT_F64_STARTS), totals(last, NT_F64_STARTS)], [0, 1]);
  assert.deepEqual([totals(last, NT_F64_EXITS), totals(last, NT_F64_SUM + WALL)], [1, 45]);
});

test('the ring overwrites the oldest; sequence words and head tell what is left', () => {
  const { cpu, region } = makeWorld();
  cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  for (let i = 0; i < SMALL.ring + 3; i++) cpu.exit(cpu.fork(cpu.root, 0));
  assert.equal(region.f64[threadF64(region.layout, 0) + T_F64_RING_HEAD], SMALL.ring + 3);
  const sequence = (slot: number): number => region.i32[ringWord(region.layout, 0, slot) + E_SEQUENCE]!;
  assert.deepEqual([sequence(0), sequence(2), sequence(3)], [SMALL.ring + 1, SMALL.ring + 3, 4]);
});

test('another thread’s task: operations take effect at its next safepoint, in order, and reads never wait', () => {
  const region = makeRegion();
  const [a, b] = [addCpu(region, 0), addCpu(region, 1)];
  const task = b.cpu.fork(b.cpu.root, 0);
  run(b, task, 10);
  const counter = a.cpu.openCounter({ event: TASK_CLOCK, task });
  b.pmu.advance(100);
  assert.equal(a.cpu.read(counter).value, 0);
  b.cpu.fold();
  b.pmu.advance(7);
  assert.equal(a.cpu.read(counter).value, 0, 'as of the last switch there');
  b.cpu.fold();
  assert.deepEqual(a.cpu.read(counter), reading(7));
  a.cpu.disable(counter);
  a.cpu.reset(counter);
  b.cpu.fold();
  b.pmu.advance(5);
  b.cpu.fold();
  assert.equal(a.cpu.read(counter).value, 0);
  a.cpu.close(counter);
  a.cpu.exit(task);
  b.cpu.fold();
  assertQuiet(region, 2);
});

test('another thread’s task that exits first: the counter stays at 0 and can be closed (C6)', () => {
  const region = makeRegion();
  const [a, b] = [addCpu(region, 0), addCpu(region, 1)];
  const task = b.cpu.fork(b.cpu.root, 0);
  const early = a.cpu.openCounter({ event: TASK_CLOCK, task });
  b.pmu.advance(10);
  b.cpu.exit(task);
  assert.throws(() => a.cpu.openCounter({ event: TASK_CLOCK, task }), { code: 'ESRCH' });
  assert.equal(a.cpu.read(early).value, 0);
  a.cpu.close(early);
  b.cpu.fold();
  assertQuiet(region, 2);
});

test('a thread that dies is reaped: its tasks exit, requests under way and later ones find somebody', () => {
  const region = makeRegion();
  const [a, b] = [addCpu(region, 0), addCpu(region, 1)];
  const task = b.cpu.fork(b.cpu.root, 0);
  const counter: CounterHandle = a.cpu.openCounter({ event: TASK_CLOCK, task });
  b.cpu.switchTo(task);
  b.pmu.advance(10);
  b.cpu.fold();
  a.cpu.disable(counter);
  a.cpu.reap(1);
  assert.deepEqual(a.cpu.read(counter), reading(10));
  a.cpu.close(counter);
  assertQuiet(region);
});

test('task-switches: lazy switches are counted like all others, in the family and on the thread', () => {
  const world = makeWorld();
  const { cpu, region } = world;
  const counter = cpu.openCounter({ event: TASK_SWITCHES, inherit: true });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  for (const task of [a, b, a, b]) run(world, task, 1);
  assert.equal(cpu.read(counter).value, 4);
  run(world, cpu.root, 1);
  cpu.fold();
  const at = threadF64(region.layout, 0) + TASK_SWITCHES;
  const lines = [T_F64_TOTAL, T_F64_TASKS, T_F64_UNATTRIBUTED].map((line) => region.f64[at + line]);
  assert.deepEqual(lines, [5, 4, 1]);
});

test('what is known late is credited to its task, which need not run, and to the thread', () => {
  const { cpu, region } = makeWorld();
  const [onThread, onRoot] = [
    cpu.openCounter({ event: WAIT, thread: true }),
    cpu.openCounter({ event: WAIT }),
  ];
  const task = cpu.fork(cpu.root, 0);
  const onTask = cpu.openCounter({ event: WAIT, task });
  credit(cpu, task, WAIT, 40);
  credit(cpu, cpu.root, WAIT, 2);
  assert.deepEqual(
    [onThread, onRoot, onTask].map((counter) => cpu.read(counter).value),
    [42, 2, 40],
  );
  const lines = [T_F64_TASKS, T_F64_UNATTRIBUTED, T_F64_TOTAL];
  assert.deepEqual(
    lines.map((line) => region.f64[threadF64(region.layout, cpu.index) + line + WAIT]),
    [40, 2, 42],
  );
});
