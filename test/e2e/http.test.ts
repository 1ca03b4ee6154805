/** Everything HTTP that a request can be: kept alive, pipelined, streamed, aborted, upgraded, late. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { assertBalanced, rowOf, stat } from './run-stat.js';
import type { Document } from './run-stat.js';

const program = ['test/fixtures/programs/http-features.mjs'];
const ms = (document: Document, name: string): number =>
  rowOf(document, name).counters['task-clock']!.value / 1e6;
/** Without the addon CPU time is the clock's, and includes what the OS gave to others. */
const slack = process.env['TASKPERF_NO_ADDON'] === '1' ? 10 : 1.4;

function assertAbout(document: Document, name: string, expectedMs: number): void {
  const actual = ms(document, name);
  assert.ok(
    actual > expectedMs * 0.85 && actual < expectedMs * slack + 10,
    `${name}: ${actual} ms, about ${expectedMs}`,
  );
}

async function fetchText(port: number, path: string, agent?: http.Agent): Promise<string> {
  const request = http.get({ port, path, ...(agent === undefined ? {} : { agent }) });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

test('kept-alive and pipelined requests are tasks of their own', async () => {
  const { document } = await stat(program, {
    load: async (port) => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      for (let i = 0; i < 4; i++) assert.equal(await fetchText(port, '/kept', agent), 'ok');
      agent.destroy();
      const socket = net.connect(port, '127.0.0.1');
      let received = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
      socket.write(
        'GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\nGET /third HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      );
      await once(socket, 'close');
      assert.equal(received.split('HTTP/1.1 200').length, 4);
    },
  });
  assert.equal(rowOf(document, 'GET /kept').count, 4);
  for (const name of ['GET /first', 'GET /second', 'GET /third']) {
    assert.equal(rowOf(document, name).count, 1);
    assertAbout(document, name, 2);
  }
  assertBalanced(document);
});

test('streamed and aborted responses', async () => {
  const { document } = await stat(program, {
    load: async (port) => {
      assert.equal((await fetchText(port, '/stream')).length, 100_000);
      const request = http.get({ port, path: '/never' });
      request.on('error', () => {});
      await once(request, 'response');
      request.destroy();
      await delay(50);
    },
  });
  assertAbout(document, 'GET /stream', 20);
  const aborted = rowOf(document, 'GET /never');
  assert.deepEqual([aborted.count, aborted.live], [1, 0], 'an aborted request ends');
  assertAbout(document, 'GET /never', 5);
  assertBalanced(document);
});

test('work after the response is late, and not lost', async () => {
  const { document } = await stat(program, {
    events: 'task-clock,late',
    load: async (port) => {
      assert.equal(await fetchText(port, '/late'), 'early');
      await delay(100);
    },
  });
  const late = document.system.find((row) => row.name === '(late)')!.counters['task-clock']!.value / 1e6;
  assert.ok(late > 17 && late < 20 * slack + 10, `${late} ms late`);
  assert.ok(ms(document, 'GET /late') < 12, 'not charged to the request');
  assertBalanced(document);
});

test('a WebSocket connection is one task, from its upgrade to its close', async () => {
  const { document } = await stat(program, {
    load: async (port) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/chat/12345`);
      await once(socket, 'open');
      for (let i = 0; i < 3; i++) {
        socket.send('hello');
        await once(socket, 'message');
      }
      socket.close();
      await once(socket, 'close');
      await delay(30);
    },
  });
  const row = rowOf(document, 'GET /chat/:id');
  assert.deepEqual([row.count, row.live], [1, 0]);
  assertAbout(document, 'GET /chat/:id', 30);
  assertBalanced(document);
});
