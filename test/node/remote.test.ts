/** Counters on a task of another thread, which is blocked; by the library, without `taskperf stat` and under it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const noAddon = process.env['TASKPERF_NO_ADDON'] === '1' && 'without the addon threads share no region';
const program = 'test/fixtures/programs/remote-counters.mjs';
const cli = path.join(root, 'dist/cli/main.js');

interface Reading {
  value: number;
  enabled: number;
}
interface Result {
  opened: { opens: number[]; others: number[]; value: number; alive: boolean; name: string };
  burned: number;
  read: Reading[];
  closed: boolean;
  dead: string;
  job: { burned: number; inherited: number; own: number };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

for (const [mode, prefix] of [
  ['by the library alone', []],
  ['under taskperf stat', [cli, 'stat', '-o', os.devNull, '--']],
] as const) {
  test(`a counter opened on a task of a blocked thread counts from its next safepoint, ${mode}`, {
    skip: noAddon,
  }, () => {
    const command = prefix.length === 0 ? [program] : [...prefix, process.execPath, program];
    const run = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    const { opened, burned, read, closed, dead, job } = JSON.parse(run.stdout) as Result;
    // The machine may be busy with other things: of many, most are not disturbed.
    assert.ok(median(opened.opens) < 1, `opens took ${opened.opens.join(', ')} ms`);
    assert.ok(median(opened.others) < 1, `others took ${opened.others.join(', ')} ms`);
    assert.ok(Math.max(...opened.opens) < 500, 'nobody waits for the blocked thread');
    assert.deepEqual([opened.value, opened.alive, opened.name], [0, true, 'victim']);
    const [clock, faults] = read as [Reading, Reading];
    assert.ok(clock.value >= burned * 0.9, `${clock.value} of ${burned}`);
    assert.ok(clock.value <= burned + 100e6, `${clock.value}: nothing of the time before`);
    assert.ok(clock.enabled > 0 && faults.enabled > 0);
    assert.equal(closed, true);
    assert.equal(dead, 'ESRCH');
    assert.ok(job.inherited >= job.burned, 'an inherited counter has what the job cost in the other thread');
    assert.ok(job.own < job.burned, 'one that is not inherited has not');
  });
}
