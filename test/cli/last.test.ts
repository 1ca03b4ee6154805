/** `taskperf top --last`: what it shows of a region, and one sentence for everything that can be wrong with what is named. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { LastJson } from '#cli/last/document.js';
import { RegionReader } from '#cli/reader.js';
import { memorySource } from '#cli/source.js';
import { Tally } from '#cli/tally.js';
import {
  H_STATE,
  H_VERSION,
  K_NAME,
  NT_F64_SUM,
  PROCESS_RUNNING,
  TASK_CLOCK,
  T_F64_TOTAL,
  nameTotalF64,
  taskWord,
  threadF64,
} from '#core/index.js';
import { PID, SESSION, makeImage } from '../fuzz/image.ts';
import { twoRoutes } from './fabricate.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-last-'));
const regions = path.join(directory, 'regions');
fs.mkdirSync(regions, { mode: 0o700 });
after(() => fs.rmSync(directory, { recursive: true }));
const DEAD = 4_194_303;

function last(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, TASKPERF_DIR: regions, COLUMNS: '100', NODE_OPTIONS: '' };
  return spawnSync(process.execPath, [MAIN, 'top', ...args], { encoding: 'utf8', env });
}

/** What a killed process with a task in the middle of its work leaves. */
function killed(): string {
  const image = makeImage(true);
  image.i32[H_STATE] = PROCESS_RUNNING;
  const file = path.join(directory, `${PID}-${process.hrtime.bigint()}`);
  fs.writeFileSync(file, image.bytes, { mode: 0o600 });
  return file;
}

test('the last state: how it ended, who had which thread, the tasks in flight, the sums per name', () => {
  const { status, stdout, stderr } = last('--last', killed());
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /process 4194303, Node\.js v24\.0\.0, which is gone and never said that it ended: it was killed/,
  );
  assert.match(stdout, /tasks that had not ended: 2\n/);
  assert.match(stdout, /GET \/users\/:id #\d+ /);
  // Two threads, of six tasks each five ended.
  assert.match(stdout, /POST \/größe +4 +0 /);
  assert.match(stdout, /GET \/users\/:id +2 +2 /);
  assert.match(stdout, /the last switches of main, newest first/);
  assert.doesNotMatch(stdout, /damaged/);
});

test('names are escaped in the table and are as they are in the document', () => {
  const file = killed();
  assert.match(last('--last', file).stdout, /job \\x1b\[2J/);
  assert.equal(last('--last', file).stdout.includes('\u001b'), false);
  const document = JSON.parse(last('--last', file, '--json').stdout) as LastJson;
  assert.ok(document.names.some(({ name }) => name === 'job \u001b[2J'));
});

test('the document', () => {
  const document = JSON.parse(last('--json', '--last', killed()).stdout) as LastJson;
  assert.deepEqual(
    [document.schema, document.pid, document.state, document.taskCount, document.notes],
    ['taskperf.last/1', PID, 'gone', 2, []],
  );
  assert.deepEqual(
    document.threads.map(({ name, live }) => [name, live]),
    [
      ['main', true],
      ['worker 1', true],
    ],
  );
  const newest = document.threads[0]!.lastSwitches.at(-1)!;
  assert.deepEqual(newest.name, 'GET /users/:id');
  assert.equal(document.tasks.length, 2);
  // Three rounds of 0.1, 0.2 and 0.3 ms.
  assert.equal(document.tasks[0]!.counters['task-clock']!.value, 600_000);
});

test('a pid is looked up in the directory', () => {
  twoRoutes(DEAD, SESSION).save(path.join(regions, String(DEAD)));
  const { status, stdout } = last('--last', String(DEAD));
  assert.equal(status, 0);
  assert.match(stdout, /process 4194303, Node\.js v24\.0\.0, which has ended by itself/);
  assert.match(stdout, /GET \/users\/:id +8 /);
});

test('what is damaged is shown with a notice', () => {
  const image = makeImage(true);
  image.f64[threadF64(image.layout, 0) + T_F64_TOTAL + TASK_CLOCK] = NaN;
  image.f64[nameTotalF64(image.layout, 0, 1) + NT_F64_SUM] = NaN;
  image.i32[taskWord(image.layout, 1) + K_NAME] = 1 << 30;
  const file = path.join(directory, 'damaged');
  fs.writeFileSync(file, image.bytes, { mode: 0o600 });
  const { status, stdout } = last('--last', file);
  assert.equal(status, 0);
  for (const what of ['a sum of a thread is no amount', 'a sum of a name is no amount'])
    assert.ok(stdout.includes(`note: damaged region: ${file}: ${what}`), stdout);
});

test('every mistake is one sentence with status 129', () => {
  const of = (name: string, bytes: Uint8Array | string): string => {
    const file = path.join(directory, name);
    fs.writeFileSync(file, bytes, { mode: 0o600 });
    return file;
  };
  const other = twoRoutes(DEAD, 1);
  other.i32[H_VERSION] = 99;
  const link = path.join(directory, 'link');
  fs.symlinkSync(of('text', 'hello'), link);
  const fifo = path.join(directory, 'fifo');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const mistakes: [string[], RegExp][] = [
    [['--last'], /argument missing/],
    [['--last='], /needs a value/],
    [['--last', '1', '-x'], /takes --json and nothing else/],
    [['--last', '4194302'], /there is no region of process 4194302/],
    [['--last', path.join(directory, 'none')], /there is no file/],
    [['--last', directory], /is not a plain file/],
    [['--last', link], /is a symbolic link/],
    [['--last', fifo], /is not a plain file/],
    [['--last', of('empty', '')], /is truncated: 0 of/],
    [['--last', of('page', Buffer.alloc(8192, 'x'))], /is not a taskperf region/],
    [['--last', of('cut', twoRoutes(DEAD, 1).bytes.subarray(0, 9000))], /is truncated: 9000 of/],
    [['--last', of('other', other.bytes)], /has region layout 99, this taskperf reads layout/],
  ];
  for (const [args, expected] of mistakes) {
    const { status, stdout, stderr } = last(...args);
    assert.deepEqual([args, status, stdout], [args, 129, '']);
    assert.match(stderr, /^taskperf: [^\n]+\n$/);
    assert.match(stderr, expected);
  }
});

test('killed between the two words of a booking: a slice is lost, and the books balance; more than that is damage', () => {
  const read = (addedNs: number): { tally: Tally; reader: RegionReader } => {
    const image = makeImage(true);
    image.f64[threadF64(image.layout, 0) + T_F64_TOTAL + TASK_CLOCK]! += addedNs;
    const reader = RegionReader.over('region', memorySource(image.bytes));
    reader.isFinal = true;
    const tally = new Tally();
    tally.addRegion(reader, 'name', 1e10, PID);
    return { tally, reader };
  };
  const torn = read(5000);
  assert.deepEqual([torn.tally.lost.slices, torn.reader.damage.notes()], [1, []]);
  const [books] = torn.tally.threads;
  const parts = [books!.unattributed, books!.late, books!.loop, books!.idle, books!.tasks];
  assert.equal(
    parts.reduce((sum, line) => sum + line[TASK_CLOCK]!, 0),
    books!.total[TASK_CLOCK],
  );
  assert.deepEqual(read(1e9).reader.damage.notes(), [
    'damaged region: region: the sums of a thread disagree',
  ]);
  assert.deepEqual(read(0).tally.lost.slices, 0);
});
