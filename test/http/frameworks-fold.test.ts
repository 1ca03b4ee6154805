/** Folding of paths, and what naming may not do: throw, leave traces, stay installed. */
import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import Module from 'node:module';
import { promises } from 'node:fs';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { foldPath, installRouteNames, nameOfRequest, uninstallRouteNames } from '#node/routes/index.js';
import { linkRequest } from '#node/routes/link.js';

describe('a path without a known route is folded', () => {
  const cases: [url: string, folded: string][] = [
    ['/', '/'],
    ['', '/'],
    ['*', '*'],
    ['//a//b/', '/a/b'],
    ['/users/42', '/users/:id'],
    ['/users/42?x=1#y', '/users/:id'],
    ['/users?next=/a/1', '/users'],
    ['/users/0', '/users/:id'],
    ['/v1/users/v2', '/v1/users/v2'],
    ['/a/8b0c6f5e-1d4b-4c1e-9f0a-2b7d3c5e6f70/b', '/a/:id/b'],
    ['/blob/5f2b8c9d', '/blob/:id'],
    ['/blob/5f2b8c9d1e5f2b8c9d1e5f2b8c9d1e5f2b8c9d1e', '/blob/:id'],
    ['/blob/507f1f77bcf86cd799439011', '/blob/:id'],
    ['/deadbeef/facade', '/deadbeef/facade'],
    ['/u/01ARZ3NDEKTSV4RRFFQ69G5FAV', '/u/:id'],
    ['/n/V1StGXR8_Z5jdHi6B-myT', '/n/:id'],
    ['/2024-01-31/1.2.3', '/:id/:id'],
    ['/search/hello%20world', '/search/:id'],
    ['/mail/someone@example.org', '/mail/:id'],
    ['/order-12345/item_7', '/:id/item_7'],
    ['/assets/main.8f3a2b1c.js', '/assets/:id.js'],
    ['/assets/app.js', '/assets/app.js'],
    ['/oauth2/callback', '/oauth2/callback'],
    ['/internationalization/authenticate', '/internationalization/authenticate'],
    ['http://example.org/users/42?x', '/users/:id'],
    ['http://example.org', '/'],
    [`/${'x'.repeat(5000)}`, '/:id'],
    ['/a'.repeat(100), `${'/a'.repeat(16)}/*`],
  ];
  for (const [url, folded] of cases) {
    it(`${url.slice(0, 60) || '(empty)'} is ${folded.slice(0, 60)}`, () => {
      assert.equal(foldPath('GET', url), `GET ${folded}`);
    });
  }

  it('the same name is made once: the same path gives an equal name', () => {
    assert.equal(foldPath('GET', '/users/1'), foldPath('GET', '/users/2'));
    assert.notEqual(foldPath('GET', '/users/1'), foldPath('POST', '/users/1'));
  });
});

/** One real request, as the server sees it after the response has closed. */
async function serveOne(
  prepare: (request: IncomingMessage) => void,
): Promise<{ request: IncomingMessage; response: unknown }> {
  const server = createServer((request, response) => {
    prepare(request);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const seen = once(server, 'request') as Promise<[IncomingMessage, NodeJS.EventEmitter]>;
  const answered = new Promise<void>((resolve, reject) => {
    get(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/things/77`,
      { agent: false },
      (response) => {
        response.resume().on('end', resolve);
      },
    ).on('error', reject);
  });
  const [request, response] = await seen;
  await answered;
  server.close();
  return { request, response };
}

describe('naming a request', () => {
  it('never throws: a framework object that throws gives the folded path', async () => {
    const { request, response } = await serveOne((raw) => {
      const hostile = {
        get path(): string {
          throw new Error('hostile');
        },
      };
      Object.assign(raw, { route: hostile });
    });
    assert.equal(nameOfRequest(request, response), 'GET /things/:id');
    assert.equal(nameOfRequest(request, undefined), 'GET /things/:id');
    assert.equal(typeof nameOfRequest(null as unknown as IncomingMessage, null), 'string');
  });

  it("a `route` that is the program's own and has no path does not count", async () => {
    for (const route of ['home', { name: 'home' }, 7, null]) {
      const { request, response } = await serveOne((raw) => Object.assign(raw, { route }));
      assert.equal(nameOfRequest(request, response), 'GET /things/:id');
    }
  });

  it('marking a request leaves no trace that reflection can see', async () => {
    const { request, response } = await serveOne(() => {});
    const before = Reflect.ownKeys(request);
    linkRequest(request, { pattern: () => '/first' });
    linkRequest(request, { pattern: () => '/second' });
    assert.deepEqual(Reflect.ownKeys(request), before);
    assert.equal(nameOfRequest(request, response), 'GET /second');
  });
});

describe('installing', () => {
  it('is idempotent and uninstalling restores what it touched', () => {
    const prototype = Module.prototype as unknown as { _compile: unknown };
    const before = [prototype._compile, promises.readFile, Object.getOwnPropertySymbols(globalThis).length];
    installRouteNames();
    installRouteNames();
    uninstallRouteNames();
    uninstallRouteNames();
    assert.deepEqual(
      [prototype._compile, promises.readFile, Object.getOwnPropertySymbols(globalThis).length],
      before,
    );
  });
});
