/** Attaching to what real runners and process managers have started: tsx and PM2. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { attached, childrenOf, directory, freePort, start } from './attach-run.js';
import { assertBalanced, root, rowOf } from './run-stat.js';

const managers = path.join(root, '.ci/managers/node_modules');
const skip = !fs.existsSync(managers) && 'needs `npm ci --ignore-scripts --prefix .ci/managers`';
const folder = fs.mkdtempSync(path.join(directory, '..', 'taskperf-managers-'));
after(() => {
  for (const made of [directory, folder]) fs.rmSync(made, { recursive: true, force: true });
});

const REQUESTS = 10;
/** Types that erasing alone does not take out. */
const SERVER = `import http from 'node:http';
enum Status { Good = 200 }
const server: http.Server = http.createServer((request: http.IncomingMessage, response: http.ServerResponse) => {
  response.writeHead(Status.Good).end(request.url);
});
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  console.log('listening', (server.address() as { port: number }).port);
});
`;

async function get(port: number, path: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  assert.equal(await response.text(), path);
}

async function load(port: number): Promise<void> {
  for (let i = 0; i < REQUESTS; i++) await get(port, `/orders/${i}`);
}

test('what tsx has started is named when tsx is attached to, and can be', { skip }, async () => {
  const file = path.join(folder, 'server.ts');
  fs.writeFileSync(file, SERVER);
  const env = { NODE_OPTIONS: `--inspect-port=${await freePort()}` };
  const program = await start([path.join(managers, 'tsx/dist/cli.mjs'), file], { env });
  try {
    const runner = await attached(program.pid, () => delay(50));
    const child = Number(/has started Node\.js as process (\d+)/.exec(runner.notes.join('\n'))![1]);
    const document = await attached(child, () => load(program.port));
    assert.equal(rowOf(document, 'GET /orders/:id').count, REQUESTS);
    assertBalanced(document);
    await get(program.port, '/afterwards');
  } finally {
    // It has tsx's stdio: as long as it lives the test does, too.
    for (const started of childrenOf(program.pid)) process.kill(started, 'SIGKILL');
    await program.kill();
  }
});

test('a worker of PM2 in its cluster mode, and its daemon, which names them', { skip }, async () => {
  const file = path.join(folder, 'server.cjs');
  fs.writeFileSync(
    file,
    `require('node:http').createServer((request, response) => response.end(request.url === '/pid' ? String(process.pid) : request.url))
      .listen(process.env.PORT, '127.0.0.1');`,
  );
  const port = await freePort();
  const home = path.join(folder, 'pm2');
  const env = {
    ...process.env,
    PM2_HOME: home,
    PM2_DISABLE_VERSION_CHECK: 'true',
    PORT: String(port),
    NODE_OPTIONS: `--inspect-port=${await freePort()}`,
  };
  const pm2 = async (...words: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [path.join(managers, 'pm2/bin/pm2'), ...words],
      {
        env,
      },
    );
    return stdout;
  };
  try {
    await pm2('start', file, '--name', 'web', '-i', '2');
    const workers = (await pm2('pid', 'web')).trim().split('\n').map(Number);
    assert.equal(workers.length, 2);
    // Until both listen one is given all.
    for (const answered = new Set<string>(); answered.size < 2; await delay(10)) {
      const response = await fetch(`http://127.0.0.1:${port}/pid`, {
        headers: { connection: 'close' },
      }).catch(() => null);
      if (response !== null) answered.add(await response.text());
    }
    for (const worker of workers) {
      // The daemon gives out the connections in turn.
      const document = await attached(worker, () => load(port));
      assert.equal(rowOf(document, 'GET /orders/:id').count, REQUESTS / 2);
      assertBalanced(document);
    }
    const daemon = await attached(Number(fs.readFileSync(path.join(home, 'pm2.pid'), 'utf8')), () =>
      delay(50),
    );
    const named = /has started Node\.js as process ([\d, ]+)/.exec(daemon.notes.join('\n'))![1]!;
    assert.deepEqual(new Set(named.split(', ').map(Number)), new Set(workers));
    await load(port);
  } finally {
    await pm2('kill');
  }
});
