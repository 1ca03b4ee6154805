/** Which files stay: those of a process or a tool that runs, told by more than its pid. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { removeStale } from '#cli/stale.js';
import {
  H_F64_NAMESPACE,
  H_F64_PROCESS_START,
  H_F64_SESSION_NAMESPACE,
  H_F64_SESSION_START,
  H_VERSION,
} from '#core/index.js';
import { ownIdentity } from '#node/identity.js';
import { twoRoutes } from './fabricate.ts';

const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-stale-'));
after(() => fs.rmSync(directory, { recursive: true }));
beforeEach(() => {
  for (const name of fs.readdirSync(directory)) fs.rmSync(path.join(directory, name), { recursive: true });
});
const own = ownIdentity();
const hasProc = own.startTicks > 0;
/** Nobody has the highest pid there can be. */
const DEAD = 4_194_303;

interface Who {
  readonly pid: number;
  readonly start: number;
  readonly namespace?: number;
}

function save(program: Who, session: Who): void {
  const region = twoRoutes(program.pid, session.pid);
  region.f64[H_F64_PROCESS_START] = program.start;
  region.f64[H_F64_SESSION_START] = session.start;
  region.f64[H_F64_NAMESPACE] = program.namespace ?? own.namespace;
  region.f64[H_F64_SESSION_NAMESPACE] = session.namespace ?? own.namespace;
  region.save(path.join(directory, String(program.pid)));
}

function left(): string[] {
  removeStale(directory);
  return fs.readdirSync(directory).sort();
}

const me: Who = { pid: process.pid, start: own.startTicks };
const gone: Who = { pid: DEAD, start: 1 };
const skip = hasProc ? false : 'there is no /proc: a pid alone decides';

test('a region stays while its process or its tool runs', () => {
  save(me, gone);
  assert.deepEqual(left(), [String(process.pid)]);
  save(gone, me);
  assert.deepEqual(left(), [String(process.pid), String(DEAD)].sort());
});

test('with both gone it is removed', () => {
  save(gone, gone);
  assert.deepEqual(left(), []);
});

test('a pid that another process has by now keeps nothing', { skip }, () => {
  save({ ...me, start: own.startTicks - 1 }, gone);
  assert.deepEqual(left(), []);
  save(gone, { ...me, start: own.startTicks - 1 });
  assert.deepEqual(left(), []);
});

test('of another pid namespace nothing is known from here, so it is left alone', { skip }, () => {
  save({ ...gone, namespace: own.namespace + 1 }, gone);
  assert.deepEqual(left(), [String(DEAD)]);
});

test('of a region of another version the pids decide', () => {
  for (const [program, stays] of [
    [me, true],
    [gone, false],
  ] as const) {
    const region = twoRoutes(program.pid, DEAD);
    region.i32[H_VERSION] = 3;
    region.f64[H_F64_PROCESS_START] = 1;
    region.save(path.join(directory, String(program.pid)));
    assert.deepEqual(left(), stays ? [String(program.pid)] : []);
    fs.rmSync(path.join(directory, String(program.pid)), { force: true });
  }
});

test('half-made files, reasons and the files of threads go with their process, what is not ours stays', () => {
  const files = [
    `${DEAD}.0123456789ab`,
    `${DEAD}.error`,
    `${DEAD}.${DEAD}.error`,
    `.taskperf-${DEAD}-x`,
    `${DEAD}.2`,
  ];
  const kept = [`${DEAD}.${process.pid}.error`, `${process.pid}.0123456789ab`, 'notes.txt', '0', '-1', '007'];
  for (const name of [...files, ...kept]) fs.writeFileSync(path.join(directory, name), 'x', { mode: 0o600 });
  assert.deepEqual(left(), kept.sort());
});

test('a FIFO, a link, a directory of that name neither hang nor are followed', () => {
  const target = path.join(directory, 'target');
  fs.writeFileSync(target, 'mine');
  fs.symlinkSync(target, path.join(directory, String(DEAD)));
  fs.mkdirSync(path.join(directory, String(DEAD - 1)));
  assert.equal(spawnSync('mkfifo', ['-m', '600', path.join(directory, String(DEAD - 2))]).status, 0);
  assert.equal(left().includes('target'), true);
  assert.equal(fs.readFileSync(target, 'utf8'), 'mine');
});

test('a file that is put in place of a stale one meanwhile is not taken for it', () => {
  // As another process would at the worst moment: between the look and the removal.
  save(gone, gone);
  const file = path.join(directory, String(DEAD));
  const rename = fs.renameSync;
  let isFirst = true;
  fs.renameSync = (from, to) => {
    if (isFirst) {
      isFirst = false;
      save(gone, me);
    }
    rename(from, to);
  };
  try {
    assert.deepEqual(left(), [String(DEAD)]);
  } finally {
    fs.renameSync = rename;
  }
  assert.equal(fs.existsSync(file), true);
});
