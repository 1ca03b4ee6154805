/** Every event that this machine counts, over HTTP: each route causes one kind, and has it in its row alone. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { once } from 'node:events';
import { test } from 'node:test';
import { assertBalanced, rowOf, stat } from './run-stat.js';
import type { Document, Result } from './run-stat.js';

// With a young generation that holds all of the start no collection comes before the program's own observer is there.
const program = [
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
  'test/fixtures/programs/events-server.mjs',
];
const ROUNDS = 40;
const ALLOCATED_BYTES = 4 * 125 * (1000 * 8 + 16 + 32);
const EVENTS =
  'page-faults,minor-faults,context-switches,voluntary-switches,cpu-migrations,' +
  'gc-time,gc-count,gc-minor,gc-major,alloc-bytes,external-bytes';
const withoutAddon = process.env['TASKPERF_NO_ADDON'] === '1';

async function load(port: number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  for (let round = 0; round < ROUNDS; round++) {
    const all = ['/fault', '/allocate', '/collect', '/block', '/nothing'].map(async (path) => {
      const [response] = (await once(http.get({ port, path, agent }), 'response')) as [http.IncomingMessage];
      for await (const _ of response) continue;
    });
    await Promise.all(all);
  }
  agent.destroy();
}

const perRequest = (document: Document, route: string, event: string): number =>
  (rowOf(document, `GET ${route}`).counters[event]!.value ?? Number.NaN) / ROUNDS;

function assertRoutes({ document, stdout }: Result): void {
  assertBalanced(document);
  const of = (route: string, event: string): number => perRequest(document, route, event);
  assert.ok(of('/fault', 'page-faults') > 0.75 * 1024, `${of('/fault', 'page-faults')} faults`);
  assert.ok(of('/nothing', 'page-faults') < 40 && of('/block', 'page-faults') < 40);
  assert.ok(of('/block', 'voluntary-switches') >= 4 && of('/block', 'voluntary-switches') < 6);
  assert.ok(of('/block', 'context-switches') >= 4);
  assert.ok(of('/nothing', 'voluntary-switches') < 2);
  const allocated = of('/allocate', 'alloc-bytes');
  assert.ok(Math.abs(allocated / ALLOCATED_BYTES - 1) < 0.05, `${allocated} of ${ALLOCATED_BYTES} bytes`);
  assert.ok(of('/nothing', 'alloc-bytes') < 0.02 * ALLOCATED_BYTES, `${of('/nothing', 'alloc-bytes')} bytes`);
  assert.ok(
    of('/fault', 'external-bytes') > 0.95 * (4 << 20),
    `${of('/fault', 'external-bytes')} external bytes`,
  );
  const [, gcMs, gcCount] = /^gc ([\d.]+) (\d+)$/m.exec(stdout)!.map(Number);
  const total = document.conservation['gc-time']!.threads / 1e6;
  assert.ok(Math.abs(total / gcMs! - 1) < 0.01, `gc-time ${total} ms, V8 says ${gcMs} ms`);
  const counted = document.conservation['gc-count']!.threads;
  assert.ok(Math.abs(counted - gcCount!) <= 1, `${counted} collections, V8 says ${gcCount}`);
  // The collection that is due may come in any request: seldom in those that allocate next to nothing.
  const others = ['/nothing', '/block', '/fault'].map((route) => of(route, 'gc-time'));
  assert.ok(
    others.every((ns) => of('/collect', 'gc-time') > 2 * ns),
    `${of('/collect', 'gc-time')} and ${others.join()} ns`,
  );
}

test('each route has what it caused, the books balance, gc-time is what V8 says', {
  skip: withoutAddon,
}, async () => {
  assertRoutes(await stat(program, { events: EVENTS, load }));
});

test('so it is where perf_event_open is refused', { skip: withoutAddon }, async () => {
  const events = EVENTS.replace(',cpu-migrations', '');
  assertRoutes(await stat(program, { events, load, env: { TASKPERF_NO_PERF: '1' } }));
});

test('the events of a run that names none: task-clock, wait and gc-time', async () => {
  const { document } = await stat(program, { load });
  assertBalanced(document);
  const names = document.events.map((event) => event.name);
  assert.deepEqual(names.slice(0, 3), ['task-clock', 'wait', 'gc-time']);
  // Where there is a PMU cycles and instructions come by themselves; without one nobody is bothered with them.
  const rest = names.slice(3);
  assert.deepEqual(rest, rest.length === 0 ? [] : ['cycles', 'instructions']);
});
