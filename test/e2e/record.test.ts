/** `taskperf record` and `report`: every task is kept, and the table made of them is the one that stat would have printed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseRecord } from '#cli/arguments.js';
import { documentOf } from '#cli/document.js';
import type { Found } from '#cli/measure.js';
import { NO_OTHERS } from '#cli/os-rows.js';
import { ownersOf } from '#cli/owners.js';
import { RecordingFile } from '#cli/recording/file.js';
import { Recording } from '#cli/recording/load.js';
import { Recorder } from '#cli/recording/recorder.js';
import { reportOf } from '#cli/recording/books.js';
import { RegionSession } from '#cli/regions.js';
import type { OnExit } from '#cli/ring.js';
import { renderTable } from '#cli/table.js';
import type { By, Grouping } from '#cli/tally.js';
import { NOBODY, hasNobody } from './nobody.js';
import { counted, directory, freePort, start, taskperf, withProgram } from './attach-run.js';
import type { Tool } from './attach-run.js';
import { root } from './run-stat.js';
import type { Document } from './run-stat.js';

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-record-'));
after(() => fs.rmSync(base, { recursive: true }));
const fixture = (name: string): string => path.join(root, 'test/fixtures/programs', name);
const noAddon = process.env['TASKPERF_NO_ADDON'] === '1' && 'without the addon there is no region to copy';
const BYS: readonly By[] = ['name', 'task', 'thread', 'process'];

/** A line of a recording. */
interface Line {
  readonly schema?: string;
  readonly pid?: number;
  readonly task?: {
    readonly name: string;
    readonly pid: number;
    readonly startNs: number;
    readonly endNs: number;
    readonly counters: Readonly<Record<string, number>>;
  };
}

function linesOf(file: string): Line[] {
  const text = fs.readFileSync(file, 'utf8');
  assert.ok(text.endsWith('\n'));
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

async function reported(file: string, ...args: string[]): Promise<Document> {
  const { code, stdout, stderr } = await taskperf(['report', '--json', ...args, file]).ended();
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Document;
}

function assertBalanced({ conservation }: Document): void {
  for (const [name, { error }] of Object.entries(conservation)) assert.equal(error, 0, name);
}

describe('the table of a recording is the one that stat prints', { skip: noAddon }, () => {
  const asked = ['-e', 'task-clock,wait,gc-time,alloc-bytes,task-switches', 'x'];
  const options = parseRecord(asked);

  /** The region that a program has left whose tool was killed before it. */
  async function left(): Promise<{ region: string; session: number; pid: number }> {
    const regions = path.join(base, 'left');
    const tool = taskperf(
      ['stat', ...asked.slice(0, 2), '--', process.execPath, fixture('many-kinds.mjs')],
      ['env', `TASKPERF_DIR=${regions}`],
    );
    while (!tool.said().includes('done')) await delay(10);
    const pid = Number(fs.readdirSync(regions)[0]);
    await killed(tool, pid);
    while (fs.existsSync(`/proc/${pid}/exe`)) await delay(10);
    return { region: path.join(regions, String(pid)), session: tool.child.pid!, pid };
  }

  /** What a session finds in a copy of the region. */
  function foundIn(
    { region, session, pid }: Awaited<ReturnType<typeof left>>,
    by: Grouping,
    recorder?: Recorder,
  ): Found {
    const copy = fs.mkdtempSync(path.join(base, 'copy-'));
    fs.copyFileSync(region, path.join(copy, String(pid)));
    fs.chmodSync(path.join(copy, String(pid)), 0o600);
    const { events, hidden } = options.asked;
    const onExit: OnExit | undefined = recorder?.onExit;
    const regions = new RegionSession({
      directory: copy,
      session,
      events,
      by,
      intervals: false,
      onExit,
      blockedNs: 5e6,
    });
    const run = { pid, command: ['node', 'many-kinds.mjs'], startNs: 1e9 };
    recorder?.begin({ session: regions, system: { processes: new Map(), ended: [] }, ...run });
    const tally = regions.finish();
    return {
      ...run,
      ended: { code: null, signal: 'SIGKILL', forced: false },
      elapsedNs: 3e9,
      events,
      explicitEvents: true,
      metricGroups: [],
      hidden,
      tally,
      others: NO_OTHERS,
      othersBy: () => NO_OTHERS,
      groups: regions.collector.groups,
      tasks: regions.tasks(),
      owners: ownersOf(tally, NO_OTHERS, (owner) => regions.nameOf(owner)),
      blocked: { log: regions.blocked!, startNs: run.startNs },
      notes: regions.notes,
    };
  }

  test('by name, task, thread and process, with blocked loops, live tasks and jobs', async () => {
    const region = await left();
    const file = new RecordingFile(path.join(base, 'same.jsonl'));
    const recorder = new Recorder(options, file);
    recorder.finish(foundIn(region, 'part', recorder));
    file.close();
    const recording = Recording.open(file.path);
    for (const by of BYS) {
      const expected = { ...foundIn(region, by), by };
      const report = reportOf(recording, by);
      assert.deepEqual(normal(documentOf(report)), normal(documentOf(expected)), by);
      const style = { width: 120, color: false };
      assert.equal(renderTable(report, style), renderTable(expected, style), by);
    }
    recording.close();
    const names = new Set(
      documentOf({ ...foundIn(region, 'name'), by: 'name' }).tasks.map(({ name }) => name),
    );
    for (const name of ['asks', 'main 0', 'worker 2', 'never ends', 'blocks'])
      assert.ok(names.has(name), name);
  });

  /** Tasks of equal cost may come in any order. */
  function normal(document: ReturnType<typeof documentOf>): unknown {
    const key = ({ name, id }: { name: string; id?: number }): string => `${name} ${id}`;
    return { ...document, tasks: [...document.tasks].sort((a, b) => (key(a) < key(b) ? -1 : 1)) };
  }
});

test('record keeps every task; what the program says, and its exit status, are its own', async () => {
  const file = path.join(base, 'exits.jsonl');
  const program = `const { spawn } = await import('taskperf');
    for (let i = 0; i < 5; i++) spawn('job', () => { for (let x = 0; x < 1e5; x++); });
    console.log('said'); process.exitCode = 7;`;
  const tool = taskperf(['record', '-o', file, '--', process.execPath, '--input-type=module', '-e', program]);
  const { code, stdout, stderr } = await tool.ended();
  assert.deepEqual([code, stdout], [7, 'said\n']);
  assert.match(
    stderr,
    /^taskperf: recorded 5 tasks in '[^\n]*' \(\d+ kB\); `taskperf report [^\n]*` shows them\n$/,
  );
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const lines = linesOf(file);
  assert.equal(lines[0]!.schema, 'taskperf.record/1');
  const tasks = lines.flatMap(({ task }) => task ?? []);
  assert.deepEqual(
    tasks.map(({ name }) => name),
    ['job', 'job', 'job', 'job', 'job'],
  );
  for (const { startNs, endNs, counters } of tasks)
    assert.ok(endNs >= startNs && counters['task-clock']! > 0);
  const document = await reported(file);
  assertBalanced(document);
  const [row] = document.tasks;
  const sum = tasks.reduce((ns, { counters }) => ns + counters['task-clock']!, 0);
  assert.deepEqual([row!.name, row!.count, row!.counters['task-clock']!.value], ['job', 5, sum]);
  assert.equal(document.exit.code, 7);
});

test('a recording of the same name is kept as FILE.old, and left alone when nothing is started', async () => {
  const file = path.join(base, 'twice.jsonl');
  const words = ['record', '-o', file, '--', process.execPath, '-e', '0'];
  await taskperf(words).ended();
  const first = fs.readFileSync(file, 'utf8');
  const refused = await taskperf(['record', '-o', file, '-p', '4194304']).ended();
  assert.equal(refused.code, 129);
  assert.equal(fs.readFileSync(file, 'utf8'), first);
  await taskperf(words).ended();
  assert.equal(fs.readFileSync(`${file}.old`, 'utf8'), first);
  assert.notEqual(fs.readFileSync(file, 'utf8'), first);
  const other = path.join(base, 'never.jsonl');
  assert.equal((await taskperf(['record', '-o', other, '--', '/no/such/command']).ended()).code, 127);
  assert.equal(fs.existsSync(other), false);
});

test('what was recorded before is where it was when nothing is started, an older FILE.old, too', async () => {
  const file = path.join(base, 'kept.jsonl');
  fs.writeFileSync(file, 'new');
  fs.writeFileSync(`${file}.old`, 'old');
  for (const [words, status] of [
    [['-p', '4194304'], 129],
    [['--', '/no/such/command'], 127],
  ] as const) {
    assert.equal((await taskperf(['record', '-o', file, ...words]).ended()).code, status);
    assert.deepEqual([fs.readFileSync(file, 'utf8'), fs.readFileSync(`${file}.old`, 'utf8')], ['new', 'old']);
  }
  await taskperf(['record', '-o', file, '--', process.execPath, '-e', '0']).ended();
  assert.equal(fs.readFileSync(`${file}.old`, 'utf8'), 'new');
  assert.deepEqual(
    fs.readdirSync(base).filter((name) => name.startsWith('kept')),
    ['kept.jsonl', 'kept.jsonl.old'],
  );
  fs.rmSync(`${file}.old`);
  fs.mkdirSync(`${file}.old`);
  const { code, stderr } = await taskperf(['record', '-o', file, '--', 'true']).ended();
  assert.equal(code, 129);
  assert.match(stderr, /^taskperf: cannot write to [^\n]*\n$/);
});

test('a link is written through, and an empty file is closed to others', async () => {
  const [link, target, empty] = ['link', 'target', 'empty'].map((name) => path.join(base, `${name}.jsonl`));
  fs.symlinkSync(target!, link!);
  for (const file of [link!, link!]) {
    await taskperf(['record', '-o', file, '--', process.execPath, '-e', '0']).ended();
    assert.ok(fs.lstatSync(link!).isSymbolicLink());
    assert.equal((await reported(target!)).exit.code, 0);
  }
  fs.writeFileSync(empty!, '', { mode: 0o644 });
  await taskperf(['record', '-o', empty!, '--', process.execPath, '-e', '0']).ended();
  assert.equal(fs.statSync(empty!).mode & 0o777, 0o600);
});

test('tasks that end faster than they can be read are missing as lines, and are said; the sums have them', {
  skip: noAddon,
}, async () => {
  const file = path.join(base, 'many.jsonl');
  const program = `const { spawn } = await import('taskperf');
    process.once('SIGUSR2', () => {
      for (let i = 0; i < 1e5; i++) spawn('job', () => {});
      console.log('done');
      clearInterval(timer);
    });
    const timer = setInterval(() => {}, 1000);
    console.log('ready', process.pid);`;
  const tool = taskperf(['record', '-o', file, '--', process.execPath, '--input-type=module', '-e', program]);
  while (!/ready \d+/.test(tool.said())) await delay(10);
  // It reads nothing meanwhile.
  tool.child.kill('SIGSTOP');
  process.kill(Number(/ready (\d+)/.exec(tool.said())![1]), 'SIGUSR2');
  while (!tool.said().includes('done')) await delay(10);
  tool.child.kill('SIGCONT');
  const { stderr } = await tool.ended();
  const [recorded, missing] = [
    /recorded ([\d,]+) tasks/,
    /([\d,]+) tasks missing in it, only their sums/,
  ].map((text) => Number(text.exec(stderr)?.[1]?.replaceAll(',', '')));
  assert.equal(recorded! + missing!, 1e5, stderr);
  assert.ok(missing! > 0);
  const document = await reported(file);
  assertBalanced(document);
  assert.equal(document.tasks[0]!.count, 1e5);
});

test('by thread the other threads are apart, by name together', async () => {
  const file = path.join(base, 'others.jsonl');
  // A thread of libuv's pool is busy for a few looks.
  const program = `require('node:crypto').pbkdf2('a', 'b', 4e5, 64, 'sha512', () => {})`;
  await taskperf(['record', '-o', file, '--', process.execPath, '-e', program]).ended();
  const threadRows = async (by: string): Promise<string[]> => {
    const document = await reported(file, '--by', by);
    assertBalanced(document);
    return document.system.map(({ name }) => name).filter((name) => name.startsWith('(thread '));
  };
  for (const name of await threadRows('name')) assert.doesNotMatch(name, / \d+\)$/);
  const apart = await threadRows('thread');
  assert.ok(apart.length > 0);
  for (const name of apart) assert.match(name, /^\(thread .+ \d+\)$/);
});

const unshare = ['unshare', '-pf', '--mount-proc'];
const canUnshare = spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0;

test('in another pid namespace tasks have the pid that their process has here', {
  skip: noAddon || (!canUnshare && 'unshare is not permitted here'),
}, async () => {
  const file = path.join(base, 'namespace.jsonl');
  const program = `const { spawn } = await import('taskperf'); for (let i = 0; i < 9; i++) spawn('job', () => {});
    setTimeout(() => {}, 300);`;
  const words = ['--', ...unshare, process.execPath, '--input-type=module', '-e', program];
  const { code, stderr } = await taskperf(['record', '-o', file, ...words]).ended();
  assert.equal(code, 0, stderr);
  const { processes } = await reported(file);
  const node = processes.find((one) => one.node !== null)!;
  const pids = linesOf(file).flatMap(({ task }) => (task === undefined ? [] : task.pid));
  assert.deepEqual(
    pids,
    Array.from({ length: 9 }, () => node.pid),
  );
  assert.notEqual(node.pid, 1);
});

test('a full disk is said once; the program runs on to its own end', async () => {
  const tool = taskperf(['record', '-o', '/dev/full', '--', process.execPath, '-e', 'process.exitCode = 3']);
  const { code, stderr } = await tool.ended();
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^taskperf: cannot write to '\/dev\/full' \(ENOSPC[^\n]*\); the recording ends here\n$/,
  );
});

describe('record -p PID', { skip: noAddon && 'attaching needs the addon' }, () => {
  test('keeps the tasks of a process that runs already, until its end is told, and lets it go', async () => {
    const file = path.join(base, 'attached.jsonl');
    await withProgram([fixture('attach-plain.mjs')], {}, async ({ pid, port, child }) => {
      const tool = taskperf(['record', '-o', file, '-p', String(pid)]);
      await counted(pid, tool);
      for (let i = 0; i < 20; i++) await fetch(`http://127.0.0.1:${port}/orders/${i}`);
      const { code, stderr } = await tool.ended('SIGINT');
      assert.equal(code, 0, stderr);
      assert.match(stderr, /^taskperf: recorded 20 tasks in /m);
      assert.equal(fs.existsSync(path.join(directory, String(pid))), false);
      assert.deepEqual([child.exitCode, (await fetch(`http://127.0.0.1:${port}/after`)).status], [null, 200]);
      const lines = linesOf(file);
      assert.deepEqual([lines[0]!.pid, lines.filter(({ task }) => task !== undefined).length], [pid, 20]);
      const document = await reported(file, '--by', 'process');
      assertBalanced(document);
      assert.deepEqual(
        document.tasks.map(({ name, count, process }) => [name, count, process]),
        [['GET /orders/:id', 20, pid]],
      );
      assert.match(document.notes.join('\n'), /attached to/);
    });
  });

  test('counts while a command runs, and has its exit status', async () => {
    const file = path.join(base, 'command.jsonl');
    await withProgram([fixture('attach-plain.mjs')], {}, async ({ pid, port }) => {
      const command = `for (let i = 0; i < 5; i++) await fetch('http://127.0.0.1:${port}/x'); process.exitCode = 5`;
      const words = ['--', process.execPath, '--input-type=module', '-e', command];
      const { code, stderr } = await taskperf(['record', '-o', file, '-p', String(pid), ...words]).ended();
      assert.equal(code, 5, stderr);
      assert.equal((await reported(file)).tasks.find(({ name }) => name === 'GET /x')?.count, 5);
    });
  });
});

test('root records another user’s process into a folder of its own, twice', {
  skip: noAddon || (!hasNobody && 'needs root and setpriv'),
}, async () => {
  const file = path.join(base, 'of-nobody.jsonl');
  const words = [
    ...NOBODY.slice(1),
    process.execPath,
    `--inspect-port=${await freePort()}`,
    fixture('attach-plain.mjs'),
  ];
  const program = await start(words, { file: NOBODY[0]! });
  try {
    for (const [round, counts] of [
      [1, [1]],
      [2, [2, 1]],
    ] as const) {
      const tool = taskperf(['record', '-o', file, '-p', String(program.pid)]);
      await counted(program.pid, tool, '/dev/shm/taskperf-65534');
      for (let i = 0; i < round; i++) await fetch(`http://127.0.0.1:${program.port}/f`);
      const { code, stderr } = await tool.ended('SIGINT');
      assert.equal(code, 0, stderr);
      for (const [i, name] of [file, `${file}.old`].slice(0, round).entries())
        assert.equal((await reported(name)).tasks[0]!.count, counts[i]);
    }
  } finally {
    await program.kill();
  }
});

test('a command that cannot be started: the process is let go, and nothing is kept', async () => {
  const file = path.join(base, 'no-command.jsonl');
  await withProgram([fixture('attach-plain.mjs')], {}, async ({ pid, port }) => {
    for (const words of [['stat'], ['record', '-o', file]]) {
      const { code, stderr } = await taskperf([
        ...words,
        '-p',
        String(pid),
        '--',
        '/no/such/command',
      ]).ended();
      assert.equal(code, 127);
      assert.match(stderr, /^taskperf: cannot start '\/no\/such\/command': [^\n]*\n$/);
      assert.equal(fs.existsSync(path.join(directory, String(pid))), false);
    }
    assert.equal((await fetch(`http://127.0.0.1:${port}/after`)).status, 200);
  });
  assert.equal(fs.existsSync(file), false);
});

test('a report that cannot be written is a failure', async () => {
  const file = path.join(base, 'short.jsonl');
  await taskperf(['record', '-o', file, '--', process.execPath, '-e', '0']).ended();
  const { code, stderr } = await taskperf(['report', '-o', '/dev/full', file]).ended();
  assert.equal(code, 1);
  assert.match(stderr, /^taskperf: cannot write to '\/dev\/full' \(ENOSPC/);
  const shell = spawnSync(
    'sh',
    ['-c', `'${process.execPath}' dist/cli/main.js report '${file}' > /dev/full`],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  assert.equal(shell.status, 1);
  assert.match(shell.stderr, /^taskperf: cannot write to stdout \(ENOSPC/);
});

test('a tool that was killed: the recording has no end, and is read as far as it goes', async () => {
  const file = path.join(base, 'killed.jsonl');
  const tool = taskperf(['record', '-o', file, '--', process.execPath, fixture('attach-plain.mjs')]);
  const port = await portOf(tool);
  for (let i = 0; i < 10; i++) await fetch(`http://127.0.0.1:${port}/orders/${i}`);
  while (!fs.existsSync(file) || fs.readFileSync(file, 'utf8').split('{"task":').length <= 10)
    await delay(10);
  const pid = linesOf(file)[0]!.pid!;
  await killed(tool, pid);
  for (const tasks of [10, 9]) {
    const text = fs.readFileSync(file, 'utf8');
    if (tasks < 10) fs.writeFileSync(file, text.slice(0, text.lastIndexOf('{"task":') + 50));
    const document = await reported(file);
    assertBalanced(document);
    assert.equal(document.tasks[0]!.count, tasks);
    assert.match(document.notes[0]!, /has no end: taskperf was killed, could not write on, or still records/);
    const { stdout } = await taskperf(['report', file]).ended();
    assert.match(stdout, /program has no recorded end/);
  }
});

/** The tool first: it would make its table of what is left of the program. */
async function killed(tool: Tool, pid: number): Promise<void> {
  tool.child.kill('SIGKILL');
  await once(tool.child, 'exit');
  process.kill(pid, 'SIGKILL');
  await tool.ended();
}

async function portOf(tool: Tool): Promise<number> {
  while (!/listening \d+/.test(tool.said())) {
    assert.equal(tool.child.exitCode, null, tool.complained());
    await once(tool.child.stdout!, 'data');
  }
  return Number(/listening (\d+)/.exec(tool.said())![1]);
}
