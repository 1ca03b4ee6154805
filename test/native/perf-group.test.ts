// The groups of kernel counters by themselves: perf-group.c counts known work and prints what it read. Where the processor
// offers counters (the emulated arm64 machine of the CI does, most virtual machines do not), hardware events are tried, too.
// TASKPERF_PERF_DRIVER names perf-group.c compiled elsewhere, for a machine without a compiler.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { EACCES, EBADF, EINVAL, ENOENT, ENOSPC, EPERM } = os.constants.errno;
const directory = mkdtempSync(path.join(os.tmpdir(), 'taskperf-perf-group-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const driver = process.env['TASKPERF_PERF_DRIVER'] ?? compiled();

interface Reading {
  readonly values: readonly number[];
  readonly missed: readonly number[];
  readonly reads: number;
  readonly readable: 0 | 1;
  readonly errno: number;
}

const software = driver === null ? 'no C compiler' : refusal('counts');
const hardware = driver === null ? 'no C compiler' : refusal('agree');

describe('a group of kernel counters', { skip: software }, () => {
  test('counts from 0, exactly, and costs one read', () => {
    const found = run<{ cpu: number; pages: number; sleeps: number; before: number[]; reading: Reading }>(
      'counts',
    );
    const [faults, switches, migrations, taskClock] = found.reading.values;
    // Our own code and the sanitizer touch pages for the first time, too; the kernel may preempt.
    for (const count of found.before.slice(0, 3)) within(count, 0, 20);
    within(faults!, found.pages, found.pages * 1.2);
    within(switches!, found.sleeps, found.sleeps + 100);
    within(migrations!, 0, found.sleeps + 100);
    // The kernel’s own part of each switch is in the one and not in the other.
    within(taskClock!, found.cpu * 0.8, found.cpu * 1.01 + 10_000 * switches! + 200_000);
    // Opening it took two more.
    assert.deepEqual(
      { ...found.reading, values: [] },
      { values: [], missed: [0], reads: 4, readable: 0, errno: 0 },
    );
  });

  test('is added as a whole or not at all, and says which event was refused', () => {
    assert.deepEqual(run('refused'), { errno: ENOENT, failed: 2, events: 1, leaked: 0 });
  });

  test('is refused when the table is full; the others go on', () => {
    const { values, ...found } = run<{ values: number[] }>('full');
    assert.deepEqual(found, { added: 24, errno: ENOSPC, leaked: 0 });
    assert.equal(values.length, 24);
    for (const value of values) within(value, 1000, 1200);
  });

  test('that cannot be read any more keeps its values and says so; the others go on', () => {
    const { before, after: later, other } = run<{ before: Reading; after: Reading; other: number }>('lost');
    assert.equal(before.errno, 0);
    assert.equal(later.errno, EBADF);
    assert.equal(later.values[0], before.values[0]);
    within(later.values[1]!, before.values[1]! + 1000, before.values[1]! + 1200);
    assert.equal(other, 0);
  });

  test('is read two hundred thousand times without a step back, by one system call each', () => {
    const { ns, ...found } = run<{ ns: number }>('overhead');
    assert.deepEqual(found, { backwards: 0, reads: 1, readable: 0 });
    assert.ok(ns > 0);
  });

  test('is refused as by the kernel with TASKPERF_NO_PERF=1', () => {
    assert.deepEqual(run('counts', { TASKPERF_NO_PERF: '1' }), { errno: EACCES, failed: 0 });
  });
});

describe('a group of hardware counters', { skip: hardware }, () => {
  const readsInUserSpace = hardware === false && run<{ readable: number }>('agree').readable === 1;

  test('counts the instructions of a known loop, by both ways of reading', () => {
    const found = run<{ expected: number; user: number[]; read: number[] }>('agree');
    // Between two readings lie the end of the one and the beginning of the other.
    for (const counted of [...found.user, ...found.read])
      within(counted, found.expected, found.expected + 500);
  });

  test('is read without a system call, and never goes back when the ways alternate', {
    skip: !readsInUserSpace && 'the kernel lets nobody read counters in user space here',
  }, () => {
    const { ns, ...found } = run<{ ns: number; reads: number }>('user-reads');
    assert.deepEqual({ ...found, reads: 0 }, { backwards: 0, reads: 0, readable: 1 });
    within(found.reads, 0, 0.01);
    assert.ok(ns > 0);
  });

  test('is read by the kernel with TASKPERF_NO_RDPMC=1', () => {
    const { ns, ...found } = run<{ ns: number }>('user-reads', { TASKPERF_NO_RDPMC: '1' });
    assert.deepEqual(found, { backwards: 0, reads: 1, readable: 0 });
    assert.ok(ns > 0);
  });

  for (const scenario of ['multiplexed', 'blocking']) {
    test(`tells what it missed, so that a value counted part of the time can be scaled: ${scenario}`, () => {
      const found = run<{ pinned: number; expected: number; cpu: number; reading: Reading }>(scenario);
      assert.deepEqual([found.pinned, found.reading.errno], [0, 0]);
      for (const [group, value] of found.reading.values.entries()) {
        const missed = found.reading.missed[group]!;
        assert.ok(missed > found.cpu / 4, 'twelve counters do not fit');
        const scaled = (value * found.cpu) / (found.cpu - missed);
        within(scaled, found.expected * 0.99, found.expected * 1.01);
      }
    });
  }

  test('is refused when it is larger than the PMU', () => {
    const { failed, ...found } = run<{ failed: number }>('too-large');
    assert.deepEqual(found, { errno: EINVAL, leaked: 0 });
    within(failed, 1, 23);
  });

  test('goes on past the width of the registers', () => {
    const found = run<{ expected: number; backwards: number; reading: Reading }>('wide');
    assert.equal(found.backwards, 0);
    within(found.reading.values[0]!, found.expected, found.expected * 1.0001);
  });
});

function compiled(): string | null {
  const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
  if (compiler === undefined || process.platform !== 'linux') return null;
  const file = path.join(directory, 'perf-group');
  const sources = [
    'test/native/perf-group.c',
    ...['group', 'page', 'open'].map((name) => `native/perf_${name}.c`),
  ];
  const flags = ['-std=c11', '-O1', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];
  const build = spawnSync(compiler, [...flags, ...sources, '-o', file], { cwd: root, encoding: 'utf8' });
  assert.equal(build.status, 0, build.stderr);
  return file;
}

function run<T>(scenario: string, env: Record<string, string> = {}): T {
  const { status, stdout, stderr } = spawnSync(driver!, [scenario], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as T;
}

/** Why the kernel counts none of the scenario's events here; false when it does. */
function refusal(scenario: string): string | false {
  const { errno, failed } = run<{ errno?: number; failed?: number }>(scenario);
  if (failed === undefined) return false;
  assert.ok([EACCES, EPERM, ENOENT].includes(errno!), `perf_event_open gave errno ${errno}`);
  return `the kernel refuses these events (errno ${errno})`;
}

function within(value: number, least: number, most: number): void {
  assert.ok(value >= least && value <= most, `${value} is not from ${least} to ${most}`);
}
