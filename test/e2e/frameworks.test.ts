/** Every framework as a user runs it: `taskperf stat -- node app`, and the routes in the document. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { test } from 'node:test';
import { assertBalanced, rowOf, stat } from './run-stat.js';

type Protocol = 'http' | 'https' | 'http2';

async function get1(port: number, path: string, protocol: Protocol): Promise<void> {
  const options = { port, host: '127.0.0.1', path, agent: false as const, rejectUnauthorized: false };
  const request = protocol === 'https' ? https.get(options) : http.get(options);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  assert.equal(response.statusCode, 200);
  response.resume();
  await once(response, 'close');
}

async function get2(port: number, paths: string[]): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  await Promise.all(
    paths.map(async (path) => {
      const stream = session.request({ ':path': path });
      stream.resume();
      await once(stream, 'close');
    }),
  );
  session.close();
  await once(session, 'close');
}

const PATHS = ['/users/42', '/users/alice', '/users/43'];
const NEST = PATHS.map((path) => `/api${path}`);
const PLAIN = ['/users/42', '/users/43', '/users/44'];

const APPS: [file: string, paths: string[], name: string, protocol?: Protocol][] = [
  ['express4.cjs', PATHS, 'GET /users/:id'],
  ['express5.mjs', PATHS, 'GET /users/:id'],
  ['fastify.mjs', PATHS, 'GET /users/:id'],
  ['koa.mjs', PATHS, 'GET /users/:id'],
  ['hono.mjs', PATHS, 'GET /users/:id'],
  ['nest-express.mjs', NEST, 'GET /api/users/:id'],
  ['nest-fastify.mjs', NEST, 'GET /api/users/:id'],
  ['https.mjs', PLAIN, 'GET /users/:id', 'https'],
  ['http2.mjs', PLAIN, 'GET /users/:id', 'http2'],
  ['http2-stream.mjs', PLAIN, 'GET /users/:id', 'http2'],
];

for (const [file, paths, name, protocol = 'http'] of APPS) {
  test(`the routes of ${file}`, async () => {
    const { document, code } = await stat([`test/fixtures/apps/${file}`], {
      events: 'task-clock,cpu-clock,wall,task-switches,wait,forks,late',
      load: async (port) => {
        if (protocol === 'http2') await get2(port, paths);
        else for (const path of paths) await get1(port, path, protocol);
      },
    });
    assert.equal(code, 0);
    const row = rowOf(document, name);
    assert.deepEqual([row.count, row.live], [paths.length, 0]);
    assert.ok(row.counters['task-clock']!.value > 0);
    assert.ok(row.counters['wall']!.value >= row.counters['task-clock']!.value * 0.5, 'a request lasts');
    assertBalanced(document);
  });
}
