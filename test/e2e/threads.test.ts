/** Threads that run no JavaScript, and programs that are not Node.js: each is counted, and the whole process balances. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from './run-stat.js';
import type { Document } from './run-stat.js';

const cli = path.join(root, 'dist/cli/main.js');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-threads-'));
after(() => fs.rmSync(directory, { recursive: true }));

const noAddon =
  process.env['TASKPERF_NO_ADDON'] === '1' && 'without the addon all is read from /proc, in steps';
const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
const burner = path.join(directory, 'burn-threads');
const unwaited = path.join(directory, 'unwaited');
const noBurner = compiler === undefined ? 'no C compiler' : noAddon;
const hasPerf = spawnSync('perf', ['stat', '-e', 'task-clock', 'true']).status === 0;
if (compiler !== undefined) {
  for (const program of [burner, unwaited]) {
    const source = path.join(root, `test/fixtures/programs/${path.basename(program)}.c`);
    execFileSync(compiler, ['-O2', '-pthread', source, '-o', program]);
  }
}

/** What schedstat may be behind by while its thread runs (src/cli/os-counter.ts), CONFIG_HZ=250. */
const TICK_NS = 4e6;

interface Run {
  readonly document: Document;
  readonly stdout: string;
  readonly code: number | null;
}

function stat(args: readonly string[], command: readonly string[], env: Record<string, string> = {}): Run {
  const file = path.join(directory, 'out.json');
  const run = spawnSync(process.execPath, [cli, 'stat', '--json', '-o', file, ...args, '--', ...command], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.ok(fs.existsSync(file), run.stderr);
  const document = JSON.parse(fs.readFileSync(file, 'utf8')) as Document;
  fs.rmSync(file);
  return { document, stdout: run.stdout, code: run.status };
}

function sumOf(rows: readonly { counters: Record<string, { value: number }> }[], event: string): number {
  return rows.reduce((sum, row) => sum + (row.counters[event]?.value ?? 0), 0);
}

/** Threads = tasks + system rows, to the last ns, and nothing is negative. */
function assertBooks(document: Document, events: readonly string[] = ['task-clock']): number {
  for (const event of events) {
    const { threads, attributed, error } = document.conservation[event]!;
    assert.equal(error, 0, event);
    assert.equal(sumOf(document.threads, event), threads, event);
    assert.equal(sumOf([...document.tasks, ...document.system], event), attributed, event);
    for (const row of document.system) assert.ok((row.counters[event]?.value ?? 0) >= 0, row.name);
  }
  return document.conservation['task-clock']!.threads;
}

function assertClose(actual: number, expected: number, share: number, slackNs = 0): void {
  const off = Math.abs(actual - expected);
  assert.ok(off <= expected * share + slackNs, `${actual} for ${expected}, off by ${off}`);
}

/** What the hypervisor took from all cores since the start, in ticks of 10 ms. */
function stealNs(): number {
  return Number(fs.readFileSync('/proc/stat', 'utf8').split(/\s+/, 9)[8]) * 1e7;
}

const row = (document: Document, name: RegExp): Document['system'][number] => {
  const found = document.system.find((one) => name.test(one.name));
  assert.ok(found !== undefined, `${name} in ${document.system.map((one) => one.name).join(', ')}`);
  return found;
};

describe('a program that is not Node.js', { skip: noBurner }, () => {
  const command = [burner, '60,120,180', '90', '40'];

  for (const [mode, env] of [
    ['with perf events', {}],
    ['with /proc alone', { TASKPERF_NO_PERF: '1' }],
  ] as const) {
    test(`the sum is the kernel's own account of it, ${mode}`, () => {
      const { document, stdout, code } = stat([], command, env);
      assert.equal(code, 7);
      // What it does after it has said so, and before it becomes the program, is below a millisecond or two.
      assertClose(assertBooks(document), Number(stdout), 0.001, 2e6);
      assert.equal(document.events.find((event) => event.name === 'task-clock')!.kind, 'exact');
    });
  }

  test('each thread and each process has what it burned', () => {
    const { document } = stat(['--by', 'thread'], command);
    assertBooks(document);
    const burners = document.threads.filter((thread) => thread.name === 'burner');
    const used = burners.map((thread) => thread.counters['task-clock']!.value).sort((a, b) => a - b);
    assert.equal(used.length, 3);
    for (const [index, ms] of [60, 120, 180].entries()) assertClose(used[index]!, ms * 1e6, 0.01, TICK_NS);
    const [pid] = new Set(burners.map((thread) => thread.pid));
    const child = document.threads.find((thread) => thread.pid !== pid && thread.name === 'burn-threads');
    assertClose(child!.counters['task-clock']!.value, 90e6, 0.01, TICK_NS);
    for (const thread of document.threads) assert.equal(thread.javascript, false);
    row(document, /^\(thread burner \d+ of \d+\)$/);
  });

  test('perf stat in the same run agrees within 1 %', { skip: !hasPerf && 'perf is not installed' }, () => {
    const file = path.join(directory, 'perf.csv');
    const perf = ['perf', 'stat', '-x', ';', '-o', file, '-e', 'task-clock,page-faults', ...command];
    const stolenNs = stealNs();
    const { document } = stat(['-e', 'page-faults'], perf);
    assertBooks(document, ['task-clock', 'page-faults']);
    const theirs = new Map(
      fs
        .readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.split(';'))
        .map((words) => [words[2], Number(words[0])]),
    );
    const ours = document.system.filter((one) => one.name.startsWith('(process burn-threads '));
    // perf's clock runs on while the hypervisor has the core, the scheduler's account does not.
    const slackNs = 1e6 + (stealNs() - stolenNs) * 2;
    assertClose(sumOf(ours, 'task-clock'), theirs.get('task-clock')! * 1e6, 0.01, slackNs);
  });

  test('page faults of the whole command are those that perf stat counts', {
    skip: !hasPerf && 'perf is not installed',
  }, () => {
    const file = path.join(directory, 'faults.csv');
    // Counted from outside, the tool included, and the tool alone: their difference is the command.
    const count = (args: readonly string[]): number => {
      spawnSync('perf', ['stat', '-x', ';', '-o', file, '-e', 'page-faults', ...args]);
      return Number(/^(\d+);/m.exec(fs.readFileSync(file, 'utf8'))![1]);
    };
    const { document } = stat(['-e', 'page-faults'], command);
    const theirs = count(command);
    assertClose(document.conservation['page-faults']!.threads, theirs, 0.01, 5);
  });

  test('the table has a row per process, and how it ended', () => {
    const run = spawnSync(process.execPath, [cli, 'stat', '--', ...command], { encoding: 'utf8' });
    assert.equal(run.status, 7);
    assert.match(run.stderr, /by process\n/);
    // In ms, or in µs where next to nothing is in another row.
    assert.match(run.stderr, /\(process burn-threads \d+\) +(39|4\d)\d(,\d{3})?\.\d+/);
    assert.match(run.stderr, /2 processes, \d\.\d\d cores used/);
    assert.match(run.stderr, /program exited with code 7/);
    assert.doesNotMatch(run.stderr, /note:|nothing was counted|not supported/);
  });

  test('processes that their parent has left are found and followed', () => {
    // It has gone before we look for the first time.
    const done = path.join(directory, 'done');
    const script = `(sh -c '"${burner}" 50 1 700; touch "${done}"' > /dev/null &)
      while [ ! -e "${done}" ]; do sleep 0.1; done`;
    const { document } = stat([], ['sh', '-c', script]);
    assertBooks(document);
    // The thread's 50 and the main thread's 700; the child's 1 is a process of its own.
    const left = document.system.filter((one) => one.name.startsWith('(process burn-threads '));
    assertClose(sumOf(left, 'task-clock'), 751e6, 0.01, 2e6);
  });
});

describe('what the kernel passes on to nobody is in the sum', { skip: noBurner }, () => {
  for (const how of ['ignore', 'daemon']) {
    test(`a child that is not waited for (${how}), beside others too short to be seen`, () => {
      const { document, stdout } = stat([], [unwaited, how, '250', '200']);
      // Nobody but our looks tells of the 250. Once, on a busy machine, 33 of them were missing, and it is not known why.
      const [found, used] = [assertBooks(document), Number(stdout)];
      assertClose(Math.max(found, used), used, 0.01, 5e6);
      assert.ok(found > used - 50e6, `${found} for ${used}`);
      row(document, /^\(short-lived threads\)$/);
      assert.deepEqual(document.notes, []);
    });
  }

  test('where that cannot be seen, a note says that the sum may lack something', () => {
    const { document } = stat([], [unwaited, 'nocldwait', '250', '1']);
    assertBooks(document);
    const [note] = document.notes;
    assert.match(note!, /^what was seen is 2\d\d ms more than the kernel's account of the command/);
  });
});

describe('the command finds everything as without us', { skip: noAddon }, () => {
  test('descriptors, signals, groups, arguments and environment', () => {
    // Nothing is forked: a shell blocks signals while it does.
    const script = `printf '%s|' "$0" "$@"; cd /proc/$$; for fd in fd/*; do echo $fd; done
      while read -r key value; do case $key in Sig*|Cap*|NoNew*|Seccomp:|ShdPnd:) echo $key $value ;; esac; done < status
      read -r pid name state parent group session rest < stat
      echo $((group == pid)) $((session == pid)) $((parent == group)); exec env`;
    const command = ['sh', '-c', script, 'name', 'a b', ''];
    const options = { cwd: directory, encoding: 'utf8' as const };
    const plain = spawnSync(process.execPath, ['-e', PLAIN, ...command], options);
    const counted = spawnSync(process.execPath, [cli, 'stat', '-o', '/dev/null', '--', ...command], options);
    assert.equal(counted.stderr, '');
    const lines = (text: string): string[] =>
      text.split('\n').filter((line) => !/^(TASKPERF_|NODE_OPTIONS=|_=|PWD=|SigQ:)/.test(line));
    assert.deepEqual(lines(counted.stdout), lines(plain.stdout));
    assert.ok(plain.stdout.startsWith('name|a b||'), plain.stdout);
  });

  test('preloaded libraries are loaded into the command alone', { skip: noBurner }, () => {
    const source = path.join(directory, 'preload.c');
    const library = path.join(directory, 'preload.so');
    fs.writeFileSync(
      source,
      '#include <unistd.h>\n__attribute__((constructor)) static void f(void) { if (write(1, "loaded\\n", 7)) return; }',
    );
    execFileSync(compiler!, ['-shared', '-fPIC', source, '-o', library]);
    const args = [cli, 'stat', '-o', '/dev/null', '--', burner, '1', '1', '1'];
    const env = { ...process.env, LD_PRELOAD: library };
    const run = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    assert.equal(run.status, 7, run.stderr);
    // In the tool, and in the command.
    assert.equal(run.stdout.match(/loaded/g)?.length, 2, run.stdout);
  });

  test('a tool that dies before the word is given leaves nothing running', async () => {
    const launcher = path.join(root, 'dist/native/taskperf-exec');
    const marker = path.join(directory, 'started');
    const child = spawn(launcher, ['touch', marker], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream!.on('data', (chunk) => (said += String(chunk)));
    (child.stdio[3] as import('node:net').Socket).destroy();
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual([code, said, fs.existsSync(marker)], [1, '', false]);
  });
});

/** Starts a command as the tool did before it had a launcher. */
const PLAIN = `const { spawn } = require('node:child_process'); const [file, ...args] = process.argv.slice(1);
  spawn(file, args, { stdio: 'inherit' }).once('exit', (code) => (process.exitCode = code));`;

describe('threads of Node.js that run no JavaScript', { skip: noAddon }, () => {
  const POOL = /^\(thread (libuv-worker|node)\)$/; // Node 20 gives its threads no names
  // While the pool hashes nobody else has anything to do.
  const HASHES = `const { pbkdf2 } = require('node:crypto');
    const before = process.cpuUsage();
    let left = 8;
    for (let i = 0; i < 8; i++) pbkdf2('a', 'b', 200000, 64, 'sha512', () => {
      if (--left > 0) return;
      const [hashes, all] = [process.cpuUsage(before), process.cpuUsage()];
      console.log(JSON.stringify({ pool: (hashes.user + hashes.system) * 1e3, all: (all.user + all.system) * 1e3 }));
    });`;

  test("libuv's pool is a row, and the process's own CPU time is the sum of the rows", () => {
    const { document, stdout } = stat([], [process.execPath, '-e', HASHES]);
    const { pool, all } = JSON.parse(stdout) as { pool: number; all: number };
    const total = assertBooks(document);
    assertClose(row(document, POOL).counters['task-clock']!.value, pool, 0.25);
    // The program asked before its end: what is missing then is the way out of Node.
    assert.ok(total > all * 0.999 && total < all + 60e6, `${total} for ${all}`);
    const rest = document.system.find((system) => system.name === '(short-lived threads)');
    assert.ok((rest?.counters['task-clock']!.value ?? 0) < total * 0.03, JSON.stringify(rest));
    row(document, /^\(start and end\)$/);
    assert.deepEqual(
      document.threads.filter((thread) => thread.javascript).map((thread) => thread.name),
      ['main'],
    );
  });

  test('workers that come and go are in the sum once', () => {
    const program = `const { Worker } = require('node:worker_threads');
      const burn = 'const end = performance.now() + 30; while (performance.now() < end);';
      (async () => { for (let i = 0; i < 6; i++) await new Promise((end) => new Worker(burn, { eval: true }).on('exit', end));
        const { user, system } = process.cpuUsage(); console.log((user + system) * 1e3); })();`;
    const { document, stdout } = stat([], [process.execPath, '-e', program]);
    const total = assertBooks(document);
    assert.ok(total > Number(stdout) * 0.999 && total < Number(stdout) + 60e6, `${total} for ${stdout}`);
  });

  test('the collector works on threads of its own, and its page faults are theirs', () => {
    const program = 'let all = []; for (let i = 0; i < 2e6; i++) all.push({ i });';
    const { document } = stat(['-e', 'page-faults'], [process.execPath, '-e', program]);
    assertBooks(document, ['task-clock', 'page-faults']);
    const helpers = document.system.filter((one) => one.name.startsWith('(thread '));
    assert.ok(sumOf(helpers, 'task-clock') > 10e6);
    assert.ok(sumOf(helpers, 'page-faults') > 100);
    assert.equal(helpers[0]!.counters['cpu-clock'], undefined);
  });

  test('a script that starts Node.js: its processes are rows, Node’s are not', () => {
    const { document } = stat([], ['sh', '-c', `"${process.execPath}" -e 0; exit 3`]);
    assertBooks(document);
    assert.equal(document.exit.code, 3);
    row(document, /^\(process sh \d+\)$/);
    assert.equal(
      document.system.some((one) => one.name.startsWith('(process node')),
      false,
    );
  });
});

const unshare = ['unshare', '-pf'];
const noNamespaces = spawnSync(unshare[0]!, [...unshare.slice(1), 'true']).status !== 0;

describe('Node.js in another pid namespace', {
  skip: noAddon || (noNamespaces && 'pid namespaces are not permitted'),
}, () => {
  const BURN = 'const end = performance.now() + 150; while (performance.now() < end);';
  const program = `const { Worker } = require('node:worker_threads'); ${BURN}
    new Worker(${JSON.stringify(BURN)}, { eval: true }).on('exit', () => console.log(process.pid, process.cpuUsage()
      .user * 1e3 + process.cpuUsage().system * 1e3));`;

  test('is counted once, under the number that it has here', () => {
    const { document, stdout } = stat([], [...unshare, process.execPath, '-e', program]);
    const [inner, used] = stdout.trim().split(' ').map(Number) as [number, number];
    assert.equal(inner, 1);
    const total = assertBooks(document);
    assert.ok(total > used * 0.999 && total < used + 60e6, `${total} for ${used}`);
    row(document, /^\(start and end\)$/);
    assert.equal(document.system.filter((one) => one.name.startsWith('(process node')).length, 0);
    const javascript = document.threads.filter((thread) => thread.javascript);
    assert.deepEqual(
      javascript.map((thread) => thread.name),
      ['main', 'worker 1'],
    );
    for (const { pid } of javascript) assert.ok(pid !== inner);
  });

  test('is killed by the second Ctrl-C', { timeout: 20_000 }, async () => {
    const forever = "process.on('SIGINT', () => {}); setTimeout(() => {}, 30000); console.log('ready');";
    const command = [
      'sh',
      '-c',
      'trap "" INT; "$@" & wait',
      'sh',
      ...unshare,
      process.execPath,
      '-e',
      forever,
    ];
    const tool = spawn(process.execPath, [cli, 'stat', '-o', '/dev/null', '--', ...command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let isClosed = false;
    const closed = once(tool.stdout, 'close').then(() => (isClosed = true));
    await once(tool.stdout, 'data');
    tool.kill('SIGINT');
    await delay(100);
    assert.equal(isClosed, false);
    // The pipe closes when the last of them has gone. Two signals that a busy machine brings together are one.
    while (!isClosed) {
      tool.kill('SIGINT');
      await delay(200);
    }
    await closed;
  });
});
