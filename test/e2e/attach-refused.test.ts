/** What cannot be attached to is told in one sentence, and is not harmed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { closersOf, counted, directory, freePort, taskperf, withProgram } from './attach-run.js';
import { NOBODY, hasNobody } from './nobody.js';

after(() => fs.rmSync(directory, { recursive: true, force: true }));

const fixture = (name: string): string => `test/fixtures/programs/${name}`;
const plain = fixture('attach-plain.mjs');
const takesDisable = process.allowedNodeEnvironmentFlags.has('--disable-sigusr1');

/** Runs the tool, which must say one sentence and end with 129. */
async function refusal(pid: number, before: readonly string[] = []): Promise<string> {
  const { code, stderr } = await taskperf(['stat', '-p', String(pid)], before).ended();
  assert.equal(code, 129, stderr);
  assert.match(stderr, /^taskperf: [^\n]+\n$/);
  return stderr;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

describe('refused', { concurrency: 4 }, () => {
  test('a pid of nobody, and what is no pid', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    assert.match(await refusal(child.pid!), /there is no process; `ps -e` lists them/);
    for (const text of ['0', '-1', 'abc', '1.5', '99999999999']) {
      const { code, stderr } = await taskperf(['stat', `-p=${text}`.replace('=', '')]).ended();
      assert.equal(code, 129);
      assert.match(stderr, /is not the number of a process, such as 4711/);
    }
  });

  test('a program that is not Node.js is left alone, and the one that it has started is named', async () => {
    const shell = spawn('sh', ['-c', `'${process.execPath}' ${plain}; true`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(shell.stdout, 'data');
      const said = await refusal(shell.pid!);
      const child = Number(/as process (\d+): use that/.exec(said)?.[1]);
      assert.equal(fs.readlinkSync(`/proc/${child}/exe`), fs.realpathSync(process.execPath), said);
      assert.equal(shell.exitCode, null);
      process.kill(child);
      await once(shell, 'close');
      assert.equal(shell.signalCode, null, 'SIGUSR1 would have killed it');
    } finally {
      shell.kill('SIGKILL');
    }
  });

  test('another user’s process', { skip: !hasNobody && 'needs root and setpriv' }, async () => {
    await withProgram([plain], {}, async ({ pid }) => {
      assert.match(await refusal(pid, NOBODY), /not permitted: user 0 runs it and you are 65534; use sudo/);
    });
  });

  test('a process that does not take SIGUSR1 is not sent any', {
    skip: !takesDisable && 'no such option',
  }, async () => {
    await withProgram([plain], { node: ['--disable-sigusr1'] }, async ({ pid, child }) => {
      assert.match(await refusal(pid), /does not take SIGUSR1/);
      assert.equal(child.signalCode, null);
    });
  });

  test('the inspector’s port is somebody else’s: nothing is sent, nothing written', async () => {
    await withProgram([plain], {}, async ({ pid, inspectorPort, complained }) => {
      const other = net.createServer().listen(inspectorPort, '127.0.0.1');
      await once(other, 'listening');
      assert.match(await refusal(pid), new RegExp(`port ${inspectorPort}, .* in use by another process`));
      other.close();
      assert.equal(complained(), '');
    });
  });

  test('the program handles SIGUSR1 itself', async () => {
    await withProgram([fixture('attach-own-signal.mjs')], {}, async ({ pid, child }) => {
      assert.match(await refusal(pid), /has not opened its inspector .* handles SIGUSR1 itself/);
      assert.equal(child.exitCode, null);
      assert.ok(!fs.existsSync(path.join(directory, `${pid}.attach`)));
    });
  });

  for (const how of ['loop', 'child']) {
    test(`a blocked event loop (${how}) is waited for, and nothing is left behind`, async () => {
      const file = path.join(directory, `go-on-${how}`);
      await withProgram([fixture('attach-blocked.mjs'), how, file], {}, async (program) => {
        await delay(100);
        assert.match(await refusal(program.pid), /has been blocked for 10 s|or it is blocked/);
        fs.writeFileSync(file, '');
        while (!program.said().includes('goes on')) await delay(20);
        // It opens its inspector only now, and that is closed.
        while (closersOf(program.pid).length > 0) await delay(50);
        assert.equal(await isOpen(program.inspectorPort), false, 'no port stays open');
        const maps = fs.readFileSync(`/proc/${program.pid}/maps`, 'utf8');
        assert.ok(!maps.includes('taskperf.node'), 'nothing was loaded');
        assert.ok(!fs.existsSync(path.join(directory, String(program.pid))));
      });
    });
  }

  test('two tools at once: the second says who is first', async () => {
    await withProgram([plain], {}, async ({ pid }) => {
      const first = taskperf(['stat', '-p', String(pid)]);
      await counted(pid, first);
      assert.match(await refusal(pid), new RegExp(`already, by taskperf ${first.child.pid}`));
      assert.equal((await first.ended('SIGINT')).code, 0);
    });
  });

  test('a program under `taskperf stat` is not attached to', async () => {
    const port = await freePort();
    const tool = taskperf(['stat', '--', process.execPath, `--inspect-port=${port}`, plain]);
    let pid = 0;
    while (pid === 0) {
      await delay(10);
      const children = fs.readFileSync(`/proc/${tool.child.pid}/task/${tool.child.pid}/children`, 'utf8');
      pid =
        children
          .split(' ')
          .map(Number)
          .find((one) => fs.existsSync(path.join(directory, String(one)))) ?? 0;
    }
    assert.match(
      await refusal(pid),
      new RegExp(`process ${pid} is counted already, by taskperf ${tool.child.pid}`),
    );
    assert.equal((await tool.ended('SIGTERM')).code, 143);
  });
});
