/** Attaching to a server under load and letting it go again, several times: counting within a second, and no request fails. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { counted, directory, start, taskperf } from './attach-run.js';
import { assertBalanced } from './run-stat.js';
import type { Document } from './run-stat.js';

after(() => fs.rmSync(directory, { recursive: true, force: true }));

const autocannon = createRequire(import.meta.url).resolve('autocannon');
const REQUESTS = 100_000;
/** The target, on an idle machine; here others may be at work, and the load takes its share of two cores. */
const ATTACH_MS = 1000;
const BUSY = 4;

interface Load {
  '2xx': number;
  non2xx: number;
  errors: number;
  timeouts: number;
  resets: number;
  mismatches: number;
}

/** Kept-alive connections, in a process of their own. */
async function load(port: number): Promise<Load> {
  const args = ['-a', String(REQUESTS), '-c', '20', '-t', '30', '-j', '-n'];
  const child = spawn(process.execPath, [autocannon, ...args, `http://127.0.0.1:${port}/users/17`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(child, 'close');
  return JSON.parse(text) as Load;
}

for (const program of ['attach-plain.mjs', 'attach-plain.cjs', 'attach-fastify.mjs']) {
  test(`${program}: 100,000 requests while taskperf comes and goes`, async () => {
    const server = await start([`test/fixtures/programs/${program}`]);
    try {
      let isOver = false;
      const loaded = load(server.port).finally(() => (isOver = true));
      const tookMs: number[] = [];
      let seen = 0;
      await delay(300);
      while (!isOver) {
        const beganMs = performance.now();
        const tool = taskperf(['stat', '--json', '-p', String(server.pid)]);
        await counted(server.pid, tool);
        tookMs.push(performance.now() - beganMs);
        await Promise.race([delay(1500), loaded]);
        const { code, stderr } = await tool.ended('SIGINT');
        assert.equal(code, 0, stderr);
        const document = JSON.parse(stderr) as Document;
        assertBalanced(document);
        seen += document.tasks.find((row) => row.name === 'GET /users/:id')?.count ?? 0;
        assert.deepEqual(document.lost, { ...document.lost, tasks: 0, names: 0 });
        await Promise.race([delay(300), loaded]);
      }
      const { '2xx': answered, non2xx, errors, timeouts, resets, mismatches } = await loaded;
      assert.deepEqual(
        { answered, non2xx, errors, timeouts, resets, mismatches },
        { answered: REQUESTS, non2xx: 0, errors: 0, timeouts: 0, resets: 0, mismatches: 0 },
      );
      assert.ok(
        tookMs.length >= 2 && seen > 1000 && seen < REQUESTS,
        `${tookMs.length} times, ${seen} counted`,
      );
      const least = Math.min(...tookMs);
      assert.ok(least < ATTACH_MS * BUSY, `counting after ${tookMs.map(Math.round).join(', ')} ms`);
      console.log(`# counting after ${tookMs.map(Math.round).join(', ')} ms; ${seen} of ${REQUESTS} counted`);
    } finally {
      await server.kill();
    }
  });
}
