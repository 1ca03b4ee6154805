/** `taskperf stat -p PID`: a process that was started without taskperf is counted, and is afterwards as it was before. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  attached,
  counted,
  descriptorsOf,
  directory,
  freePort,
  settled,
  start,
  taskperf,
  threadsOf,
} from './attach-run.js';
import { NOBODY, hasNobody } from './nobody.js';
import { assertBalanced, rowOf } from './run-stat.js';

after(() => fs.rmSync(directory, { recursive: true, force: true }));

const plain = 'test/fixtures/programs/attach-plain.mjs';

async function get(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  return await response.text();
}

interface Blockage {
  readonly startNs: number;
  readonly cpuNs: number | null;
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
      // Loading taskperf and closing the inspector take the loop longer than that, but are not the program's doing.
      const { blockages } = document as unknown as { blockages: Blockage[] };
      // Without CPU time it is a busy machine's.
      const isOurs = ({ startNs, cpuNs }: Blockage): boolean => startNs < 400e6 && (cpuNs ?? Infinity) > 20e6;
      assert.deepEqual(blockages.filter(isOurs), []);
      assert.deepEqual(JSON.parse(await get(program.port, '/changes')), []);
      // Connections that were kept alive may have been closed by now.
      const added = (): string[] => descriptorsOf(program.pid).filter((fd) => !before.fds.includes(fd));
      await settled(() => ({ added: added(), threads: threadsOf(program.pid) }), {
        added: [],
        threads: before.threads,
      });
      assert.deepEqual(fs.readdirSync(directory), []);
    }
    assert.equal(program.said(), `listening ${program.port}\n`);
    for (const line of program.complained().trim().split('\n'))
      assert.match(line, /^Debugger (listening|attached|ending)|^For help, see: /);
  } finally {
    await program.kill();
  }
});

test('requests have the hidden classes that V8 has compiled for, also while they are counted', async () => {
  const program = await start(['test/fixtures/programs/attach-shapes.mjs'], {
    node: ['--allow-natives-syntax'],
  });
  try {
    // The first ones still change what V8 knows of their fields.
    for (let i = 0; i < 20; i++) await get(program.port, '/');
    const kept = get(program.port, '/kept').catch(() => undefined);
    assert.equal(await get(program.port, '/'), '[true,true]');
    const document = await attached(program.pid, async () => {
      for (let i = 0; i < 5; i++) assert.equal(await get(program.port, '/'), '[true,true]');
    });
    assert.equal(rowOf(document, 'GET /').count, 5);
    await program.kill();
    await kept;
  } finally {
    await program.kill();
  }
});

test('a tool that was killed: the process notices, and lets go by itself', async () => {
  const program = await start(['test/fixtures/programs/attach-server.mjs']);
  try {
    await get(program.port, '/changes');
    const tool = taskperf(['stat', '-p', String(program.pid)]);
    await counted(program.pid, tool);
    await tool.ended('SIGKILL');
    await settled(() => fs.readdirSync(directory), []);
    await delay(50);
    assert.deepEqual(JSON.parse(await get(program.port, '/changes')), []);
    const document = await attached(program.pid, async () => void (await get(program.port, '/again')));
    assert.equal(rowOf(document, 'GET /again').count, 1);
  } finally {
    await program.kill();
  }
});

test('worker threads: those that run, and those that are started while it counts', async () => {
  const program = await start(['test/fixtures/programs/attach-workers.mjs']);
  try {
    const first = Number(/worker (\d+)/.exec(program.said())![1]);
    const before = threadsOf(program.pid);
    const document = await attached(program.pid, async () => {
      await delay(300);
      assert.equal(await get(first, '/first'), 'ok');
      const response = await fetch(`http://127.0.0.1:${program.port}/more`, { method: 'POST' });
      const second = Number(await response.text());
      await delay(500);
      assert.equal(await get(second, '/second'), 'ok');
      assert.equal(await get(program.port, '/main'), 'ok');
    });
    for (const name of ['GET /first', 'GET /second', 'GET /main', 'POST /more'])
      assert.equal(rowOf(document, name).count, 1, name);
    const threads = document.threads.filter(({ javascript }) => javascript);
    assert.deepEqual(threads.map(({ name }) => name).sort(), ['main', 'worker 1', 'worker 2']);
    assertBalanced(document);
    assert.equal(threadsOf(program.pid), before + 1, 'the second worker, and nothing of ours');
    assert.equal(await get(first, '/after'), 'ok');
  } finally {
    await program.kill();
  }
});

test('an inspector that is open already is used, and stays open', async () => {
  const port = await freePort();
  const program = await start([plain], { node: [`--inspect=127.0.0.1:${port}`] });
  try {
    const document = await attached(program.pid, async () => void (await get(program.port, '/a')));
    assert.equal(rowOf(document, 'GET /a').count, 1);
    const version = await get(port, '/json/version');
    assert.match(version, /Protocol-Version/);
    assert.equal(program.complained().match(/listening on/g)?.length, 1);
  } finally {
    await program.kill();
  }
});

test('Node.js under another name, and with a title of its own as process managers give', async () => {
  const file = path.join(directory, 'server-program');
  fs.copyFileSync(fs.realpathSync(process.execPath), file);
  const env = { NODE_OPTIONS: `--inspect-port=${await freePort()}` };
  const program = await start(
    ['-e', `process.title = 'PM2 v6: God Daemon (app)'; import(${JSON.stringify(path.resolve(plain))})`],
    { file, env },
  );
  try {
    assert.match(fs.readFileSync(`/proc/${program.pid}/cmdline`, 'utf8'), /^PM2 v6/);
    const document = await attached(program.pid, async () => void (await get(program.port, '/b')));
    assert.equal(rowOf(document, 'GET /b').count, 1);
    assert.match(document.command.join(' '), /PM2 v6/);
  } finally {
    await program.kill();
    fs.rmSync(file);
  }
});

test('a program that npm has started is named when npm is attached to, and can be', async () => {
  const folder = fs.mkdtempSync(path.join(directory, '..', 'taskperf-npm-'));
  const scripts = { start: `node ${path.resolve(plain)}` };
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'app', scripts }));
  const env = { NODE_OPTIONS: `--inspect-port=${await freePort()}`, npm_config_update_notifier: 'false' };
  const program = await start(['run', '--silent', 'start'], { file: 'npm', cwd: folder, env });
  let child = 0;
  try {
    const npm = await attached(program.pid, () => delay(50));
    child = Number(/has started Node\.js as process (\d+)/.exec(npm.notes.join('\n'))![1]);
    const document = await attached(child, async () => void (await get(program.port, '/c')));
    assert.equal(rowOf(document, 'GET /c').count, 1);
  } finally {
    if (child !== 0) process.kill(child, 'SIGKILL');
    await program.kill();
    fs.rmSync(folder, { recursive: true });
  }
});

test('stat -p PID -- COMMAND counts while the command runs, and has its exit status', async () => {
  const program = await start([plain]);
  try {
    const tool = taskperf(['stat', '-p', String(program.pid), '--', 'sh', '-c', 'sleep 0.3; exit 3']);
    await counted(program.pid, tool);
    await get(program.port, '/d');
    const { code, stderr } = await tool.ended();
    assert.equal(code, 3);
    assert.match(stderr, new RegExp(` process ${program.pid} '.*attach-plain.mjs' by task name`));
    assert.match(stderr, /GET \/d +1 /);
    assert.match(stderr, /program runs on, without taskperf/);
    assert.equal(await get(program.port, '/after'), '{"url":"/after"}');
  } finally {
    await program.kill();
  }
});

test('the process ends while it is counted: its table is printed', async () => {
  const program = await start([plain]);
  const tool = taskperf(['stat', '-p', String(program.pid), '-I', '100']);
  await counted(program.pid, tool);
  await get(program.port, '/e');
  await delay(100);
  await program.kill();
  const { code, stderr } = await tool.ended();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /GET \/e +1 /);
  assert.match(stderr, /program has ended/);
  assert.deepEqual(fs.readdirSync(directory), []);
});

test('root counts another user’s process', { skip: !hasNobody && 'needs root and setpriv' }, async () => {
  const port = await freePort();
  const program = await start([...NOBODY.slice(1), process.execPath, `--inspect-port=${port}`, plain], {
    file: NOBODY[0]!,
  });
  try {
    const tool = taskperf(['stat', '-p', String(program.pid), '--', 'sleep', '1']);
    await counted(program.pid, tool, '/dev/shm/taskperf-65534');
    await get(program.port, '/f');
    const { code, stderr } = await tool.ended();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /GET \/f +1 /);
  } finally {
    await program.kill();
  }
});

test('workers that start and are terminated all the time: nothing crashes while taskperf comes and goes', async () => {
  const program = await start(['test/fixtures/programs/attach-churn.mjs']);
  try {
    const startedWorkers = async (): Promise<number> => {
      const { child } = program;
      assert.deepEqual([child.exitCode, child.signalCode], [null, null], program.complained());
      return Number(await get(program.port, '/'));
    };
    for (let round = 0; round < 4; round++) {
      const before = await startedWorkers();
      const document = await attached(program.pid, async () => {
        while ((await startedWorkers()) < before + 15) await delay(20);
      });
      assertBalanced(document);
      assert.ok(rowOf(document, 'GET /').count > 0);
    }
    assert.equal(program.child.exitCode, null);
    for (const line of program.complained().trim().split('\n')) assert.match(line, /^Debugger|^For help/);
  } finally {
    await program.kill();
  }
});

test('top -p PID attaches to what does not run under taskperf, and lets it go', async () => {
  const program = await start(['test/fixtures/programs/attach-server.mjs']);
  try {
    await get(program.port, '/changes');
    const tool = taskperf(['top', '-p', String(program.pid), '-d', '0.3', '-n', '4']);
    await counted(program.pid, tool);
    for (let i = 0; i < 20; i++) await get(program.port, '/watched');
    const { code, stdout } = await tool.ended();
    assert.equal(code, 0);
    assert.match(stdout, /GET \/watched/);
    assert.deepEqual(JSON.parse(await get(program.port, '/changes')), []);
    assert.deepEqual(fs.readdirSync(directory), []);
  } finally {
    await program.kill();
  }
});

test('without the addon: estimated, and let go as well', async () => {
  const program = await start(['test/fixtures/programs/attach-server.mjs'], {
    env: { TASKPERF_NO_ADDON: '1' },
  });
  try {
    await get(program.port, '/changes');
    const document = await attached(program.pid, async () => {
      await get(program.port, '/estimated');
      await delay(300); // it copies its region every 100 ms
    });
    assert.equal(rowOf(document, 'GET /estimated').count, 1);
    assert.equal(document.events[0]!.kind, 'estimated');
    assert.deepEqual(JSON.parse(await get(program.port, '/changes')), []);
    assert.deepEqual(fs.readdirSync(directory), []);
  } finally {
    await program.kill();
  }
});

test('routes of a Fastify server that exists already', async () => {
  const program = await start(['test/fixtures/programs/attach-fastify.mjs']);
  try {
    const document = await attached(program.pid, async () => {
      for (const name of ['one', 'two']) await get(program.port, `/things/${name}`);
    });
    assert.equal(rowOf(document, 'GET /things/:name').count, 2);
  } finally {
    await program.kill();
  }
});
