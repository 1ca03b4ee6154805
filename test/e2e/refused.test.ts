/** Preemption is not seen: stat works on the kernel's clock, read once per turn of the loop, and says so. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { test } from 'node:test';
import { assertBalanced, root, rowOf, stat } from './run-stat.js';

const skip = process.env['TASKPERF_NO_ADDON'] === '1' ? 'there is no addon to be refused' : false;

/** Five requests that burn 10 ms each. */
function fiveRequests(env: Record<string, string>): ReturnType<typeof stat> {
  return stat(['test/fixtures/programs/endings.mjs', 'handled'], {
    env,
    load: async (port) => {
      for (let i = 0; i < 5; i++) {
        const [response] = (await once(http.get({ port, path: '/work', agent: false }), 'response')) as [
          http.IncomingMessage,
        ];
        response.resume();
        await once(response, 'end');
      }
    },
    end: (child) => child.kill('SIGINT'),
  });
}

/** What the addon of a process would use that has no rseq: 2 is a perf event. */
function watchWithoutRseq(): number {
  const code = `process.stdout.write(String(require(${JSON.stringify(`${root}/dist/native/taskperf.node`)}).watch()))`;
  return Number(
    execFileSync(process.execPath, ['-e', code], { env: { ...process.env, TASKPERF_NO_RSEQ: '1' } }),
  );
}

test('without rseq a perf event shows preemption, and values are exact', {
  skip: skip !== false ? skip : watchWithoutRseq() === 2 ? false : 'perf_event_open is refused here',
}, async () => {
  const { document, code } = await fiveRequests({ TASKPERF_NO_RSEQ: '1' });
  assert.equal(code, 0);
  assertBalanced(document);
  assert.equal(document.events.find(({ name }) => name === 'task-clock')!.kind, 'exact');
  assert.equal(rowOf(document, 'GET /work').count, 5);
});

test('with neither rseq nor perf_event_open values are estimated, marked, and balance', {
  skip,
}, async () => {
  const { document, code } = await fiveRequests({ TASKPERF_NO_RSEQ: '1', TASKPERF_NO_PERF: '1' });
  assert.equal(code, 0);
  assertBalanced(document);
  const event = document.events.find(({ name }) => name === 'task-clock')!;
  assert.equal(event.kind, 'estimated');
  assert.match(event.reason ?? '', /perf_event/);
  const row = rowOf(document, 'GET /work');
  assert.equal(row.count, 5);
  const ms = row.counters['task-clock']!.value / 1e6;
  // At least what was burned; at most what a turn of the loop was given to others besides.
  assert.ok(ms > 45 && ms < 500, `${ms} ms for five times 10 ms`);
});
