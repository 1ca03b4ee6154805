/** More than one thread, more than one process, and none to speak of. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { assertBalanced, root, rowOf, stat } from './run-stat.js';

async function get(port: number, path: string): Promise<string> {
  const [response] = (await once(http.get({ port, path, agent: false }), 'response')) as [
    http.IncomingMessage,
  ];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

test('tasks of worker threads are tasks of their own thread', async () => {
  const { document, code } = await stat(['test/fixtures/programs/threads.mjs'], {
    load: async (port, _child, said) => {
      const ports = JSON.parse(/ports (.*)/.exec(said)![1]!) as { one: number; two: number };
      assert.equal(await get(port, '/main'), 'main');
      for (let i = 0; i < 3; i++) assert.equal(await get(ports.one, '/one'), 'one');
      for (let i = 0; i < 2; i++) assert.equal(await get(ports.two, '/two'), 'two');
      // Without the addon a terminated worker's books are as of their last copy, at most 100 ms old.
      if (process.env['TASKPERF_NO_ADDON'] === '1') await delay(300);
    },
  });
  assert.equal(code, 0);
  assertBalanced(document);
  assert.equal(rowOf(document, 'GET /one').count, 3);
  assert.equal(rowOf(document, 'GET /two').count, 2);
  assert.ok(document.threads.length >= 3, JSON.stringify(document.threads));
  const total = document.threads.reduce((sum, thread) => sum + thread.counters['task-clock']!.value, 0);
  assert.equal(total, document.conservation['task-clock']!.threads);
  const worker = rowOf(document, 'GET /one').counters['task-clock']!.value;
  assert.ok(worker > 25e6, `three times 10 ms: ${worker}`);
});

test('without counters nothing of Node is touched', async () => {
  const probe = `
    const http = require('node:http'); const hooks = require('node:async_hooks');
    const own = (o) => Object.getOwnPropertyNames(o).join();
    console.log(own(http.IncomingMessage.prototype), own(http.ServerResponse.prototype), own(http.Server.prototype),
      require('node:diagnostics_channel').hasSubscribers('http.server.request.start'), process.listenerCount('exit'));`;
  const run = promisify(execFile);
  const without = await run(process.execPath, ['-e', probe]);
  const env = {
    ...process.env,
    NODE_OPTIONS: `--require ${root}dist/node/bootstrap.cjs`,
    TASKPERF_EVENTS: '',
  };
  const loaded = await run(process.execPath, ['-e', probe], { env });
  assert.equal(loaded.stdout, without.stdout);
  assert.equal(loaded.stderr, without.stderr);
});

test('a thousand names at most, then "(other)", counted', async () => {
  const program = `
    const http = require('node:http');
    const server = http.createServer((q, r) => r.end()).listen(0, '127.0.0.1', async () => {
      const agent = new http.Agent({ keepAlive: true });
      for (let i = 0; i < 1200; i++) await new Promise((done) => http.get({ port: server.address().port, agent,
        path: '/' + String.fromCharCode(97 + i % 26, 97 + (i / 26 | 0) % 26, 97 + (i / 676 | 0)) }, (r) => r.resume().on('end', done)));
      agent.destroy(); server.close();
    });`;
  const { document } = await stat(['-e', program]);
  assert.ok(document.tasks.length <= 1001, `${document.tasks.length} rows`);
  const other = rowOf(document, '(other)');
  assert.ok(other.count >= 200, `${other.count} others`);
  assert.equal(document.lost.names, other.count);
  assert.equal(
    document.tasks.reduce((sum, task) => sum + task.count, 0),
    1200,
  );
  assertBalanced(document);
});
