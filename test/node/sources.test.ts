/**
 * What is counted beside the clocks, on this machine's own kernel: each task gets what it caused, and what a thread counts
 * of an event is what its tasks and nobody were given.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Counter, TaskperfError, openCounter, openGroup, spawn } from '#node/index.js';
import { currentThread } from '#node/attach.js';
import { hasFailed } from '#node/lines.js';
import { loadAddon } from '#node/addon.js';
import {
  T_F64_LATE,
  T_F64_LOOP,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  threadF64,
} from '#core/index.js';

const skip = loadAddon() === null && 'needs the addon';
const PAGE_BYTES = 4096;
/** Of WebAssembly: 16 of the machine's. */
const WASM_PAGE_BYTES = 65_536;
/** Not among the types of Node.js. */
declare const WebAssembly: { Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } };

/** Kept, or the next would be given the same again. */
const kept: Uint8Array[] = [];

/** Memory that the kernel has just mapped: what malloc gives may have been touched by whoever had it before. */
function freshPages(pages: number): Uint8Array {
  const initial = (pages * PAGE_BYTES) / WASM_PAGE_BYTES;
  const memory = new Uint8Array(new WebAssembly.Memory({ initial }).buffer);
  kept.push(memory);
  return memory;
}

/** Touches so many fresh pages, a multiple of 128: some in each of its slices. */
async function touch(pages: number): Promise<void> {
  for (let slice = 0; slice < 8; slice++) {
    const memory = freshPages(pages / 8);
    for (let at = 0; at < memory.length; at += PAGE_BYTES) memory[at] = 1;
    await new Promise(setImmediate);
  }
}

function close(counters: readonly Counter[]): number[] {
  const values = counters.map((counter) => counter.read().value);
  for (const counter of counters) counter.close();
  return values;
}

test('page faults go to the task that touched the pages, whatever runs in between', { skip }, async () => {
  const run = (pages: number): Promise<number> =>
    spawn(`touch ${pages}`, async () => {
      const counter = openCounter({ event: 'page-faults' });
      await touch(pages);
      return close([counter])[0]!;
    });
  // The collector touches pages, too, for whoever allocates next: up to 170 were seen.
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const faults = await Promise.all([run(1_024), run(8_192), run(0), run(2_048)]);
  for (const [i, pages] of [1_024, 8_192, 0, 2_048].entries()) {
    const more = faults[i]! - pages;
    assert.ok(more >= 0 && more < 200, `${faults[i]} faults for ${pages} pages`);
  }
});

test('the kernel counts faults as getrusage does', { skip }, async () => {
  await spawn('both', async () => {
    // One by perf_event_open, the parts by getrusage: two readings of one truth.
    const counters = ['page-faults', 'minor-faults', 'major-faults'].map((event) => openCounter({ event }));
    await touch(4_096);
    const [all, minor, major] = close(counters);
    assert.ok(all! >= 4_096);
    assert.ok(Math.abs(all! - (minor! + major!)) <= 20, `${all} = ${minor} + ${major}`);
  });
});

test('context switches: a task that blocks the thread is charged with them', { skip }, async () => {
  const block = (times: number): Promise<number[]> =>
    spawn('block', async () => {
      const counters = openGroup(['context-switches', 'voluntary-switches', 'involuntary-switches']);
      const cell = new Int32Array(new SharedArrayBuffer(4));
      const before = counters[0]!.readGroup();
      for (let i = 0; i < times; i++) {
        Atomics.wait(cell, 0, 0, 1);
        await null;
      }
      const after = counters[0]!.readGroup();
      close(counters);
      return after.map(({ value }, i) => value - before[i]!.value);
    });
  const [many, none] = await Promise.all([block(40), block(0)]);
  assert.ok(
    none!.every((count) => count <= 2),
    none!.join(),
  );
  const [all, voluntary, involuntary] = many!;
  assert.ok(voluntary! >= 40 && voluntary! < 60, `${voluntary} voluntary switches`);
  // Read one after the other: the thread may lose its core in between.
  assert.ok(Math.abs(all! - voluntary! - involuntary!) <= 1, many!.join());
});

test('what the thread counts is what tasks, nobody and the loop were given: error 0', { skip }, async () => {
  const thread = currentThread();
  const { f64, layout } = thread.cpu.region;
  const line = (part: number, event: number): number =>
    f64[threadF64(layout, thread.cpu.index) + part + event]!;
  const events = ['page-faults', 'context-switches', 'gc-time', 'gc-count', 'alloc-bytes', 'external-bytes'];
  const onThread = events.map((event) => openCounter({ event, thread: true }));
  const before = onThread.map(({ event }) => line(T_F64_TOTAL, event.id));
  await Promise.all([spawn('a', () => touch(512)), spawn('b', () => touch(1_024))]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const values = onThread.map((counter) => counter.read().value);
  const PARTS = [T_F64_TASKS, T_F64_UNATTRIBUTED, T_F64_LATE, T_F64_LOOP];
  const afterwards = onThread.map(({ event }) => [...PARTS, T_F64_TOTAL].map((part) => line(part, event.id)));
  close(onThread);
  onThread.forEach(({ event }, i) => {
    const parts = afterwards[i]!.slice(0, -1);
    const total = afterwards[i]!.at(-1)!;
    const sum = parts.reduce((all, value) => all + value, 0);
    assert.equal(sum, total, event.name);
    assert.ok(values[i]! <= total - before[i]!, `${event.name}: ${values[i]} of ${total}`);
  });
});

test('names: aliases, groups, and what is wrong is said with a code', { skip }, () => {
  const alias = openCounter({ event: 'faults' });
  assert.equal(alias.event.name, 'page-faults');
  alias.close();
  const refused: [string, string][] = [
    ['pagefaults', 'ENOENT'],
    ['page-faults,cs', 'EINVAL'],
    ['page-faults:z', 'EINVAL'],
    ['', 'EINVAL'],
  ];
  for (const [event, code] of refused) {
    assert.throws(
      () => openCounter({ event }),
      (error: unknown) => error instanceof TaskperfError && error.code === code,
      event,
    );
  }
});

test('while nothing is counted no kernel counter is open', { skip }, () => {
  const perfFiles = (): number =>
    fs.readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`).includes('perf_event');
      } catch {
        return false; // the descriptor of the listing itself
      }
    }).length;
  const before = perfFiles();
  const counters = openGroup(['page-faults', 'cpu-migrations']);
  assert.equal(perfFiles(), before + 2);
  close(counters);
  assert.equal(perfFiles(), before);
});

test("the program's own descriptors have the numbers that they have without us", { skip }, () => {
  const next = (): number => {
    const fd = fs.openSync('/dev/null', 'r');
    fs.closeSync(fd);
    return fd;
  };
  const before = next();
  const counters = openGroup(['page-faults', 'cpu-migrations']);
  assert.equal(next(), before);
  close(counters);
});

test('what was refused is tried again, the culprit of a group is named, the others are not its victims', {
  skip,
}, () => {
  const lasting = openCounter({ event: 'task-clock' });
  // No machine has this one.
  const group = ['page-faults', 'software/config=0x7f,name=nothing/'];
  assert.throws(() => openGroup(group), { code: 'ENOENT', message: /"nothing"/ });
  const again = openCounter({ event: 'page-faults' });
  assert.ok(again.read().value >= 0);
  close([again, lasting]);
});

test('places of events are given back: any number of them, one after the other', { skip }, () => {
  for (let i = 0; i < 60; i++) {
    const counter = openCounter({ event: `software/config=0x2,name=faults${i}/` });
    freshPages(256).fill(1);
    assert.ok(counter.read().value > 100, `${i}: ${counter.read().value} faults`);
    counter.close();
  }
});

test('one name is one event while it is counted', { skip }, () => {
  const first = openCounter({ event: 'software/config=0x2,name=mine/' });
  assert.throws(() => openCounter({ event: 'software/config=0x3,name=mine/' }), { code: 'EINVAL' });
  first.close();
  const second = openCounter({ event: 'software/config=0x3,name=mine/' });
  second.close();
});

test('a kernel counter that fails stands still, is marked, and the program goes on', { skip }, async () => {
  const thread = currentThread();
  await spawn('fails', async () => {
    const counters = openGroup(['page-faults', 'cpu-migrations', 'task-clock']);
    await touch(128);
    const before = counters[0]!.read().value;
    for (const fd of fs.readdirSync('/proc/self/fd')) {
      try {
        if (fs.readlinkSync(`/proc/self/fd/${fd}`).includes('perf_event')) fs.closeSync(Number(fd));
      } catch {
        // the listing's own
      }
    }
    await touch(1_024);
    const [faults, , clock] = counters.map((counter) => counter.read().value);
    assert.ok(faults! - before < 50, 'the value stands still');
    assert.ok(clock! > 0);
    assert.ok(hasFailed(thread, counters[0]!.event.id));
    close(counters);
  });
});
