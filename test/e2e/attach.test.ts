/** `taskperf stat -p PID`: a process that was started without taskperf is counted, and is afterwards as it was before. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, test } from 'node:test';
import { attached, descriptorsOf, directory, settled, start, threadsOf } from './attach-run.js';
import { assertBalanced, rowOf } from './run-stat.js';

after(() => fs.rmSync(directory, { recursive: true, force: true }));

async function get(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  return await response.text();
}

test('a plain server is counted from then on, let go, and nothing of it is different', async () => {
  const program = await start(['test/fixtures/programs/attach-server.mjs']);
  try {
    assert.deepEqual(JSON.parse(await get(program.port, '/changes')), []);
    const before = { fds: descriptorsOf(program.pid), threads: threadsOf(program.pid) };
    for (let round = 0; round < 2; round++) {
      const document = await attached(program.pid, async () => {
        for (let i = 0; i < 5; i++) assert.equal(await get(program.port, `/users/${i}`), 'ok');
        const now = JSON.parse(await get(program.port, '/changes')) as string[];
        assert.ok(now.includes('http.IncomingMessage.emit'), `the picture sees us: ${now.join(', ')}`);
      });
      assert.equal(rowOf(document, 'GET /users/:id').count, 5);
      assert.ok(rowOf(document, 'GET /users/:id').counters['task-clock']!.value > 0);
      assertBalanced(document);
      assert.deepEqual(JSON.parse(await get(program.port, '/changes')), []);
      await settled(() => ({ fds: descriptorsOf(program.pid), threads: threadsOf(program.pid) }), before);
      assert.deepEqual(fs.readdirSync(directory), []);
    }
    assert.equal(program.said(), `listening ${program.port}\n`);
    for (const line of program.complained().trim().split('\n'))
      assert.match(line, /^Debugger (listening|attached|ending)|^For help, see: /);
  } finally {
    await program.kill();
  }
});
