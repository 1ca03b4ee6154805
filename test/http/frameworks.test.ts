/** The name of every request of every framework, in ESM and CommonJS. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { App, type Protocol } from './frameworks-app.ts';

/** `METHOD /path` → status and the exact name. */
type Expected = [request: string, status: number, name: string];

const UUID = '8b0c6f5e-1d4b-4c1e-9f0a-2b7d3c5e6f70';

const COMMON: Expected[] = [
  ['GET /', 200, 'GET /'],
  ['GET /users/42?full=1', 200, 'GET /users/:id'],
  ['GET /users/alice', 200, 'GET /users/:id'],
  ['POST /orders', 201, 'POST /orders'],
  ['GET /private/data', 401, 'GET /private/data'],
  ['GET /fail', 500, 'GET /fail'],
  [`GET /nowhere/${UUID}/x?y=/z`, 404, 'GET /nowhere/:id/x'],
];

const NESTED: Expected[] = [['GET /api/users/bob/posts/first', 200, 'GET /api/users/:userId/posts/:postId']];

const HEAD: Expected[] = [['HEAD /users/42', 200, 'HEAD /users/:id']];

const EXPRESS: Expected[] = [
  // The refusing middleware is mounted with use(): no route was reached.
  ...COMMON,
  ...NESTED,
  ...HEAD,
  ['GET /api/users/users/posts', 200, 'GET /api/users/:userId/posts'],
  ['GET /api/users/7/posts/8/fail', 500, 'GET /api/users/:userId/posts/:postId/fail'],
  ['GET /old/k', 200, 'GET /old/:key'],
  ['GET /older/k', 200, 'GET /older/:key'],
  ['GET /exp/12', 200, 'GET /^\\/exp\\/(\\d+)$/'],
  ['GET /admin/stats/monday', 200, 'GET /admin/stats/:day'],
  ['GET /hand/thing/spoon', 200, 'GET /hand/thing/:name'],
];

const FASTIFY: Expected[] = [
  ...COMMON,
  ...NESTED,
  ...HEAD,
  ['POST /orders {}', 400, 'POST /orders'],
  ['GET /api/users/bob/', 200, 'GET /api/users/:userId'],
  ['GET /files/a/b', 200, 'GET /files/*'],
];

const KOA: Expected[] = [...COMMON, ...NESTED, ...HEAD, ['GET /files/a/b', 200, 'GET /files/*rest']];

const HONO: Expected[] = [
  ...COMMON,
  ...NESTED,
  ...HEAD,
  ['GET /users/me', 200, 'GET /users/me'],
  ['GET /files/a/b', 200, 'GET /files/*'],
  ['GET /mounted/things/spoon', 200, 'GET /mounted/things/:name'],
];

const NEST: Expected[] = [
  ['GET /api', 200, 'GET /api'],
  ['GET /api/users/alice?full=1', 200, 'GET /api/users/:id'],
  ['GET /api/users/bob/posts/first', 200, 'GET /api/users/:userId/posts/:postId'],
  ['POST /api/orders', 201, 'POST /api/orders'],
  ['GET /api/private/data', 401, 'GET /api/private/data'],
  ['GET /api/fail', 500, 'GET /api/fail'],
  ['GET /api/nowhere/1234', 404, 'GET /api/nowhere/:id'],
];

const PLAIN: Expected[] = [
  ['GET /', 200, 'GET /'],
  ['GET /users/42?full=1', 200, 'GET /users/:id'],
  ['GET /stream', 200, 'GET /stream'],
  ['POST /upload/5f2b8c9d1e', 201, 'POST /upload/:id'],
  ['GET /missing', 404, 'GET /missing'],
];

const STREAMS: Expected[] = [
  ['GET /', 200, 'GET /'],
  ['GET /users/42?full=1', 200, 'GET /users/:id'],
];

const APPS: [file: string, expected: Expected[], protocol?: Protocol][] = [
  ['express4.cjs', [...EXPRESS, ['GET /gone', 404, 'GET /gone']]],
  ['express5.mjs', [...EXPRESS, ['GET /files/a', 200, 'GET /{*rest}']]],
  ['fastify.cjs', FASTIFY],
  ['fastify.mjs', FASTIFY],
  ['koa.cjs', KOA],
  ['koa.mjs', KOA],
  ['hono.cjs', HONO],
  ['hono.mjs', HONO],
  ['nest-express.mjs', NEST],
  ['nest-fastify.mjs', NEST],
  ['http.mjs', PLAIN],
  ['https.mjs', PLAIN, 'https'],
  ['http2.mjs', PLAIN, 'http2'],
  ['http2-stream.mjs', STREAMS, 'http2'],
];

function parse(request: string): { method: string; path: string; body?: string } {
  const [method = 'GET', path = '/', body = '{"item":1}'] = request.split(' ');
  return method === 'POST' ? { method, path, body } : { method, path };
}

describe('requests are named by method and route pattern', () => {
  for (const [file, expected, protocol = 'http'] of APPS) {
    it(file, async () => {
      const app = await App.start(file, protocol);
      const seen: Expected[] = [];
      let ended;
      try {
        for (const [request] of expected) {
          const { status, name } = await app.request(parse(request));
          seen.push([request, status, name]);
        }
      } finally {
        ended = await app.stop();
      }
      assert.deepEqual(seen, expected);
      assert.equal(ended.code, 0, `the app ends by itself: ${ended.signal ?? ''} ${ended.stderr}`);
    });
  }
});
