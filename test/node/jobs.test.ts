/** Jobs for tasks of other threads in cases that are easily forgotten, by the library alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const noAddon = process.env['TASKPERF_NO_ADDON'] === '1' && 'without the addon threads share no region';

function run<R>(what: string): R {
  const program = 'test/fixtures/programs/thread-jobs.mjs';
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', program, what], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as R;
}

test('a job for which there is no room runs, uncounted', { skip: noAddon }, () => {
  const { job, lost } = run<{ job: string; lost: number }>('full');
  assert.equal(job, 'done');
  assert.ok(lost > 0, 'it is counted as lost');
});

test('jobs that come one after the other install once, and leave nothing behind', { skip: noAddon }, () => {
  const { installs, users } = run<{ installs: number; users: number }>('many');
  assert.equal(users, 0);
  // Each takes 0.2 ms and more. On a busy machine the pauses may be long.
  assert.ok(installs > 0 && installs < 10, `100 jobs installed ${installs} times`);
});

test('in a worker that a task has started nothing of ours stays after the detach', { skip: noAddon }, () => {
  assert.deepEqual(run('detached'), [false, true]);
});

test('the first token keeps no store of the request that made it', { skip: noAddon }, () => {
  assert.deepEqual(run('context'), { kept: false });
});
