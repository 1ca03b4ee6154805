/**
 * The sentences of the commit that made task contexts dynamic ("perf_counter: Dynamically allocate tasks'
 * perf_counter_context struct"), one test each, by the numbers of docs/perf-counter.md.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  COUNTER_BYTES,
  CONTEXT_BYTES,
  CPU_CLOCK,
  C_ACTIVE,
  C_COUNT,
  C_F64_TIME,
  C_FIRST,
  C_GENERATION,
  C_LAST,
  C_PARENT,
  C_PINS,
  C_REFS,
  C_STAT,
  C_TASK,
  type CounterHandle,
  type Cpu,
  K_CONTEXT,
  R_CONTEXT,
  type Region,
  TASK_BYTES,
  TASK_CLOCK,
  TASK_SWITCHES,
  TOMBSTONE,
  T_CONTEXT,
  threadWord,
} from '#core/index.js';
import { findContext, getContext, listDel, newContext, publishContext, putContext } from '#core/context.js';
import { repairActive } from '#core/open.js';
import {
  assertBooks,
  assertQuiet,
  contextOf,
  contextOfCounter,
  contextWord,
  counterWord,
  liveSlots,
  makeWorld,
  run,
} from './world.ts';

/** The C_REFS word of a context. */
const refs = (region: Region, context: number): number => contextWord(region, context, C_REFS);

/** Two clones of the root's context, whose sum alone is asked for: they are switched lazily. */
function makeClones(): ReturnType<typeof makeWorld> & { counter: CounterHandle; a: number; b: number } {
  const world = makeWorld();
  const { cpu } = world;
  const counter = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  return { ...world, counter, a: cpu.fork(cpu.root, 0), b: cpu.fork(cpu.root, 0) };
}

/** Runs `intruder` just before the next compare-and-exchange of the word: a race, made to happen. */
function beforeExchangeOf(word: number, intruder: () => void, body: () => void): void {
  const exchange = Atomics.compareExchange;
  const patched = (array: Int32Array, index: number, expected: number, value: number): number => {
    if (index === word) {
      Atomics.compareExchange = exchange;
      intruder();
    }
    return exchange(array, index, expected, value);
  };
  Atomics.compareExchange = patched as typeof exchange;
  try {
    body();
  } finally {
    Atomics.compareExchange = exchange;
  }
}

test('S1: a task holds only a pointer to its context', () => {
  const { region, cpu } = makeWorld();
  const a = cpu.fork(cpu.root, 0);
  const b = cpu.fork(cpu.root, 0);
  assert.equal(contextOf(region, a), 0);
  cpu.openCounter({ event: TASK_CLOCK, task: a });
  cpu.openCounter({ event: TASK_CLOCK, task: b });
  assert.notEqual(contextOf(region, a), contextOf(region, b));
});

test('S2: so a context can be transferred from one task to another at a lazy switch', () => {
  const { region, cpu, pmu, a, b, counter } = makeClones();
  cpu.switchTo(a);
  const [ofA, ofB] = [contextOf(region, a), contextOf(region, b)];
  const reads = pmu.reads;
  cpu.switchTo(b);
  assert.deepEqual([contextOf(region, a), contextOf(region, b)], [ofB, ofA]);
  assert.deepEqual([contextWord(region, ofA, C_TASK), contextWord(region, ofB, C_TASK)], [b, a]);
  assert.equal(pmu.reads, reads, 'a lazy switch takes no reading');
  pmu.advance(70);
  assert.equal(cpu.read(counter).value, 70);
});

test('S3: the task record does not grow with the context', () => {
  assert.ok(TASK_BYTES <= 64);
  const { region, cpu } = makeWorld();
  const before = liveSlots(region).tasks;
  for (let i = 0; i < 9; i++) cpu.openCounter({ event: TASK_CLOCK });
  assert.equal(liveSlots(region).tasks, before);
});

test('S4: only tasks with counters own a context', () => {
  const { region, cpu } = makeWorld();
  const tasks = Array.from({ length: 20 }, () => cpu.fork(cpu.root, 0));
  for (const task of tasks) cpu.switchTo(task);
  for (const task of tasks) cpu.exit(task);
  assert.equal(liveSlots(region).contexts, 0);
});

test('S5: the definition of a task does not know the layout of a context', () => {
  const source = readFileSync(new URL('../../core/task.js', import.meta.url), 'utf8');
  assert.doesNotMatch(source, /context\.js|counter\.js|\b[CR]_[A-Z]/);
});

test('S6: a context is freed with the last reference, in whatever order they go', () => {
  const { region, cpu } = makeWorld();
  for (const order of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ]) {
    const task = cpu.fork(cpu.root, 0);
    const c1 = cpu.openCounter({ event: TASK_CLOCK, task });
    const c2 = cpu.openCounter({ event: CPU_CLOCK, task });
    const drops = [() => cpu.exit(task), () => cpu.close(c1), () => cpu.close(c2)];
    drops[order[0]!]!();
    drops[order[1]!]!();
    assert.equal(liveSlots(region).contexts, 1);
    drops[order[2]!]!();
    assert.equal(liveSlots(region).contexts, 0);
  }
  assertQuiet(region);
});

test('S7: references come from the owning task and from each counter', () => {
  const { region, cpu } = makeWorld();
  const task = cpu.fork(cpu.root, 0);
  const first = cpu.openCounter({ event: TASK_CLOCK, task });
  const context = contextOf(region, task);
  assert.equal(refs(region, context), 2);
  cpu.openCounter({ event: CPU_CLOCK, task });
  assert.equal(refs(region, context), 3);
  cpu.close(first);
  assert.equal(refs(region, context), 2);
  cpu.exit(task);
  assert.equal(refs(region, context), 1);
});

test('S8: counters can outlive the task, and are read as before', () => {
  const world = makeWorld();
  const { region, cpu } = world;
  const task = cpu.fork(cpu.root, 0);
  const counter = cpu.openCounter({ event: TASK_CLOCK, task });
  run(world, task, 500);
  cpu.exit(task);
  world.pmu.advance(1000);
  assert.equal(liveSlots(region).contexts, 1);
  assert.deepEqual(cpu.read(counter), { value: 500, enabled: 500, running: 500 });
  cpu.close(counter);
  assertQuiet(region);
});

test('S9: a context is allocated at fork if the parent had one with something to inherit', () => {
  const { region, cpu } = makeWorld();
  const counter = cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const child = cpu.fork(cpu.root, 0);
  assert.notEqual(contextOf(region, child), contextOf(region, cpu.root));
  assert.equal(refs(region, contextOf(region, child)), 2);
  cpu.close(counter);
  assert.equal(contextOf(region, cpu.fork(cpu.root, 0)), 0, 'an empty context is not copied');
  cpu.openCounter({ event: TASK_CLOCK });
  assert.equal(
    contextOf(region, cpu.fork(cpu.root, 0)),
    0,
    'nor one with nothing to inherit (modern rule, S4)',
  );
});

test('S10: otherwise it is allocated with the first counter opened on the task', () => {
  const { region, cpu } = makeWorld();
  const task = cpu.fork(cpu.root, 0);
  cpu.openCounter({ event: TASK_CLOCK, task });
  const context = contextOf(region, task);
  assert.ok(context > 0);
  cpu.openCounter({ event: CPU_CLOCK, task });
  assert.equal(contextOf(region, task), context);
  cpu.openCounter({ event: TASK_CLOCK, thread: true });
  assert.equal(contextOf(region, cpu.root), 0, "a counter on the thread takes the thread's own context");
});

test('S11: it is published with one compare-and-exchange, complete', () => {
  const { region, cpu } = makeWorld();
  const task = cpu.fork(cpu.root, 0);
  let seen = 0;
  const word = region.taskW + task * 16 + K_CONTEXT;
  beforeExchangeOf(
    word,
    () => seen++,
    () => findContext(cpu, task),
  );
  assert.equal(seen, 1);
  const context = contextOf(region, task);
  assert.equal(contextWord(region, context, C_TASK), task);
  assert.equal(
    refs(region, context),
    2,
    "the task's reference and the finder's were there before it was visible",
  );
  assert.equal(
    publishContext(region, task, newContext(cpu, task)),
    false,
    'a published context is not replaced',
  );
});

test('S12: of two racing openers one wins, and the loser uses the winner’s', () => {
  const { region, cpu } = makeWorld();
  const task = cpu.fork(cpu.root, 0);
  const counters: CounterHandle[] = [];
  const open = (): void => void counters.push(cpu.openCounter({ event: TASK_CLOCK, task }));
  beforeExchangeOf(region.taskW + task * 16 + K_CONTEXT, open, open);
  assert.equal(liveSlots(region).contexts, 1, 'the loser freed its own');
  assert.equal(counters.length, 2);
  for (const counter of counters) assert.equal(contextOfCounter(region, counter), contextOf(region, task));
  assert.equal(refs(region, contextOf(region, task)), 3);
});

test('S13: a counter has no pointer to the task', () => {
  const { region, cpu } = makeWorld();
  for (let i = 0; i < 50; i++) cpu.fork(cpu.root, 0);
  const task = cpu.fork(cpu.root, 0);
  const counter = cpu.openCounter({ event: TASK_CLOCK, task });
  const words = Array.from({ length: COUNTER_BYTES / 4 }, (_, i) => counterWord(region, counter, i));
  assert.equal(words.includes(task), false);
});

test('S14: so a transfer writes no counter, however many there are', () => {
  const { region, cpu } = makeWorld();
  const family = [TASK_CLOCK, CPU_CLOCK, TASK_SWITCHES].map((event) =>
    cpu.openCounter({ event, inherit: true }),
  );
  const a = cpu.fork(cpu.root, 0);
  const b = cpu.fork(cpu.root, 0);
  cpu.switchTo(a);
  const from = region.counterW * 4;
  const bytes = (): Uint8Array => region.u8.slice(from, from + COUNTER_BYTES * 32);
  const before = bytes();
  cpu.switchTo(b);
  assert.deepEqual(bytes(), before);
  assert.equal(family.length, 3);
});

test('S15: who needs the counter’s task asks its context', () => {
  const { region, cpu } = makeWorld();
  cpu.openCounter({ event: TASK_CLOCK, inherit: true });
  const a = cpu.fork(cpu.root, 0);
  const b = cpu.fork(cpu.root, 0);
  const counter = contextWord(region, contextOf(region, a), C_FIRST);
  const taskOf = (): number => contextWord(region, counterWord(region, counter, R_CONTEXT), C_TASK);
  cpu.switchTo(a);
  assert.equal(taskOf(), a);
  cpu.switchTo(b);
  assert.equal(taskOf(), b);
  const onThread = cpu.openCounter({ event: TASK_CLOCK, thread: true });
  assert.equal(contextWord(region, contextOfCounter(region, onThread), C_TASK), 0);
});

/** The words S16 and S17 speak of. */
function assertFresh(region: Region, context: number, task: number): void {
  const words = [C_REFS, C_TASK, C_FIRST, C_LAST, C_COUNT, C_PARENT, C_PINS, C_ACTIVE, C_STAT];
  assert.deepEqual(
    words.map((word) => contextWord(region, context, word)),
    [1, task, 0, 0, 0, 0, 0, 0, 0],
  );
  assert.equal(region.f64[region.contextF + context * 8 + C_F64_TIME], 0);
}

test('S16: initialising a context sets its count to 1, the task’s reference', () => {
  const { region, cpu } = makeWorld();
  const task = cpu.fork(cpu.root, 0);
  cpu.close(cpu.openCounter({ event: TASK_CLOCK, task }));
  run({ cpu, pmu: makeWorld().pmu }, task, 0);
  cpu.exit(task);
  const other = cpu.fork(cpu.root, 0);
  assertFresh(region, newContext(cpu, other), other); // a slot with a past
});

test('S17: and is the same for a thread’s context, whose first reference is never dropped', () => {
  const { region, cpu } = makeWorld();
  assertFresh(region, newContext(cpu, 0), 0);
  const counter = cpu.openCounter({ event: TASK_CLOCK, thread: true });
  const context = region.i32[threadWord(region.layout, 0) + T_CONTEXT]!;
  assert.equal(refs(region, context), 2);
  cpu.close(counter);
  assert.equal(refs(region, context), 1);
});

test('S18: a counter is deleted once, though exit and close both come for it', () => {
  const { region, cpu } = makeWorld();
  for (const closeFirst of ['leader', 'sibling', 'single']) {
    const task = cpu.fork(cpu.root, 0);
    const leader = cpu.openCounter({ event: TASK_CLOCK, task });
    const handles: Record<string, CounterHandle> = {
      leader,
      sibling: cpu.openCounter({ event: CPU_CLOCK, task, group: leader }),
      single: cpu.openCounter({ event: TASK_SWITCHES, task }),
    };
    const context = contextOf(region, task);
    cpu.exit(task);
    assert.equal(contextWord(region, context, C_COUNT), 0);
    cpu.close(handles[closeFirst]!);
    assert.equal(contextWord(region, context, C_COUNT), 0, 'not below');
    for (const [name, handle] of Object.entries(handles)) if (name !== closeFirst) cpu.close(handle);
    assertQuiet(region);
  }
});

test('S19: taking a counter off its list is a no-op when it is on none', () => {
  const { region, cpu } = makeWorld();
  const counter = cpu.openCounter({ event: TASK_CLOCK, inheritStat: true });
  cpu.openCounter({ event: CPU_CLOCK });
  const context = contextOf(region, cpu.root);
  const words = (): number[] =>
    [C_COUNT, C_STAT, C_GENERATION].map((word) => contextWord(region, context, word));
  listDel(region, context, counter);
  const once = words();
  assert.deepEqual(once.slice(0, 2), [1, 0]);
  listDel(region, context, counter);
  assert.deepEqual(words(), once);
});

test('S20: switching to a task without a context leaves nothing active, and no reading is taken between two such', () => {
  const world = makeWorld();
  const { cpu, pmu } = world;
  const counted = cpu.fork(cpu.root, 0);
  cpu.openCounter({ event: TASK_CLOCK, task: counted });
  const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
  cpu.switchTo(counted);
  assert.notEqual(cpu.active, 0);
  cpu.switchTo(a);
  assert.equal(cpu.active, 0);
  const { reads } = pmu;
  run(world, b, 30);
  run(world, a, 40);
  assert.equal(pmu.reads, reads);
  assertBooks(world);
});

test('S21: a running task that opens its first counter is counted at once', () => {
  const world = makeWorld();
  const { region, cpu, pmu } = world;
  const task = cpu.fork(cpu.root, 0);
  run(world, task, 100);
  const counter = cpu.openCounter({ event: TASK_CLOCK });
  assert.equal(cpu.active, contextOf(region, task));
  pmu.advance(25);
  assert.equal(cpu.read(counter).value, 25);
});

test('S22: an install for a context that is not the running task’s leaves what is active alone', () => {
  const { region, cpu } = makeWorld();
  cpu.openCounter({ event: TASK_CLOCK });
  const active = contextOf(region, cpu.root);
  const task = cpu.fork(cpu.root, 0);
  cpu.openCounter({ event: TASK_CLOCK, task });
  assert.equal(cpu.active, active, 'another context is active');
  cpu.disableCounters(cpu.root);
  assert.equal(cpu.active, 0);
  repairActive(cpu, contextOf(region, task), task);
  assert.equal(cpu.active, 0, 'its task does not run');
});

test('S23: enabling one counter repairs what a prctl disable left inactive', () => {
  const { region, cpu, pmu } = makeWorld();
  const counter = cpu.openCounter({ event: TASK_CLOCK });
  pmu.advance(10);
  cpu.disableCounters(cpu.root);
  pmu.advance(100);
  cpu.enable(counter);
  assert.equal(cpu.active, contextOf(region, cpu.root));
  pmu.advance(5);
  assert.deepEqual(cpu.read(counter), { value: 15, enabled: 15, running: 15 });
});

test('S24: a prctl disable leaves no active context while the task runs on', () => {
  const world = makeWorld();
  const { region, cpu } = world;
  const task = cpu.fork(cpu.root, 0);
  cpu.openCounter({ event: TASK_CLOCK, task });
  cpu.switchTo(task);
  cpu.disableCounters(task);
  assert.equal(cpu.active, 0);
  assert.equal(cpu.current, task);
  assert.equal(contextWord(region, contextOf(region, task), C_ACTIVE), 0);
  cpu.switchTo(cpu.root);
  cpu.switchTo(task);
  assert.equal(cpu.active, contextOf(region, task), 'until it is switched to again');
});

test('a dead task holds a tombstone: attaching to it is ESRCH, whatever the moment (H2, H26, H47)', () => {
  const { region, cpu } = makeWorld();
  const task = cpu.fork(cpu.root, 0);
  cpu.retain(task);
  cpu.exit(task);
  assert.equal(contextOf(region, task), TOMBSTONE);
  assert.throws(() => cpu.openCounter({ event: TASK_CLOCK, task }), { code: 'ESRCH' });
  cpu.release(task);
  const dying = cpu.fork(cpu.root, 0);
  cpu.retain(dying);
  const word = region.taskW + dying * 16 + K_CONTEXT;
  const attach = (c: Cpu): void => void c.openCounter({ event: TASK_CLOCK, task: dying });
  beforeExchangeOf(
    word,
    () => cpu.exit(dying),
    () => assert.throws(() => attach(cpu), { code: 'ESRCH' }),
  );
  cpu.release(dying);
  assertQuiet(region);
});

test('a reference is never taken on a context that has none left (I3)', () => {
  const { region, cpu } = makeWorld();
  const context = newContext(cpu, cpu.root);
  assert.equal(getContext(region, context), true);
  putContext(cpu, context, 2);
  assert.equal(getContext(region, context), false);
  assert.throws(() => putContext(cpu, context), /put once per reference/);
  assert.equal(CONTEXT_BYTES, 64);
});
