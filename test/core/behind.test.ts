/** Last switches, who has the thread, and who waited behind whom: what the core writes and what a reader takes from it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BEHIND_NOBODY,
  B_F64_FROM,
  B_HEADER_BYTES,
  B_SLICES,
  B_WATCH,
  LATE,
  L_F64_BEGIN,
  L_F64_END,
  L_F64_ID,
  L_KIND,
  L_NAME,
  NATIVE_LEFT,
  NATIVE_POLLED,
  NATIVE_SECTION,
  NATIVE_WOKE,
  PAIR_RECORDS,
  SLICE_BYTES,
  SWITCH_RECORDS,
  TASK_CLOCK,
  THREAD_BYTES,
  T_BYTE_BEHIND,
  T_CHARGING,
  T_F64_LATE,
  T_F64_NATIVE,
  T_F64_TASKS,
  T_F64_UNATTRIBUTED,
  WHO_LATE,
  WHO_LOOP,
  WHO_NOBODY,
  WHO_TASK,
  blockagesOf,
  internName,
  lastSwitches,
  newestSwitch,
  runningOf,
  stackOf,
  threadF64,
  waitPairsOf,
} from '#core/index.js';
import type { Region, SlotCopy } from '#core/index.js';
import { HARDWARE, rateOf } from './hand-pmu.ts';
import { SMALL, assertBooks, makeWorld, run } from './world.ts';

const MS = 1e6;

/** The thread's slot itself: what is written into it the core sees. */
function slotOf(region: Region, thread = 0): SlotCopy {
  const at = threadF64(region.layout, thread) * 8;
  return {
    u8: new Uint8Array(region.buffer, at, THREAD_BYTES),
    i32: new Int32Array(region.buffer, at, THREAD_BYTES / 4),
    f64: new Float64Array(region.buffer, at, THREAD_BYTES / 8),
  };
}

/** A slice as native/blockage.c keeps it. */
function keepSlice(
  slot: SlotCopy,
  slice: { begin: number; end: number; id: number; name: number; kind?: number },
): void {
  const { i32, f64 } = slot;
  const behind = T_BYTE_BEHIND / 8;
  const n = i32[behind * 2 + B_SLICES]!++;
  const at = behind + B_HEADER_BYTES / 8 + (n % 32) * (SLICE_BYTES / 8);
  f64[at + L_F64_BEGIN] = slice.begin;
  f64[at + L_F64_END] = slice.end;
  f64[at + L_F64_ID] = slice.id;
  i32[at * 2 + L_NAME] = slice.name;
  i32[at * 2 + L_KIND] = slice.kind ?? WHO_TASK;
  i32[behind * 2 + B_WATCH] = 1;
}

test('each switch is a record: since when, which task, its name; the thread’s own task is the first', () => {
  const { region, cpu, pmu } = makeWorld();
  const slot = slotOf(region);
  const [a, b] = [internName(region, 'a'), internName(region, 'b')];
  const first = cpu.fork(cpu.root, a);
  const second = cpu.fork(cpu.root, b);
  for (const task of [first, second]) cpu.openCounter({ event: 0, task });
  pmu.advance(10);
  run({ cpu, pmu }, first, 10);
  run({ cpu, pmu }, second, 10);
  const [root, one, two] = lastSwitches(slot);
  assert.deepEqual([one?.name, two?.name, two!.sinceNs! - one!.sinceNs!], [a, b, 10]);
  assert.equal(two!.id! - one!.id!, 1);
  assert.equal(root!.id, one!.id! - 1);
  assert.deepEqual(newestSwitch(slot), two);
});

test('a switch without a reading has no time', () => {
  const { region, cpu, pmu } = makeWorld();
  const tasks = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  run({ cpu, pmu }, tasks[0]!, 10);
  run({ cpu, pmu }, tasks[1]!, 10);
  assert.equal(newestSwitch(slotOf(region))!.sinceNs, undefined);
  assert.notEqual(newestSwitch(slotOf(region))!.id, undefined);
});

test('a task that gets its name while it has the thread is called so', () => {
  const { region, cpu, pmu } = makeWorld();
  const task = cpu.fork(cpu.root, 0);
  run({ cpu, pmu }, task, 10);
  const name = internName(region, 'GET /late-name');
  cpu.setName(task, name);
  assert.equal(newestSwitch(slotOf(region))!.name, name);
});

test('late work has the name of the task that is gone, and no id', () => {
  const { region, cpu, pmu } = makeWorld();
  const name = internName(region, 'gone');
  cpu.openCounter({ event: LATE });
  const task = cpu.fork(cpu.root, name);
  run({ cpu, pmu }, task, 10);
  cpu.exit(task);
  const newest = newestSwitch(slotOf(region))!;
  assert.deepEqual([newest.name, newest.id], [name, undefined]);
});

test('the last 32 are kept, oldest first', () => {
  const { region, cpu, pmu } = makeWorld();
  const tasks = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  for (const task of tasks) cpu.openCounter({ event: 0, task });
  for (let i = 0; i < 100; i++) run({ cpu, pmu }, tasks[i % 2]!, 1);
  const times = lastSwitches(slotOf(region)).map(({ sinceNs }) => sinceNs!);
  assert.equal(times.length, SWITCH_RECORDS);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  assert.equal(times.at(-1)! - times[0]!, SWITCH_RECORDS - 1);
});

test('who has the thread: a task, code of no task, the loop, or nobody while it waits', () => {
  const { region, cpu, pmu } = makeWorld();
  const slot = slotOf(region);
  const native = slot.f64.subarray(T_F64_NATIVE);
  assert.equal(runningOf(slot), undefined, 'no section was ever seen');
  const task = cpu.fork(cpu.root, internName(region, 'GET /x'));
  cpu.openCounter({ event: 0, task });
  pmu.advance(100);
  run({ cpu, pmu }, task, 10);
  const since = newestSwitch(slot)!.sinceNs!;
  native[NATIVE_SECTION] = since - 5;
  slot.i32[T_CHARGING] = 1;
  const running = runningOf(slot)!;
  assert.deepEqual([running.kind, running.sinceNs, running.beginNs], [WHO_TASK, since, since - 5]);
  native[NATIVE_SECTION] = since + 7;
  assert.equal(runningOf(slot)!.sinceNs, since + 7, 'it went on in a later section');
  slot.i32[T_CHARGING] = 0;
  assert.equal(runningOf(slot)!.kind, WHO_NOBODY);
  native[NATIVE_LEFT] = since + 9;
  assert.deepEqual([runningOf(slot)!.kind, runningOf(slot)!.sinceNs], [WHO_LOOP, since + 9]);
  native[NATIVE_POLLED] = since + 10;
  assert.equal(runningOf(slot), undefined);
  native[NATIVE_SECTION] = since + 11;
  slot.i32[T_CHARGING] = 1;
  cpu.exit(task);
  assert.equal(runningOf(slot)!.kind, WHO_LATE);
  cpu.shutdown();
  assert.equal(runningOf(slot), undefined, 'the thread is gone');
});

test('a task that was ready while another had the thread waited behind it', () => {
  const { region, cpu, pmu } = makeWorld();
  const slot = slotOf(region);
  const [fast, slow] = [internName(region, 'GET /fast'), internName(region, 'POST /report')];
  const waiting = cpu.fork(cpu.root, fast);
  const blocker = cpu.fork(cpu.root, slow);
  for (const task of [waiting, blocker]) cpu.openCounter({ event: 0, task });
  run({ cpu, pmu }, waiting, 1000);
  run({ cpu, pmu }, blocker, 190 * MS);
  const begin = newestSwitch(slot)!.sinceNs!;
  keepSlice(slot, { begin, end: begin + 190 * MS, id: newestSwitch(slot)!.id!, name: slow });
  run({ cpu, pmu }, waiting, 1000);
  assert.deepEqual(waitPairsOf(slot), [
    { waiting: fast, behind: slow, count: 1, ns: 190 * MS, atMostNs: 190 * MS },
  ]);
  run({ cpu, pmu }, blocker, 1000);
  run({ cpu, pmu }, waiting, 1000);
  assert.equal(waitPairsOf(slot)[0]!.count, 1, 'neither behind itself, nor twice behind one slice');
});

test('what looking back takes is nobody’s: not of whoever had the thread, and not of the one that waited', () => {
  const READING = 7;
  for (const before of ['a task', 'late work', 'a task of a thread that is counted', 'a task with slots']) {
    const world = makeWorld(SMALL, before.endsWith('slots') ? 2 : 0);
    const { region, cpu, pmu } = world;
    const event = before.endsWith('slots') ? HARDWARE[0]! : TASK_CLOCK;
    const slot = slotOf(region);
    const report = internName(region, 'POST /report');
    const waiting = cpu.fork(cpu.root, internName(region, 'GET /fast'));
    const blocker = cpu.fork(cpu.root, report);
    const counters = [waiting, blocker].map((task) => cpu.openCounter({ event, task }));
    counters.push(cpu.openCounter({ event: LATE, task: cpu.root }));
    if (before.endsWith('counted')) cpu.openCounter({ event: TASK_CLOCK, thread: true });
    run(world, waiting, 1000);
    run(world, blocker, 50 * MS);
    const begin = newestSwitch(slot)!.sinceNs!;
    const isLate = before === 'late work';
    if (isLate) cpu.exit(blocker);
    keepSlice(slot, { begin, end: begin + 50 * MS, id: 77, name: report });
    const at = threadF64(region.layout, cpu.index) + TASK_CLOCK;
    const seen = (): number[] => [
      ...[T_F64_UNATTRIBUTED, T_F64_TASKS, T_F64_LATE].map((part) => region.f64[at + part]!),
      ...counters.map((counter) => cpu.read(counter).value),
    ];
    cpu.fold();
    const start = seen();
    const read = pmu.read.bind(pmu);
    pmu.read = (raw) => {
      pmu.advance(READING);
      return read(raw);
    };
    cpu.switchTo(waiting);
    pmu.read = read;
    const gained = seen().map((value, i) => value - start[i]!);
    // The first of two readings ends the slice of whoever had the thread.
    const its = isLate ? 0 : READING * rateOf(event);
    assert.deepEqual(
      gained,
      [READING, isLate ? 0 : READING, isLate ? READING : 0, 0, its, isLate ? READING : 0],
      before,
    );
    assert.equal(waitPairsOf(slot).length, 1, before);
    run(world, waiting, 1000);
    assert.equal(cpu.read(counters[0]!).value, 2000 * rateOf(event), before);
    assertBooks(world);
  }
});

test('a request that comes after a slice waited at most that long; one that a task starts did not wait', () => {
  const { region, cpu, pmu } = makeWorld();
  const slot = slotOf(region);
  const [fast, job] = [internName(region, 'GET /fast'), internName(region, 'job')];
  pmu.advance(50 * MS);
  const begin = cpu.now;
  keepSlice(slot, { begin, end: begin + 50 * MS, id: -1, name: 0, kind: WHO_NOBODY });
  // The turn of the loop in which it comes began after that.
  slot.f64[T_F64_NATIVE + 1] = begin + 50 * MS;
  cpu.fold();
  const request = cpu.fork(cpu.root, fast);
  cpu.openCounter({ event: 0, task: request });
  run({ cpu, pmu }, request, 1000);
  const started = cpu.fork(request, job);
  cpu.openCounter({ event: 0, task: started });
  run({ cpu, pmu }, started, 1000);
  assert.deepEqual(waitPairsOf(slot), [
    { waiting: fast, behind: BEHIND_NOBODY, count: 1, ns: 0, atMostNs: 50 * MS },
  ]);
});

test('a job that running code starts after a slice did not wait for it; a request of the same moment did', () => {
  const { region, cpu, pmu } = makeWorld();
  const slot = slotOf(region);
  const native = slot.f64.subarray(T_F64_NATIVE);
  pmu.advance(50 * MS);
  cpu.fold();
  const begin = cpu.now;
  keepSlice(slot, { begin, end: begin + 100 * MS, id: 77, name: internName(region, 'job0') });
  pmu.advance(100 * MS);
  const start = (name: string): void => {
    cpu.fold();
    const task = cpu.fork(cpu.root, internName(region, name));
    cpu.openCounter({ event: 0, task });
    run({ cpu, pmu }, task, 1000);
  };
  native[NATIVE_WOKE] = native[NATIVE_SECTION] = begin;
  start('job1');
  assert.deepEqual(waitPairsOf(slot), []);
  native[NATIVE_SECTION] = begin + 100 * MS;
  start('GET /');
  const [wait] = waitPairsOf(slot);
  assert.deepEqual([wait?.waiting, wait?.count, wait?.ns], [internName(region, 'GET /'), 1, 100 * MS]);
});

test('nobody waits for what was before the loop slept, nor longer after a slice than it took', () => {
  const { region, cpu, pmu } = makeWorld();
  const slot = slotOf(region);
  const fast = internName(region, 'GET /fast');
  const arrive = (): void => {
    cpu.fold();
    const request = cpu.fork(cpu.root, fast);
    cpu.openCounter({ event: 0, task: request });
    run({ cpu, pmu }, request, 1000);
    cpu.exit(request);
  };
  slot.f64[T_F64_NATIVE + 1] = Number.MAX_SAFE_INTEGER;
  const begin = cpu.now;
  pmu.advance(5 * MS);
  keepSlice(slot, { begin, end: begin + 5 * MS, id: -1, name: 0, kind: WHO_LOOP });
  slot.f64[T_BYTE_BEHIND / 8 + B_F64_FROM] = begin + 1;
  arrive();
  assert.deepEqual(waitPairsOf(slot), []);
  slot.f64[T_BYTE_BEHIND / 8 + B_F64_FROM] = begin;
  pmu.advance(6 * MS);
  arrive();
  assert.deepEqual(waitPairsOf(slot), []);
});

test('pairs that find no room are in the one called (other); none is lost', () => {
  const { region, cpu, pmu } = makeWorld({
    threads: 1,
    names: 512,
    tasks: 64,
    contexts: 64,
    counters: 256,
    ring: 16,
  });
  const slot = slotOf(region);
  cpu.openCounter({ event: 0, task: cpu.root, inherit: true, inheritStat: true });
  const begin = cpu.now;
  pmu.advance(10 * MS);
  for (let i = 0; i < 400; i++) {
    const name = internName(region, `GET /${i}`);
    slot.f64[T_F64_NATIVE + 1] = begin;
    keepSlice(slot, { begin, end: begin + 5 * MS, id: -1, name: internName(region, 'slow') });
    slot.i32[T_BYTE_BEHIND / 4 + B_SLICES] = 1;
    cpu.fold();
    const request = cpu.fork(cpu.root, name);
    run({ cpu, pmu }, request, 1);
    cpu.exit(request);
  }
  const pairs = waitPairsOf(slot);
  assert.ok(pairs.length <= PAIR_RECORDS);
  assert.equal(
    pairs.reduce((sum, { count }) => sum + count, 0),
    400,
  );
  assert.ok(pairs.find(({ waiting }) => waiting === 0)!.count >= 400 - PAIR_RECORDS);
});

test('a slot of noise gives rows that make sense or none', () => {
  let seed = 1;
  const next = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0);
  for (let round = 0; round < 200; round++) {
    const f64 = new Float64Array(THREAD_BYTES / 8);
    const i32 = new Int32Array(f64.buffer);
    i32.forEach((_, i) => (i32[i] = round % 2 === 0 ? next() : next() % 64));
    const slot = { f64, i32, u8: new Uint8Array(f64.buffer) };
    for (const { wallNs, cpuNs, gcNs, beginNs } of blockagesOf(slot)) {
      assert.ok(wallNs >= 0 && beginNs >= 0);
      for (const part of [cpuNs, gcNs]) assert.ok(part === undefined || (part >= 0 && part <= wallNs));
    }
    for (const { ns, atMostNs } of waitPairsOf(slot)) assert.ok(ns >= 0 && atMostNs >= ns);
    assert.ok(lastSwitches(slot).length <= SWITCH_RECORDS);
    assert.ok(stackOf(slot).frames.every((frame) => frame.length > 0));
    runningOf(slot);
  }
});
