/** Processes that tasks start: each is its task's, however it was started, and the program sees nothing of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { assertBalanced, rowOf, stat } from './run-stat.js';
import type { Result } from './run-stat.js';

const noAddon = process.env['TASKPERF_NO_ADDON'] === '1';
const parent = 'test/fixtures/programs/parent.mjs';

async function get(port: number, path: string): Promise<void> {
  const [response] = (await once(http.get({ port, path, agent: false }), 'response')) as [
    http.IncomingMessage,
  ];
  await once(response.resume(), 'end');
}

async function run(paths: readonly string[], args: string[] = []): Promise<Result> {
  const result = await stat([parent], {
    args,
    load: async (port) => {
      for (const path of paths) await get(port, path);
    },
  });
  assert.equal(result.code, 0, result.stderr);
  assertBalanced(result.document);
  assert.doesNotMatch(result.stdout, /sees who started it/);
  return result;
}

/** What the children said that they burned, in their order. */
function burnedNs(stdout: string): number[] {
  return [...stdout.matchAll(/burned (\d+)/g)].map((match) => Number(match[1]));
}

test('a process belongs to the task that started it, in every way to start one', async () => {
  const ways = ['/spawn', '/fork', '/exec', '/exec-file', '/spawn-sync', '/exec-sync', '/exec-file-sync'];
  const { document, stdout } = await run([...ways, '/nothing']);
  const burned = burnedNs(stdout);
  assert.equal(burned.length, ways.length);
  for (const [i, way] of ways.entries()) {
    const { children } = rowOf(document, `GET ${way}`);
    assert.ok(children, `${way} has children`);
    // The shell of exec may be seen, too; most become the program at once.
    assert.ok(children.processes >= 1 && children.processes <= 2, `${way}: ${children.processes}`);
    const used = children.counters['task-clock']!.value;
    // A start of Node.js is no more than a second.
    assert.ok(used >= burned[i]! && used < burned[i]! + 1e9, `${way}: ${used} for ${burned[i]}`);
    const own = rowOf(document, `GET ${way}`).counters['task-clock']!.value;
    // The wall clock, which is all there is without the addon, has the time that a synchronous one waits for it.
    if (!noAddon) assert.ok(own < used, `${way}: none of it is the task's own, ${own}`);
  }
  assert.equal(rowOf(document, 'GET /nothing').children, undefined);
  const owned = document.processes.filter((one) => one.owner?.task === 'GET /fork');
  assert.deepEqual(
    owned.map((one) => [one.name, one.owner!.pid]),
    [['child.mjs 20', document.pid]],
  );
});

test('nothing that the program sees is changed', async () => {
  const { stdout } = await run(['/same']);
  assert.match(stdout, /^same true false$/m);
});

test('a request that is over when its process begins has it all the same', async () => {
  const { document } = await stat([parent], {
    load: async (port) => {
      for (let i = 0; i < 5; i++) await get(port, '/leave');
      await get(port, '/spawn');
    },
  });
  assert.equal(rowOf(document, 'GET /leave').children!.processes, 5);
  assert.equal(rowOf(document, 'GET /spawn').children!.processes, 1);
});

test('what a child starts outside of any task is of the same task', async () => {
  const { document, stdout } = await run(['/grandchild']);
  const { children } = rowOf(document, 'GET /grandchild');
  assert.equal(children!.processes, 2);
  const burned = burnedNs(stdout);
  assert.ok(children!.counters['task-clock']!.value >= burned[0]! + burned[1]!);
});

test('a program that is not Node.js is owned where it can be seen', async () => {
  const { document } = await run(['/shell'], ['--by', 'process']);
  const { children } = rowOf(document, 'GET /shell');
  assert.equal(children!.processes, 1);
  const shell = document.processes.find((one) => one.owner?.task === 'GET /shell')!;
  assert.equal(shell.node, null);
  assert.equal(shell.counters['task-clock']!.value, children!.counters['task-clock']!.value);
});

test('a child without our environment is counted as a whole, which a note says', async () => {
  const { document } = await run(['/no-env', '/own-options'], ['--by', 'process']);
  const uncounted = document.processes.filter((one) => one.name.startsWith('child.mjs') && one.node === null);
  assert.equal(uncounted.length, 2);
  for (const one of uncounted) {
    const { value } = one.counters['task-clock']!;
    // Without the addon the child burns by the wall clock.
    assert.ok(value >= (noAddon ? 40e6 : 120e6), `${one.name}: ${value}`);
  }
  // Whoever does not load us would see the variable, and pass it on.
  for (const way of ['no-env', 'own-options'])
    assert.equal(rowOf(document, `GET /${way}`).children, undefined, way);
  assert.ok(
    document.notes.some((note) => /2 processes of Node\.js .* not counted/.test(note)),
    document.notes.join('\n'),
  );
});

test('by task, by process: the owner is the very task', async () => {
  const byTask = await run(['/fork', '/fork'], ['--by', 'task']);
  const rows = byTask.document.tasks.filter((row) => row.name === 'GET /fork');
  assert.deepEqual(
    rows.map((row) => row.children!.processes),
    [1, 1],
  );
  const owners = byTask.document.processes.flatMap((one) => one.owner ?? []);
  for (const row of rows) {
    assert.equal(row.process, byTask.document.pid);
    assert.equal(owners.filter((owner) => owner.id === row.id && owner.pid === row.process).length, 1);
  }
});

test('a taskperf inside the command counts for itself: its owners are not ours', async () => {
  const inner = ['dist/cli/main.js', 'stat', '-o', '/dev/null', '--', process.execPath];
  const program = `const { execFileSync } = require('node:child_process'); const { createServer, get } = require('node:http');
    const server = createServer((q, r) => { execFileSync(process.execPath, ['-e', '']); r.end(); }).listen(0, '127.0.0.1', () =>
      get({ port: server.address().port, agent: false }, (m) => m.resume().on('end', () => server.close())));`;
  const { document, code } = await stat([...inner, '-e', program]);
  assert.equal(code, 0);
  assertBalanced(document);
  assert.ok(document.processes.length >= 3);
  for (const one of document.processes) assert.equal(one.owner, null, one.name);
});
