/** `--by process`: every process of the command apart, Node.js or not, and their sum is that of the command. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, test } from 'node:test';
import { assertSums, processNamed, rowsIn } from './process-sums.js';
import type { Process } from './process-sums.js';
import { stat } from './run-stat.js';
import type { Document } from './run-stat.js';

const cluster = 'test/fixtures/programs/cluster.mjs';
const byProcess = { args: ['--by', 'process'] };

interface Interval {
  tasks: { name: string; process?: number; count: number }[];
  processes: { pid: number; counters: Record<string, { value: number }> }[];
}

async function get(port: number, path: string): Promise<string> {
  const [response] = (await once(http.get({ port, path, agent: false }), 'response')) as [
    http.IncomingMessage,
  ];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

describe('a cluster behind one port', () => {
  test('each worker has what it served, and the primary nothing', async () => {
    const served = new Map<string, number>();
    const { document, code } = await stat([cluster], {
      ...byProcess,
      load: async (port) => {
        for (let i = 0; i < 20; i++) {
          const who = await get(port, '/heavy');
          served.set(who, (served.get(who) ?? 0) + 1);
        }
      },
    });
    assert.equal(code, 0);
    assertSums(document);
    assert.equal(served.size, 2, 'both workers answered');
    for (const [who, count] of served) {
      const [id, pid] = who.split(' ').map(Number);
      const worker = processNamed(document, `cluster.mjs worker ${id}`);
      assert.equal(worker.pid, pid);
      const [row] = rowsIn(document, worker);
      assert.equal(row!.name, 'GET /heavy');
      assert.equal(row!.count, count);
      const burned = row!.counters['task-clock']!.value;
      assert.ok(burned >= count * 10e6, `${count} times 10 ms: ${burned}`);
      assert.equal(row!.counters['task-clock']!.perTask.max <= burned, true);
    }
    const primary = processNamed(document, 'cluster.mjs');
    assert.equal(primary.pid, document.pid);
    assert.deepEqual(rowsIn(document, primary), []);
  });

  test('under load every request is in the worker that answered it', async () => {
    const requests = 800;
    const served = new Map<string, number>();
    let left = requests;
    const { document } = await stat([cluster, '3'], {
      ...byProcess,
      load: async (port) => {
        const client = async (): Promise<void> => {
          while (left-- > 0) {
            const [, pid] = (await get(port, '/')).split(' ');
            served.set(pid!, (served.get(pid!) ?? 0) + 1);
          }
        };
        await Promise.all(Array.from({ length: 16 }, client));
      },
    });
    assertSums(document);
    const counted = document.tasks.map((row) => [String(row.process), row.count] as const);
    assert.deepEqual(new Map(counted), served);
    assert.equal(
      counted.reduce((sum, [, count]) => sum + count, 0),
      requests,
    );
  });

  test('a worker that dies is a process of its own, and so is the one in its place', async () => {
    const { document, stdout } = await stat([cluster], {
      ...byProcess,
      load: async (port) => {
        await assert.rejects(get(port, '/die'));
        let who = '';
        for (let tries = 0; tries < 1000 && !who.startsWith('3 '); tries++) who = await get(port, '/after');
        assert.match(who, /^3 /);
      },
    });
    assertSums(document);
    const [, id, pid] = /gone (\d) (\d+) 3/.exec(stdout)!;
    const dead = processNamed(document, `cluster.mjs worker ${id}`);
    assert.equal(dead.pid, Number(pid));
    assert.equal(dead.exited, true);
    const [unanswered] = rowsIn(document, dead);
    assert.deepEqual([unanswered!.name, unanswered!.live], ['GET /die', 1]);
    const [answered] = rowsIn(document, processNamed(document, 'cluster.mjs worker 3'));
    assert.equal(answered!.name, 'GET /after');
  });

  test('together, and in the same document the processes apart', async () => {
    const { document } = await stat([cluster], {
      load: async (port) => {
        for (let i = 0; i < 6; i++) await get(port, '/heavy');
      },
    });
    assertSums(document);
    assert.deepEqual(
      document.tasks.map((row) => [row.name, row.count, row.process]),
      [['GET /heavy', 6, undefined]],
    );
    assert.equal(document.processes.filter((one) => one.node !== null).length, 3);
  });
});

test('intervals have the processes apart', async () => {
  const { document, stderr } = await stat([cluster], {
    args: [...byProcess.args, '-I', '200'],
    load: async (port) => {
      for (let i = 0; i < 30; i++) await get(port, '/heavy');
    },
  });
  assertSums(document);
  const { intervals } = document as Document & { intervals: Interval[] };
  const served = intervals.flatMap((one) => one.tasks);
  const workers = document.processes.filter((one) => one.name.startsWith('cluster.mjs worker '));
  for (const { pid } of workers) {
    const rows = served.filter((row) => row.process === pid);
    const sum = rows.reduce((total, row) => total + row.count, 0);
    assert.equal(sum, rowsIn(document, { pid } as Process)[0]!.count);
  }
  const used = (pid: number): number =>
    intervals
      .flatMap((one) => one.processes.filter((entry) => entry.pid === pid))
      .reduce((total, entry) => total + (entry.counters['task-clock']?.value ?? 0), 0);
  for (const { pid, counters } of document.processes.filter((one) => one.node !== null)) {
    const own = document.threads.filter((thread) => thread.pid === pid && thread.javascript);
    const total = own.reduce((sum, thread) => sum + thread.counters['task-clock']!.value, 0);
    assert.equal(used(pid), total);
    assert.ok(total <= counters['task-clock']!.value);
  }
  assert.equal(stderr, '');
});
