/** `taskperf stat` with real children: exit codes, bad input, what is left behind. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const FABRICATE = new URL('./fabricate.js', import.meta.url).href;
const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-stat-'));
const regions = path.join(directory, 'regions');
after(() => fs.rmSync(directory, { recursive: true }));
const env = { ...process.env, TASKPERF_DIR: regions, COLUMNS: '100', NODE_OPTIONS: '' };

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function taskperf(...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', env });
  return { status, stdout, stderr };
}

/** A program that leaves a region as the bootstrap would, then does `then`. */
function fake(then: string): string[] {
  const code = `
    import { twoRoutes } from ${JSON.stringify(FABRICATE)};
    twoRoutes(process.pid, Number(process.env.TASKPERF_SESSION)).save(process.env.TASKPERF_DIR + '/' + process.pid);
    ${then}`;
  return ['env', '-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', code];
}

test('every mistake is one sentence on stderr with status 129, and nothing is started', () => {
  const marker = path.join(directory, 'started');
  const unwritable = path.join(directory, 'no', 'such', 'file');
  const mistakes = [
    [],
    ['top'],
    ['stats', 'touch', marker],
    ['stat'],
    ['stat', '--'],
    ['stat', '-e', 'flops', 'touch', marker],
    ['stat', '--frobnicate', 'touch', marker],
    ['stat', '-p', 'abc'],
    ['stat', '-o', unwritable, 'touch', marker],
    ['stat', '-o', directory, 'touch', marker],
    ['list', 'no-such-event'],
  ];
  for (const args of mistakes) {
    const { status, stdout, stderr } = taskperf(...args);
    assert.deepEqual([args, status, stdout], [args, 129, '']);
    assert.match(stderr, /^taskperf: [^\n]+\n$/);
  }
  assert.equal(fs.existsSync(marker), false);
});

test('an event that the machine does not count is <not supported>; the others are counted', () => {
  const { status, stderr } = taskperf('stat', '-e', 'cycles', '--', process.execPath, '-e', '0');
  assert.equal(status, 0);
  assert.match(stderr, /<not supported>: cycles;/);
  assert.doesNotMatch(stderr, /could not start/);
});

test('list takes names after --, too', () => {
  assert.equal(taskperf('list', '--', 'clock').stdout, taskperf('list', 'clock').stdout);
  assert.match(taskperf('list', '--', '--json').stderr, /no event of this machine matches '--json'/);
});

test('an unknown subcommand is named and the existing ones listed', () => {
  assert.match(
    taskperf('diff').stderr,
    /unknown subcommand 'diff'; there are stat, record, report, top, list and doctor/,
  );
});

test('127 for a command that is not found, 126 for one that cannot be executed', () => {
  const notFound = taskperf('stat', '--', 'no-such-command-here');
  assert.deepEqual(
    [notFound.status, /command not found: 'no-such-command-here'/.test(notFound.stderr)],
    [127, true],
  );
  const file = path.join(directory, 'plain');
  fs.writeFileSync(file, 'x', { mode: 0o644 });
  assert.equal(taskperf('stat', '--', file).status, 126);
});

test("the exit status is the program's, or 128 + the signal, of a program that is not Node.js, too", () => {
  for (const [script, status, ending] of [
    ['exit 0', 0, 'exited with code 0'],
    ['exit 7', 7, 'exited with code 7'],
    ['kill -9 $$', 137, 'killed by SIGKILL'],
    ['kill -TERM $$', 143, 'killed by SIGTERM'],
  ] as const) {
    const result = taskperf('stat', '--', 'sh', '-c', script);
    assert.equal(result.status, status, script);
    // Without the addon so short a program is not seen at all.
    if (process.env['TASKPERF_NO_ADDON'] !== '1') assert.match(result.stderr, /\(process sh \d+\) +\d/);
    assert.match(result.stderr, new RegExp(ending));
  }
});

test('the table goes to stderr and the stdout of the program is left alone', () => {
  const { status, stdout, stderr } = taskperf(
    'stat',
    '--',
    ...fake('console.log("mine"); process.exitCode = 3;'),
  );
  assert.deepEqual([status, stdout], [3, 'mine\n']);
  assert.match(stderr, /GET \/users\/:id +8 +3\.600/);
  assert.match(stderr, /program exited with code 3/);
  assert.deepEqual(fs.readdirSync(regions), []);
});

test('--json is one document, on stderr or in the file of -o', () => {
  const shown = JSON.parse(taskperf('stat', '--json', '--', ...fake('')).stderr) as { schema: string };
  assert.equal(shown.schema, 'taskperf.stat/1');
  const file = path.join(directory, 'out.json');
  fs.writeFileSync(file, 'x'.repeat(100_000));
  const { stderr } = taskperf('stat', '--json', '-o', file, '--', ...fake(''));
  assert.equal(stderr, '');
  assert.equal((JSON.parse(fs.readFileSync(file, 'utf8')) as { tasks: unknown[] }).tasks.length, 2);
});

test('a program killed by SIGKILL still gets its table', () => {
  const { status, stderr } = taskperf('stat', '--', ...fake('process.kill(process.pid, "SIGKILL");'));
  assert.equal(status, 137);
  assert.match(stderr, /GET \/users\/:id/);
  assert.match(stderr, /program killed by SIGKILL/);
});

test('-I prints a block per interval and the document keeps them', () => {
  const wait = 'await new Promise((resolve) => setTimeout(resolve, 700));';
  const table = taskperf('stat', '-I', '100', '--', ...fake(wait));
  assert.match(table.stderr, /\d\.\d{3} s +count +CPU ms[^\n]+\n POST [^\n]+ 4 +100\.000/);
  assert.match(table.stderr, /no task ran/);
  const { intervals } = JSON.parse(taskperf('stat', '--json', '-I', '100', '--', ...fake(wait)).stderr) as {
    intervals: { tasks: { count: number }[] }[];
  };
  assert.equal(
    intervals.flatMap((interval) => interval.tasks).reduce((sum, task) => sum + task.count, 0),
    12,
  );
});

test('-I shows what each interval added of the events, and of the processes where nothing is Node.js', () => {
  const wait = 'await new Promise((resolve) => setTimeout(resolve, 700));';
  const { stderr } = taskperf('stat', '-e', 'task-switches', '-I', '100', '--', ...fake(wait));
  assert.match(stderr, /s +count +CPU ms[^\n]+ task-switches\n POST [^\n]+ 8\n GET [^\n]+ 16\n/);
  const busy = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done';
  const shell = taskperf('stat', '-I', '50', '--', 'sh', '-c', busy);
  assert.match(
    shell.stderr,
    /^ \d\.\d{3} s +count +CPU ms[^\n]+\n \(process sh \d+\) +0 +\d+\.\d{3} +100\.0%$/m,
  );
});

test('files of processes and tools that are gone are removed at the start', () => {
  const stale = ['4194303', '4194303.2', '4194303.error', '.taskperf-4194303-ab', 'other'];
  for (const name of stale) fs.writeFileSync(path.join(regions, name), 'x');
  taskperf('stat', '--', 'true');
  assert.deepEqual(fs.readdirSync(regions), ['other']);
  fs.rmSync(path.join(regions, 'other'));
});

test('a directory that others can enter is refused', () => {
  const open = path.join(directory, 'open');
  fs.mkdirSync(open, { mode: 0o755 });
  const result = spawnSync(process.execPath, [MAIN, 'stat', 'true'], {
    encoding: 'utf8',
    env: { ...env, TASKPERF_DIR: open },
  });
  assert.equal(result.status, 129);
  assert.match(result.stderr, /is not private to you; set TASKPERF_DIR to a directory of its own/);
});

/** Starts a program that says "ready" and sends the tool the signals, each after the program answered the last. */
async function interrupted(then: string, signals: NodeJS.Signals[]): Promise<Result> {
  const child = spawn(process.execPath, [MAIN, 'stat', '--', ...fake(then)], { env, detached: true });
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString();
    const signal = signals.shift();
    if (signal !== undefined) setTimeout(() => child.kill(signal), 100);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, stdout, stderr };
}

test('SIGINT and SIGTERM go to the program, which ends in its own way', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const graceful = `process.on('${signal}', () => process.exit(5)); console.log('ready'); setInterval(() => {}, 1000);`;
    const result = await interrupted(graceful, [signal]);
    assert.equal(result.status, 5);
    assert.match(result.stderr, /program exited with code 5/);
  }
});

test('a program that SIGINT ends by default has status 130', async () => {
  const result = await interrupted(`console.log('ready'); setInterval(() => {}, 1000);`, ['SIGINT']);
  assert.equal(result.status, 130);
  assert.match(result.stderr, /program killed by SIGINT/);
});

test('a second SIGINT forces the end of a program that ignores the first, and the table is printed', async () => {
  const stubborn = `process.on('SIGINT', () => console.log('no')); console.log('ready'); setInterval(() => {}, 1000);`;
  const result = await interrupted(stubborn, ['SIGINT', 'SIGINT']);
  assert.deepEqual([result.status, result.stdout], [137, 'ready\nno\n']);
  assert.match(result.stderr, /killed by SIGKILL \(forced by a second SIGINT\)/);
  assert.match(result.stderr, /GET \/users\/:id/);
});

test('help, version and list are for stdout', () => {
  for (const args of [['--help'], ['-h'], ['--version'], ['list'], ['stat', '--help']]) {
    const { status, stdout, stderr } = taskperf(...args);
    assert.deepEqual([status, stderr], [0, '']);
    assert.notEqual(stdout, '');
  }
  assert.match(taskperf('list').stdout, /task-clock +ns +(exact|estimated) +CPU time/);
});

test('under the permission model the program runs as it is, uncounted, and stat says so', () => {
  const flag = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const result = taskperf('stat', '--', process.execPath, flag, '-e', 'process.exitCode = 4');
  assert.equal(result.status, 4);
  assert.match(result.stderr, /no task was counted, .* not use\s+--permission/);
});
