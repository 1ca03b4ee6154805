/** `taskperf top` where nobody watches: tables on stdout, and one sentence for each mistake. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Watched, cli } from './watched.ts';

const SERVER = 'test/fixtures/programs/top-server.cjs';

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(env: Readonly<Record<string, string>>, ...args: string[]): Result {
  return spawnSync(process.execPath, [cli, 'top', ...args], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '200', ...env },
  });
}

void test('without a terminal: a table per interval, as many as asked', async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  for (let i = 0; i < 7; i++) await server.get('/cheap');
  const { status, stdout, stderr } = run(server.env, '-d', '0.2', '-n', '3');
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  assert.equal(stdout.match(/^ taskperf top: /gm)?.length, 3);
  assert.equal(stdout.match(/^ GET \/cheap +0 .* 7 /gm)?.length, 3);
  assert.ok(!stdout.includes('\u001b'), 'no escape sequences');
});

void test('the pid of the program, or that of stat: the same process', async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  const [pid] = server.pids();
  for (const chosen of [pid, server.statPid]) {
    const { status, stdout } = run(server.env, '-p', String(chosen), '-d', '0.1', '-n', '1');
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`\\(pid ${pid}, Node v`));
  }
});

void test('a program that ends ends the tables, with its last state and status 0', async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  for (let i = 0; i < 3; i++) await server.get('/cheap');
  const top = spawn(process.execPath, [cli, 'top', '-d', '0.2'], { env: { ...process.env, ...server.env } });
  t.after(() => top.kill('SIGKILL'));
  const said = collected(top);
  const closed = once(top, 'close');
  await once(top.stdout!, 'data');
  await server.stop();
  const [status] = (await closed) as [number | null];
  assert.equal(status, 0);
  assert.match(said(), /! process \d+ has ended; this is its last state/);
});

void test('a reader that goes away ends it (`| head`)', async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  const top = spawn(process.execPath, [cli, 'top', '-d', '.1'], { env: { ...process.env, ...server.env } });
  t.after(() => top.kill('SIGKILL'));
  const closed = once(top, 'close', { signal: AbortSignal.timeout(30_000) });
  await once(top.stdout!, 'data');
  top.stdout!.destroy();
  assert.deepEqual(await closed, [0, null]);
});

function collected(child: ChildProcess): () => string {
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return () => text;
}

void test('nothing of it is removed or changed, whoever looks', async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  const before = fs.readdirSync(server.directory).sort();
  run(server.env, '-d', '0.1', '-n', '2');
  assert.deepEqual(fs.readdirSync(server.directory).sort(), before);
});

void test('mistakes are one sentence each', async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const shell = spawn('sleep', ['60']);
  t.after(() => shell.kill());
  const cases: [string[], number, RegExp][] = [
    [['-d', '0'], 129, /delay '0' is not a number of seconds from 0\.1 to 3600, such as 1 or 0\.5/],
    [['-d', 'soon'], 129, /delay 'soon' is not/],
    [['-d', '-1'], 129, /option '-d' needs a value/],
    [['-n', '1.5'], 129, /number of refreshes '1\.5' is not 1 or more/],
    [['-p', 'node'], 129, /pid 'node' is not the number of a process/],
    [['--blocked', 'long'], 129, /--blocked 'long' is not a time of 1 ms or more, such as 100ms or 2s/],
    [['--sort', 'cpus'], 129, /cannot sort by 'cpus'; did you mean 'cpu'\?/],
    [['--by', 'task'], 129, /cannot group by 'task'; --by takes name or process/],
    [['--delai', '1'], 129, /unknown option '--delai'; did you mean '--delay'\?/],
    [['4711'], 129, /'4711' is no option; name a process with -p 4711/],
    [['--no-color=yes'], 129, /option '--no-color' takes no value/],
    [['-p', String(dead)], 1, new RegExp(`there is no process ${dead}; `)],
    [['-p', String(shell.pid)], 129, /cannot attach to process \d+: it is not Node.js \(sleep\)/],
  ];
  for (const [args, status, sentence] of cases) {
    const result = run(server.env, ...args);
    assert.equal(result.status, status, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, new RegExp(`^taskperf: ${sentence.source}`));
    assert.equal(result.stderr.trim().split('\n').length, 1);
    assert.equal(result.stdout, '');
  }
});

void test('nothing runs; several run', async (t) => {
  const [first] = await Watched.startTwo(t, SERVER);
  const several = run(first.env);
  assert.equal(several.status, 129);
  assert.match(
    several.stderr,
    /^taskperf: several processes run under taskperf; choose one with -p: \d+ \(node .*\), \d+ \(node/,
  );
  const nothing = run({ TASKPERF_DIR: path.join(first.directory, 'none') });
  assert.equal(nothing.status, 129);
  assert.match(nothing.stderr, /^taskperf: nothing of yours runs under taskperf; start a program as/);
  assert.ok(!fs.existsSync(path.join(first.directory, 'none')), 'looking makes no directory');
});

void test('a damaged region is one sentence', async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  const [pid] = server.pids();
  const other = fs.mkdtempSync(path.join(server.directory, 'other-'));
  fs.copyFileSync(path.join(server.directory, String(pid)), path.join(other, String(pid)));
  fs.truncateSync(path.join(other, String(pid)), 5000);
  const { status, stderr } = run({ TASKPERF_DIR: other }, '-p', String(pid));
  assert.equal(status, 1);
  assert.match(stderr, /^taskperf: .* is truncated: 5000 of \d+ bytes/);
});

void test('another user’s process', {
  skip: process.getuid?.() !== 0 && 'only root can become another user',
}, async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  const [pid] = server.pids();
  const options = { encoding: 'utf8' as const, uid: 65_534, gid: 65_534 };
  const result = spawnSync(process.execPath, [cli, 'top', '-p', String(pid)], options);
  assert.equal(result.status, 1);
  assert.match(result.stderr, /^taskperf: process \d+ belongs to another user; run taskperf as that user/);
});

void test('the processes of a session together, with a total, and apart', async (t) => {
  const server = await Watched.start('test/fixtures/programs/top-cluster.cjs');
  t.after(() => server.dispose());
  const answers = new Map<number, number>();
  for (let i = 0; i < 10; i++) {
    // A connection each: they are given to the workers in turn.
    const pid = Number(await server.get('/', { connection: 'close' }));
    answers.set(pid, (answers.get(pid) ?? 0) + 1);
  }
  assert.equal(answers.size, 2, 'both workers answered');
  const together = run(server.env, '-d', '0.2', '-n', '1');
  assert.match(together.stdout, /\(3 processes from pid \d+\)/);
  assert.match(together.stdout, /^ GET \/ +0 .* 10 /m);
  const apart = run(server.env, '-d', '0.2', '-n', '1', '--by', 'process');
  for (const [pid, count] of answers)
    assert.match(apart.stdout, new RegExp(`^ GET / +${pid} +0 .* ${count} `, 'm'), `${pid}: ${count}`);
  assert.match(apart.stdout, /^ total .* 10 /m);
});
