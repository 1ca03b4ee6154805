/** Attacks on the directory of the regions and on what is in it: refused in one sentence, without waiting, harmlessly. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PrivateDirectory, prepareDirectory } from '#cli/directory.js';
import { TaskperfError } from '#core/errors.js';
import { loadAddon } from '#node/addon.js';
import { sessionIn, twoRoutes } from './fabricate.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const base = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-attacks-'));
fs.chmodSync(base, 0o755);
after(() => fs.rmSync(base, { recursive: true }));
const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;
const needsRoot = isRoot ? false : 'needs root, to be another user';
/** A container may not make devices. */
const hasDevices =
  isRoot && spawnSync('mknod', ['-m', '600', path.join(base, 'null'), 'c', '1', '3']).status === 0;
const PID = 4_194_303;
const SESSION = 77;

function fresh(name: string): string {
  const directory = path.join(base, name);
  fs.mkdirSync(directory, { mode: 0o700 });
  return directory;
}

function isRefused(directory: string): boolean {
  assert.throws(
    () => prepareDirectory(directory),
    (error: unknown) =>
      error instanceof TaskperfError && error.code === 'EACCES' && !error.message.includes('\n'),
  );
  return true;
}

test('a directory that is a link, a file, or open to others is refused', () => {
  const real = fresh('real');
  const link = path.join(base, 'link');
  fs.symlinkSync(real, link);
  assert.ok(isRefused(link));
  const file = path.join(base, 'file');
  fs.writeFileSync(file, '');
  assert.ok(isRefused(file));
  for (const mode of [0o711, 0o750, 0o770, 0o777, 0o701]) {
    fs.chmodSync(real, mode);
    assert.ok(isRefused(real));
  }
  fs.chmodSync(real, 0o700);
  prepareDirectory(real);
});

test("another user's directory is refused, also one made for us before we came", { skip: needsRoot }, () => {
  const directory = fresh('planted');
  fs.chownSync(directory, NOBODY, NOBODY);
  assert.ok(isRefused(directory));
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'stat', '--', 'true'], {
    encoding: 'utf8',
    env: { ...process.env, TASKPERF_DIR: directory },
  });
  assert.equal(status, 129);
  assert.match(stderr, /^taskperf: [^\n]*is not private to you; set TASKPERF_DIR[^\n]*\n$/);
});

test('another user gets EACCES', { skip: needsRoot }, () => {
  const directory = fresh('mine');
  const file = twoRoutes(PID, SESSION).save(path.join(directory, String(PID)));
  const as = { encoding: 'utf8', uid: NOBODY, gid: NOBODY } as const;
  for (const target of [directory, file])
    assert.match(spawnSync('cat', [target], as).stderr, /Permission denied/);
  const env = { ...process.env, TASKPERF_DIR: directory };
  for (const args of [
    ['top', '--last', String(PID)],
    ['top', '--last', file],
    ['stat', '--', 'true'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { ...as, env });
    assert.equal(status, 129, stderr);
    assert.match(stderr, /^taskperf: [^\n]*(not private to you|may not be read by you)[^\n]*\n$/);
  }
});

test('a directory that is replaced while it is used: nothing is read or removed in the other one', () => {
  const directory = fresh('replaced');
  const other = fresh('other');
  const victim = twoRoutes(PID, SESSION).save(path.join(other, String(PID)));
  const session = sessionIn(directory, SESSION);
  fs.renameSync(directory, `${directory}.away`);
  fs.symlinkSync(other, directory);
  session.poll();
  const tally = session.finish();
  assert.equal(tally.processes.length, 0);
  assert.equal(fs.existsSync(victim), true);
});

test('what is planted under the name of a region is not read, not waited for and not followed', () => {
  const plants: [string, (file: string) => void, boolean][] = [
    ['link', (file) => fs.symlinkSync(save(`${file}.real`), file), true],
    ['hard link', (file) => fs.linkSync(save(`${file}.real`), file), true],
    ['FIFO', (file) => assert.equal(spawnSync('mkfifo', ['-m', '600', file]).status, 0), true],
    ['directory', (file) => fs.mkdirSync(file, { mode: 0o700 }), true],
    ['open to all', (file) => fs.chmodSync(save(file), 0o666), true],
    ["another user's", (file) => fs.chownSync(save(file), NOBODY, NOBODY), isRoot],
    [
      'device',
      (file) => assert.equal(spawnSync('mknod', ['-m', '600', file, 'c', '1', '5']).status, 0),
      hasDevices,
    ],
  ];
  const save = (file: string): string => twoRoutes(PID, SESSION).save(file);
  for (const [what, plant, isPossible] of plants) {
    if (!isPossible) continue;
    const directory = fresh(`plant ${what}`);
    plant(path.join(directory, String(PID)));
    const session = sessionIn(directory, SESSION);
    assert.equal(session.finish().processes.length, 0, what);
  }
});

test('a huge sparse file of impossible capacities costs nothing', () => {
  const directory = fresh('sparse');
  const region = twoRoutes(PID, SESSION);
  for (const word of [5, 6, 7, 8, 9]) region.i32[word] = 1 << 24;
  const file = region.save(path.join(directory, String(PID)));
  fs.truncateSync(file, 2 ** 42);
  const session = sessionIn(directory, SESSION);
  assert.equal(session.finish().processes.length, 0);
  assert.match(session.notes.join(), /is damaged: its capacities are impossible/);
});

test('the directory is reached through what was opened, not by its name', () => {
  const directory = fresh('opened');
  const opened = PrivateDirectory.open(directory);
  fs.renameSync(directory, `${directory}.moved`);
  fs.writeFileSync(path.join(`${directory}.moved`, 'x'), '');
  assert.deepEqual(opened.names(), ['x']);
  opened.close();
});

const addon = loadAddon();
test('the program maps no file but its own', { skip: addon === null ? 'there is no addon' : false }, () => {
  const directory = fresh('mapped');
  const refused = (file: string): void => {
    for (const create of [true, false]) assert.equal(typeof addon!.map(file, 4096, create), 'number', file);
    assert.notEqual(addon!.reserve(file, 0, 4096), 0, file);
  };
  const real = path.join(directory, 'real');
  fs.writeFileSync(real, Buffer.alloc(4096), { mode: 0o600 });
  fs.symlinkSync(real, path.join(directory, 'link'));
  fs.linkSync(real, path.join(directory, 'hard'));
  assert.equal(spawnSync('mkfifo', [path.join(directory, 'fifo')]).status, 0);
  fs.writeFileSync(path.join(directory, 'open'), Buffer.alloc(4096));
  fs.chmodSync(path.join(directory, 'open'), 0o666);
  for (const name of ['link', 'hard', 'fifo', 'open']) refused(path.join(directory, name));
});
