/** Where the inspector of a process listens is found wherever it is, and closed whatever happens to the tool. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { NOBODY, hasNobody } from './nobody.js';
import { attached, childrenOf, closersOf, directory, taskperf, withProgram } from './attach-run.js';
import type { ProgramOptions } from './attach-run.js';
import { rowOf } from './run-stat.js';
import { listenersOf } from '#cli/attach/sockets.js';

after(() => fs.rmSync(directory, { recursive: true, force: true }));

const fixture = (name: string): string => `test/fixtures/programs/${name}`;
const plain = fixture('attach-plain.mjs');
/** The longest wait for what takes a moment on an idle machine. */
const SOON_MS = 60_000;

function portsOf(pid: number): number[] {
  return (listenersOf(pid) ?? []).map(({ port }) => port).sort((a, b) => a - b);
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const untilMs = performance.now() + SOON_MS;
  while (!isSo()) {
    assert.ok(performance.now() < untilMs, `${what} did not come`);
    await delay(20);
  }
}

async function refusal(pid: number, before: readonly string[] = []): Promise<string> {
  const { code, stderr } = await taskperf(['stat', '-p', String(pid)], before).ended();
  assert.equal(code, 129, stderr);
  assert.match(stderr, /^taskperf: [^\n]+\n$/);
  return stderr;
}

describe('the inspector', { concurrency: 2 }, () => {
  const hidden = ['-e', `process.title = 'x'; import(${JSON.stringify(path.resolve(plain))})`];
  const ways: [string, readonly string[], ProgramOptions][] = [
    ['any port', [plain], { node: ['--inspect-port=0'] }],
    ['its script’s own argument', [plain, '--inspect-port=9'], {}],
    ['a title instead of its words', hidden, {}],
  ];
  for (const [what, words, options] of ways) {
    test(`is found: ${what}`, async () => {
      await withProgram(words, options, async ({ pid }) => {
        const before = portsOf(pid);
        await attached(pid, () => delay(10));
        await until(() => String(portsOf(pid)) === String(before), 'the end of its inspector');
      });
    });
  }

  test('workers of a cluster open theirs as well: they are closed', async () => {
    await withProgram([fixture('attach-cluster.mjs')], {}, async ({ pid, said }) => {
      const all = (): string => [pid, ...childrenOf(pid)].map((one) => portsOf(one).join()).join(' ');
      const [before, saidBefore] = [all(), said()];
      await attached(pid, () => delay(10));
      await delay(500);
      await until(() => all() === before, 'the end of the inspectors');
      assert.equal(said(), saidBefore);
    });
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`is closed when top gets ${signal} while it attaches`, async () => {
      await withProgram([plain], {}, async ({ pid, complained }) => {
        const before = portsOf(pid);
        const tool = taskperf(['top', '-p', String(pid)]);
        while (!complained().includes('listening on')) {
          assert.equal(tool.child.exitCode, null, tool.complained());
          await delay(1);
        }
        const { code } = await tool.ended(signal);
        assert.equal(code, 0);
        await until(() => String(portsOf(pid)) === String(before), 'the end of its inspector');
        assert.ok(!fs.existsSync(path.join(directory, `${pid}.attach`)));
        assert.ok(!fs.existsSync(path.join(directory, String(pid))));
      });
    });

  for (const how of ['loop', 'child'])
    test(`is closed when the tool is killed while the loop is blocked (${how})`, async () => {
      const file = path.join(directory, `killed-${how}`);
      await withProgram([fixture('attach-blocked.mjs'), how, file], {}, async ({ pid, complained, said }) => {
        await delay(200);
        const tool = taskperf(['stat', '-p', String(pid)]);
        if (how === 'loop') await until(() => complained().includes('listening on'), 'its inspector');
        else await until(() => fs.existsSync(path.join(directory, `${pid}.attach`)), 'its lock');
        await delay(how === 'loop' ? 0 : 1000);
        await tool.ended('SIGKILL');
        fs.writeFileSync(file, '');
        await until(() => said().includes('goes on'), 'its end');
        await delay(1000);
        await until(() => portsOf(pid).length === 0, 'the end of its inspector');
        const next = await taskperf(['stat', '-p', String(pid), '--', 'true']).ended();
        assert.equal(next.code, 0, next.stderr);
        assert.deepEqual(
          fs.readdirSync(directory).filter((name) => name.startsWith(String(pid))),
          [],
        );
      });
    });

  test('is asked for of no program that listens there itself, or hides it', async () => {
    const server = http.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const listens = `require('node:http').createServer((_, r) => r.end('x')).listen(${port}, () => console.log('ready'))`;
    await withProgram(['-e', listens], { node: [`--inspect-port=${port}`] }, async ({ pid, complained }) => {
      assert.match(await refusal(pid), /it listens on port \d+ itself/);
      assert.equal(complained(), '');
    });
    await withProgram([plain], { node: ['--inspect-publish-uid=stderr'] }, async ({ pid, complained }) => {
      assert.match(await refusal(pid), /start it without --inspect-publish-uid/);
      assert.equal(complained(), '');
    });
  });

  const isRoot = process.getuid?.() === 0;
  test('is not asked for of what Linux hides from its user', { skip: !isRoot && 'needs root' }, async () => {
    const drop = `process.setgid(65534); process.setuid(65534); setInterval(() => {}, 1000); console.log('ready')`;
    await withProgram(['-e', drop], {}, async ({ pid, complained }) => {
      assert.match(await refusal(pid), /Linux hides it from its own user/);
      assert.equal(complained(), '');
      if (!hasNobody) return;
      assert.match(await refusal(pid, NOBODY), /hides from its own user|cannot use|not private/);
    });
  });

  test('is closed before the tool has ended: the next one opens its own', async () => {
    await withProgram([plain], {}, async ({ pid }) => {
      const before = portsOf(pid);
      for (let i = 0; i < 4; i++) {
        const { code, stderr } = await taskperf(['stat', '-p', String(pid), '--', 'true']).ended();
        assert.equal(code, 0, stderr);
        assert.deepEqual(portsOf(pid), before);
      }
    });
  });

  test('is opened when its port is free again, that somebody has had before', async () => {
    await withProgram([plain], {}, async ({ pid, inspectorPort }) => {
      const server = http.createServer().listen(inspectorPort, '127.0.0.1');
      await once(server, 'listening');
      setTimeout(() => server.close(), 1000);
      const { code, stderr } = await taskperf(['stat', '-p', String(pid), '--', 'true']).ended();
      assert.equal(code, 0, stderr);
      assert.equal(server.listening, false);
    });
  });

  test('is not the end of a program whose tools are killed while they attach', async () => {
    await withProgram([plain], {}, async ({ pid, port, child }) => {
      const before = portsOf(pid);
      for (let i = 0; i < 6; i++) {
        const tool = taskperf(['stat', '-p', String(pid)]);
        await delay(150 + i * 40); // from its start to after it has attached
        await tool.ended('SIGKILL');
      }
      await until(() => String(portsOf(pid)) === String(before), 'the end of its inspector');
      assert.deepEqual([child.exitCode, child.signalCode], [null, null]);
      const document = await attached(pid, async () => void (await fetch(`http://127.0.0.1:${port}/again`)));
      assert.equal(rowOf(document, 'GET /again').count, 1);
    });
  });

  test('is left to who uses it after a refusal', async () => {
    await withProgram([fixture('attach-own-signal.mjs')], {}, async ({ pid }) => {
      assert.match(await refusal(pid), /handles SIGUSR1 itself/);
      await until(() => closersOf(pid).length === 0, 'the end of who waits to close it');
    });
  });
});
