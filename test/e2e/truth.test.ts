/**
 * What every request burned, measured by itself on a loaded machine, is what `taskperf stat` says of its route: within
 * 1 % or 50 µs per request, over every kind of asynchrony.
 *
 * Slices are long (150 ms) because a request does more than burn: on a machine whose caches others fill, parsing it and
 * answering it took up to 1.7 ms here, which is its cost, too, and must stay well below the 1 %.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { assertBalanced, root, rowOf, stat } from './run-stat.js';

const estimated = process.env['TASKPERF_NO_ADDON'] === '1';
const GET = [
  'awaits',
  'timers',
  'immediates',
  'ticks',
  'thenable',
  'generator',
  'once',
  'shared',
  'resource',
  'storage',
];
const POST = ['body', 'bodyiterator'];
const REQUESTS = 2;
const loads: ChildProcess[] = [];

before(() => {
  const spin = path.join(root, 'test/fixtures/programs/spin.mjs');
  if (!estimated) for (let core = 0; core < 2; core++) loads.push(fork(spin, { stdio: 'ignore' }));
});
after(() => {
  for (const load of loads) load.kill('SIGKILL');
});

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

function send(port: number, method: string, kind: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request({ port, method, path: `/${kind}`, agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(text));
        else resolve((JSON.parse(text) as { burned: number }).burned);
      });
    });
    request.on('error', reject);
    if (method === 'POST') sendInPackets(request);
    else request.end();
  });
}

/** A body in several packets: the later ones arrive in callbacks of the socket's own context. */
function sendInPackets(request: http.ClientRequest): void {
  request.flushHeaders();
  let packets = 4;
  const timer = setInterval(() => {
    if (packets-- > 0) request.write('x'.repeat(1000));
    else {
      clearInterval(timer);
      request.end();
    }
  }, 5);
}

test('what every request burned is what its route is charged', async () => {
  const burned = new Map<string, number>();
  const { document, stdout, code } = await stat(['test/fixtures/programs/burn-server.mjs'], {
    events: 'task-clock,cpu-clock,task-switches',
    load: async (port) => {
      const jobs = [...GET.map((kind) => ['GET', kind]), ...POST.map((kind) => ['POST', kind])] as [
        string,
        string,
      ][];
      const all = async (rounds: number): Promise<void> => {
        for (let round = 0; round < rounds; round++) {
          const results = await Promise.all(jobs.map(([method, kind]) => send(port, method, kind)));
          jobs.forEach(([method, kind], i) => {
            const name = `${method} /${kind}`;
            burned.set(name, (burned.get(name) ?? 0) + results[i]!);
          });
        }
      };
      for (const [method, kind] of jobs) await send(port, method, `warm-${kind}`);
      await all(REQUESTS);
      agent.destroy();
    },
  });
  assert.match(stdout, /^listening \d+\n$/, 'the program says what it says without us');
  assert.equal(code, 0);
  assertBalanced(document);
  const names = document.tasks.map((task) => task.name).filter((name) => !name.includes('warm-'));
  assert.equal(names.length, burned.size, document.tasks.map((task) => task.name).join(', '));
  for (const [name, expected] of burned) {
    const row = rowOf(document, name);
    assert.equal(row.count, REQUESTS, name);
    assert.equal(row.live, 0, name);
    const counter = row.counters['task-clock']!;
    const allowed = estimated ? expected * 0.5 : Math.max(expected * 0.01, 50_000 * REQUESTS);
    const difference = counter.value - expected;
    assert.ok(
      Math.abs(difference) <= allowed,
      `${name}: counted ${counter.value}, burned ${expected}: ${difference} off`,
    );
    assert.ok(counter.perTask.min > 0 && counter.perTask.max >= counter.perTask.p50, name);
  }
});
