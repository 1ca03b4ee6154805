/** Every limit: what is dropped is counted, what failed leaves no trace, what was freed comes back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  H_CONTEXTS_USED,
  H_LOST_CONTEXTS,
  H_LOST_COUNTERS,
  H_LOST_NAMES,
  H_LOST_TASKS,
  K_GENERATION,
  K_PARENT,
  Names,
  TASK_CLOCK,
  internName,
  nameText,
} from '#core/index.js';
import { KIND_CONTEXT, giveSlot, takeSlot } from '#core/slab.js';
import { SMALL, addCpu, assertQuiet, liveSlots, makeRegion, makeWorld, taskWord } from './world.ts';

test('names: one text has one number, whoever asks', () => {
  const region = makeRegion();
  const first = internName(region, 'GET /users/:id');
  assert.equal(internName(region, 'GET /users/:id'), first);
  assert.equal(new Names(region).intern('GET /users/:id'), first);
  assert.equal(nameText(region, first), 'GET /users/:id');
});

test('names: past the bound a name is "(other)" and counted, each time', () => {
  const region = makeRegion();
  const names = new Names(region);
  for (let i = 1; i < SMALL.names; i++) assert.equal(names.intern(`n${i}`), i);
  assert.equal(region.i32[H_LOST_NAMES], 0);
  assert.equal(names.intern('one too many'), 0);
  assert.equal(names.intern('one too many'), 0);
  assert.equal(internName(region, 'again'), 0);
  assert.equal(region.i32[H_LOST_NAMES], 3);
  assert.equal(names.intern('n3'), 3);
});

test('names: any Unicode survives, and a long one is cut between characters', () => {
  const region = makeRegion();
  for (const text of ['', 'é', '日本', '🚀 start'])
    assert.equal(nameText(region, internName(region, text)), text);
  assert.equal(nameText(region, internName(region, `${'a'.repeat(118)}🚀`)), 'a'.repeat(118));
});

test('slab: a slot given back is taken again, with a new generation', () => {
  const { region, cpu } = makeWorld();
  const first = cpu.fork(cpu.root, 0);
  const generation = cpu.generationOf(first);
  cpu.exit(first);
  const second = cpu.fork(cpu.root, 0);
  assert.equal(second, first);
  assert.equal(taskWord(region, second, K_GENERATION), generation + 1);
});

test('slab: a slot freed by another thread comes back to its home', () => {
  const region = makeRegion({ ...SMALL, contexts: 2 });
  addCpu(region, 0);
  addCpu(region, 1);
  const mine = takeSlot(region, 0, KIND_CONTEXT);
  takeSlot(region, 0, KIND_CONTEXT);
  giveSlot({ region, index: 1 }, KIND_CONTEXT, mine, 0);
  assert.equal(takeSlot(region, 1, KIND_CONTEXT), 0, 'it is not the freeing thread that gets it');
  assert.equal(takeSlot(region, 0, KIND_CONTEXT), mine);
});

test('slab: a context that another thread has made for a task goes back to that thread', () => {
  const { region, cpu } = makeWorld({ ...SMALL, contexts: 4 });
  const other = addCpu(region, 1).cpu;
  for (let i = 0; i < 10; i++) {
    const task = cpu.fork(cpu.root, 0);
    const counter = other.openCounter({ event: TASK_CLOCK, task });
    cpu.fold();
    other.close(counter);
    cpu.exit(task);
  }
  cpu.fold();
  assert.equal(region.i32[H_CONTEXTS_USED], 1);
});

test('slab: free slots of a thread that is gone are taken over', () => {
  const region = makeRegion({ ...SMALL, tasks: 4 });
  const { cpu } = addCpu(region, 0);
  const other = addCpu(region, 1).cpu;
  other.fork(other.root, 0);
  other.fork(other.root, 0);
  assert.equal(cpu.fork(cpu.root, 0), 0);
  other.shutdown();
  assert.notEqual(cpu.fork(cpu.root, 0), 0);
});

test('a full task slab: fork returns 0, counts the loss and leaves no trace', () => {
  const { region, cpu } = makeWorld({ ...SMALL, tasks: 2 });
  const task = cpu.fork(cpu.root, 0);
  const before = liveSlots(region);
  assert.equal(cpu.fork(cpu.root, 0), 0);
  assert.equal(region.i32[H_LOST_TASKS], 1);
  assert.deepEqual(liveSlots(region), before);
  cpu.exit(task);
  assertQuiet(region);
});

test('a full context or counter slab: fork is undone, counted, and leaves no trace', () => {
  for (const limits of [{ contexts: 1 }, { counters: 3 }, { counters: 5 }]) {
    const { region, cpu } = makeWorld({ ...SMALL, ...limits });
    const opened = [cpu.openCounter({ event: TASK_CLOCK, inherit: true })];
    if (limits.counters === 5) opened.push(cpu.openCounter({ event: TASK_CLOCK, inherit: true }));
    const tasks = limits.counters === 3 ? [cpu.fork(cpu.root, 0)] : [];
    const before = liveSlots(region);
    assert.equal(cpu.fork(cpu.root, 0), 0);
    assert.equal(region.i32[H_LOST_CONTEXTS]! + region.i32[H_LOST_COUNTERS]!, 1);
    assert.deepEqual(liveSlots(region), before);
    for (const task of tasks) cpu.exit(task);
    for (const counter of opened) cpu.close(counter);
    cpu.shutdown();
    assert.deepEqual(liveSlots(region), { tasks: 0, contexts: 0, counters: 0, refs: 0 });
  }
});

test('I45 a failed open leaves no trace, whichever slot was missing', () => {
  for (const limits of [{ contexts: 1 }, { counters: 2 }, { counters: 3 }]) {
    const { region, cpu } = makeWorld({ ...SMALL, ...limits });
    const task = cpu.fork(cpu.root, 0);
    const first = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
    const before = liveSlots(region);
    assert.throws(() => cpu.openCounter({ event: TASK_CLOCK, task, inherit: true }), { code: 'ENOSPC' });
    assert.deepEqual(liveSlots(region), before);
    assert.ok(region.i32[H_LOST_CONTEXTS]! + region.i32[H_LOST_COUNTERS]! > 0);
    cpu.close(first);
  }
});

test('a chain of tasks, each started by the one before, keeps no dead slots', () => {
  const { region, cpu } = makeWorld();
  let task = cpu.root;
  for (let i = 0; i < 1000; i++) {
    const next = cpu.fork(task, 0);
    assert.notEqual(next, 0);
    if (task !== cpu.root) cpu.exit(task);
    task = next;
  }
  assert.ok(liveSlots(region).tasks <= 4);
  assert.notEqual(taskWord(region, task, K_PARENT), 0);
  cpu.exit(task);
  assertQuiet(region);
});
