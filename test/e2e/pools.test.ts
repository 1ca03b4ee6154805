/** Work that requests leave to threads: its cost is in the row of the request, whichever way it went there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertBalanced, rowOf, stat } from './run-stat.js';
import type { Document } from './run-stat.js';

const noAddon =
  process.env['TASKPERF_NO_ADDON'] === '1' && 'without the addon each thread has a region of its own';
const server = 'test/fixtures/programs/pool-server.mjs';
const MS = 30;

interface Load {
  readonly document: Document;
  /** ns of CPU time that the jobs burned, by their own account. */
  readonly burned: number;
}

/** Asks for the route so many times at once. */
async function load(route: string, requests: number): Promise<Load> {
  let burned = 0;
  const { document, code } = await stat([server], {
    events: 'task-clock,cpu-clock,page-faults',
    load: async (port) => {
      const url = `http://127.0.0.1:${port}${route}?ms=${MS}`;
      const answers = await Promise.all(
        Array.from({ length: requests }, async () => Number(await (await fetch(url)).text())),
      );
      burned = answers.reduce((sum, ns) => sum + ns, 0);
    },
  });
  assert.equal(code, 0);
  assertBalanced(document);
  return { document, burned };
}

for (const pool of ['piscina', 'tinypool', 'hand', 'worker', 'terminated']) {
  test(`${pool}: the row of the request has what its work cost in the other thread`, {
    skip: noAddon,
  }, async () => {
    const { document, burned } = await load(`/${pool}`, 4);
    const row = rowOf(document, `GET /${pool}`);
    assert.equal(row.count, 4, 'a job is no request');
    assert.deepEqual(
      document.tasks.map((task) => task.name),
      [`GET /${pool}`],
    );
    const { value, perTask } = row.counters['task-clock']!;
    assert.ok(burned >= 4 * MS * 1e6);
    assert.ok(value >= burned, `${value} of ${burned} ns`);
    // Beside the work: the request itself and, where a worker is started for it, that.
    const besideNs = pool === 'worker' || pool === 'terminated' ? 150e6 : 40e6;
    assert.ok(value <= burned + 4 * besideNs, `${value} for ${burned} ns`);
    assert.ok(perTask.min >= MS * 1e6, `the cheapest request took ${perTask.min} ns`);
    assert.ok(row.counters['page-faults']!.value > 0);
  });
}

test('work for a token made outside of any task is code of nobody, and the books balance', {
  skip: noAddon,
}, async () => {
  const { document, stdout } = await stat(['test/fixtures/programs/thread-jobs.mjs', 'root']);
  assertBalanced(document);
  const { burned } = JSON.parse(stdout) as { burned: number };
  assert.deepEqual(document.tasks, []);
  const nobody = document.system.find((row) => row.name === '(unattributed)')!;
  assert.ok(nobody.counters['task-clock']!.value >= burned);
});

test('work that outlasts its request is late work', { skip: noAddon }, async () => {
  const { document } = await load('/forgotten', 3);
  assert.ok(rowOf(document, 'GET /forgotten').counters['task-clock']!.value < MS * 1e6);
  const late = document.system.find((row) => row.name === '(late)')!;
  assert.ok(late.counters['task-clock']!.value >= 3 * MS * 1e6);
});
