/** From regions to views: regions made by hand, and the windows between looks at them. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { Observer } from '#cli/top/observer.js';
import { Running } from '#cli/top/running.js';
import { CPU_CLOCK, TASK_CLOCK } from '#core/events.js';
import {
  Q_F64_ID,
  Q_F64_NEWEST_BEGIN,
  Q_F64_NEWEST_WALL,
  Q_F64_SLICE,
  Q_KIND,
  Q_NAME,
  WHO_TASK,
} from '#core/blockages.js';
import * as L from '#core/layout.js';
import { NATIVE_LEFT, NATIVE_NOW, NATIVE_POLLED, NATIVE_SECTION, T_BYTE_BLOCKAGES } from '#core/outside.js';
import { Fabricated } from '../fabricate.ts';

interface Made {
  readonly observer: Observer;
  readonly region: Fabricated;
  /** Changes of `region` are in the file from now on. */
  readonly write: () => void;
}

/** A region of this very process, so that it counts as alive, and an observer of it. */
function made(t: TestContext, prepare: (region: Fabricated) => void = () => undefined): Made {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-test-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const region = new Fabricated(process.pid, 0);
  region.i32[L.H_STATE] = L.PROCESS_RUNNING;
  prepare(region);
  const file = path.join(directory, String(process.pid));
  const write = (): void => fs.writeFileSync(file, region.bytes, { mode: 0o600 });
  write();
  const observer = new Observer({ title: 'test', pids: [], files: () => [file] });
  t.after(() => observer.close());
  return { observer, region, write };
}

function rowNamed(view: ReturnType<Observer['refresh']>, name: string): (typeof view.names)[number] {
  return view.names.find((row) => row.name === name) ?? assert.fail(`a row ${name}`);
}

void test('the first look has no window; the next one has what came in between', (t) => {
  const { observer, region, write } = made(t);
  const name = region.name('GET /');
  for (let i = 0; i < 5; i++) region.exit(name, 1e6);
  write();
  const first = observer.refresh();
  assert.equal(first.windowNs, undefined);
  assert.equal(rowNamed(first, 'GET /').exits, 5);
  assert.equal(rowNamed(first, 'GET /').windowSpread(TASK_CLOCK), undefined);
  assert.equal(rowNamed(first, 'GET /').allSpread(TASK_CLOCK)?.max, 1e6);
  for (let i = 0; i < 3; i++) region.exit(name, 2e6);
  write();
  const second = observer.refresh();
  const row = rowNamed(second, 'GET /');
  assert.ok(second.windowNs! > 0);
  assert.deepEqual([row.exits, row.windowExits, row.windowCpuNs], [8, 3, 6e6]);
  assert.equal(row.windowSpread(TASK_CLOCK)?.min, 2e6);
  assert.equal(row.allSpread(TASK_CLOCK)?.min, 1e6);
  assert.equal(rowNamed(observer.refresh(), 'GET /').windowExits, 0);
});

void test('what was shown does not change with what comes', (t) => {
  const { observer, region, write } = made(t);
  const name = region.name('GET /');
  region.exit(name, 1e6);
  write();
  const view = observer.refresh();
  region.exit(name, 5e6);
  write();
  observer.refresh();
  assert.equal(rowNamed(view, 'GET /').allSpread(TASK_CLOCK)?.max, 1e6);
  assert.deepEqual(
    [...view.costs.values()].flat().reduce((sum, one) => sum + one),
    1,
  );
});

void test('live is what began and has not ended; no task is looked at for it', (t) => {
  const { observer } = made(t, (region) => {
    const name = region.name('GET /hold');
    region.f64[L.nameTotalF64(region.layout, 0, name) + L.NT_F64_STARTS] = 1_000_000;
  });
  const view = observer.refresh();
  assert.equal(rowNamed(view, 'GET /hold').live, 1_000_000);
  assert.equal(view.total.live, 1_000_000);
});

void test('CPU time never goes back: a task that ends while we look is counted once', (t) => {
  const { observer, region, write } = made(t);
  const name = region.name('GET /');
  const sum = L.nameTotalF64(region.layout, 0, name) + L.NT_F64_SUM + TASK_CLOCK;
  const windows = [10e6, 4e6, 15e6].map((total) => {
    region.exit(name, 0);
    region.f64[sum] = total;
    write();
    return rowNamed(observer.refresh(), 'GET /').windowCpuNs;
  });
  assert.deepEqual(windows.slice(1), [0, 5e6]);
});

/** The words of a thread that has been in JavaScript, or in the loop, since `sinceNs`. */
function setThread(region: Fabricated, kind: 'nobody' | 'loop' | 'idle', sinceNs: number): void {
  const native = L.threadF64(region.layout, 0) + L.T_F64_NATIVE;
  region.f64[native + NATIVE_NOW] = sinceNs;
  region.f64[native + NATIVE_SECTION] = kind === 'nobody' ? sinceNs : sinceNs - 2;
  region.f64[native + NATIVE_LEFT] = kind === 'nobody' ? sinceNs - 1 : sinceNs;
  region.f64[native + NATIVE_POLLED] = kind === 'idle' ? sinceNs + 1 : 0;
}

void test('a thread that does not account for its time is shown to spend it', (t) => {
  for (const [kind, part] of [
    ['nobody', 'other'],
    ['loop', 'loop'],
    ['idle', 'idle'],
  ] as const) {
    const { observer } = made(t, (region) => setThread(region, kind, Number(process.hrtime.bigint()) - 5e9));
    const first = observer.refresh().threads[0]!;
    assert.ok(first.holder!.forNs >= 5e9 && first.holder!.forNs < 60e9);
    const { share, holder } = observer.refresh().threads[0]!;
    assert.equal(holder!.kind, kind);
    assert.ok(share![part] > 0.9, `${kind}: ${JSON.stringify(share)}`);
  }
});

void test('what is chargeable and not booked yet is in the bar', (t) => {
  const { observer, region, write } = made(t);
  observer.refresh();
  region.f64[L.threadF64(region.layout, 0) + L.T_F64_CHARGEABLE + CPU_CLOCK] = 1e15;
  write();
  assert.ok(observer.refresh().threads[0]!.share!.other > 0.99);
});

void test('the kernel says what a thread has used since it last accounted for its time', (t) => {
  const running = new Running(process.pid);
  const readingNs = Number(process.hrtime.bigint());
  const holder = { kind: 'task', name: 'x', id: 1, sinceNs: readingNs, tid: 0, readingNs } as const;
  running.cpuNs(0, holder, readingNs);
  const before = process.cpuUsage();
  while (process.cpuUsage(before).user < 100_000);
  const atNs = Number(process.hrtime.bigint());
  const usedNs = running.cpuNs(0, holder, atNs);
  assert.ok(usedNs >= 50e6 && usedNs <= atNs - readingNs, `${usedNs} ns`);
  if (running.isOnCpu(0) === undefined) t.skip('no /proc here');
  else assert.equal(running.isOnCpu(0), true);
});

void test('what is impossible in a region is said', (t) => {
  const { observer } = made(t, (region) => {
    region.f64[L.threadF64(region.layout, 0) + L.T_F64_LOOP + TASK_CLOCK] = NaN;
  });
  const { notes } = observer.refresh();
  assert.match(notes.join('\n'), /^damaged region: .*: a sum of a thread is no amount$/);
});

/** A section that ended just now, as the newest of the thread, with the task that had the longest slice of it. */
function setNewestBlockage(region: Fabricated, of: { wallNs: number; sliceNs: number; name: number }): void {
  const at = L.threadF64(region.layout, 0) + T_BYTE_BLOCKAGES / 8;
  region.f64[at + Q_F64_NEWEST_BEGIN] = Number(process.hrtime.bigint()) + 60e9 - of.wallNs;
  region.f64[at + Q_F64_NEWEST_WALL] = of.wallNs;
  region.f64[at + Q_F64_ID] = 250;
  region.f64[at + Q_F64_SLICE] = of.sliceNs;
  region.i32[at * 2 + Q_NAME] = of.name;
  region.i32[at * 2 + Q_KIND] = WHO_TASK;
}

void test('a blockage of the window is shown also when it is none of the longest, with what was really its task’s', (t) => {
  const { observer } = made(t, (region) => {
    setNewestBlockage(region, { wallNs: 116e6, sliceNs: 2e6, name: region.name('zero') });
  });
  assert.deepEqual(observer.refresh().threads[0]!.blocked, {
    wallNs: 116e6,
    longest: { by: 'zero #250', ns: 2e6 },
  });
});

void test('one process of several that has ended is in the sums, and not among what is alive', (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-test-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const files = [process.pid, 0x7ffffff0].map((pid) => {
    const region = new Fabricated(pid, 0);
    region.i32[L.H_STATE] = L.PROCESS_RUNNING;
    const name = region.name('GET /');
    region.exit(name, 1e6);
    region.f64[L.nameTotalF64(region.layout, 0, name) + L.NT_F64_STARTS]! += 3;
    const file = path.join(directory, String(pid));
    fs.writeFileSync(file, region.bytes, { mode: 0o600 });
    return file;
  });
  const observer = new Observer({ title: 'test', pids: [], files: () => files });
  t.after(() => observer.close());
  const alone = new Observer({ title: 'test', pids: [], files: () => files.slice(1) });
  t.after(() => alone.close());
  for (let look = 0; look < 3; look++) {
    const view = observer.refresh();
    assert.deepEqual(
      view.threads.map(({ pid }) => pid),
      [process.pid],
    );
    assert.deepEqual([view.total.exits, view.total.live], [2, 3]);
    assert.equal(observer.hasEnded, false);
    const last = alone.refresh();
    assert.deepEqual([last.threads.length, last.total.live], [1, 3], 'its last state');
  }
});
