/** What a thread keeps of the room and the tasks of others while it works on them; all on two CPUs driven by hand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { H_COUNTERS_USED, H_LOST_COUNTERS, K_REFS, TASK_CLOCK, TaskperfError } from '#core/index.js';
import { type World, addCpu, makeWorld, run } from './world.ts';

function referencesOf({ region }: World, task: number): number {
  return region.i32[region.taskW + task * 16 + K_REFS]!;
}

function openAll(use: () => number): number[] {
  const counters: number[] = [];
  try {
    for (;;) counters.push(use());
  } catch (error) {
    assert.ok(error instanceof TaskperfError && error.code === 'ENOSPC');
    return counters;
  }
}

test('counters on another thread’s task are closed without room for anything, also while that thread is blocked', () => {
  const first = makeWorld();
  const { cpu } = addCpu(first.region, 1);
  const task = first.cpu.fork(first.cpu.root, 0);
  const counters = openAll(() => cpu.openCounter({ event: TASK_CLOCK, task }));
  assert.ok(counters.length > 10);
  openAll(() => cpu.openCounter({ event: TASK_CLOCK }));
  for (const counter of counters) cpu.close(counter);
  first.cpu.fold();
  const again = openAll(() => cpu.openCounter({ event: TASK_CLOCK, task }));
  assert.ok(again.length >= counters.length - 1, `${again.length} of ${counters.length}`);
});

test('a job ships only so much to a thread that is blocked, and all that it has cost at its end', () => {
  const first = makeWorld();
  const { region } = first;
  const worker = { region, ...addCpu(region, 1) };
  const task = first.cpu.fork(first.cpu.root, 0);
  const counter = first.cpu.openCounter({ event: TASK_CLOCK, task, inherit: true });
  worker.cpu.openCounter({ event: TASK_CLOCK, task: worker.cpu.root, inherit: true, inheritStat: true });
  const job = worker.cpu.forkJob(task, first.cpu.generationOf(task));
  for (let i = 0; i < 1000; i++) {
    run(worker, job, 10);
    worker.cpu.ship(job);
  }
  assert.equal(region.i32[H_LOST_COUNTERS], 0);
  assert.ok(region.i32[H_COUNTERS_USED]! < 100, `${region.i32[H_COUNTERS_USED]} slots are used`);
  worker.cpu.exit(job);
  assert.equal(first.cpu.read(counter).value, 10_000);
});

test('a task that is held stays held when something within holds another, or the same', () => {
  const first = makeWorld();
  const { cpu } = addCpu(first.region, 1);
  const [task, other] = [first.cpu.fork(first.cpu.root, 0), first.cpu.fork(first.cpu.root, 0)];
  const generation = first.cpu.generationOf(task);
  const [before, otherBefore] = [referencesOf(first, task), referencesOf(first, other)];
  cpu.hold(task, generation, () => {
    cpu.hold(other, first.cpu.generationOf(other), () => {});
    assert.deepEqual([referencesOf(first, task), referencesOf(first, other)], [before + 1, otherBefore]);
    cpu.exit(cpu.forkJob(task, generation));
  });
  first.cpu.fold();
  assert.equal(referencesOf(first, task), before);
});
