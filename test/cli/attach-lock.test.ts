/** One tool at a time is attached to a process, and a tool that was killed is in nobody's way. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { dropLock, takeLock } from '#cli/attach/lock.js';
import { removeStale } from '#cli/stale.js';
import { startTicksOf } from '#node/identity.js';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-lock-'));
after(() => fs.rmSync(directory, { recursive: true }));
const PID = 4711;
const file = path.join(directory, `${PID}.attach`);

test('a lock that is held is not given again, and is gone afterwards', () => {
  const lock = takeLock(directory, PID);
  assert.throws(
    () => takeLock(directory, PID),
    new RegExp(`taskperf ${process.pid} is attached to it already`),
  );
  removeStale(directory);
  assert.deepEqual(fs.readdirSync(directory), [`${PID}.attach`]);
  dropLock(lock);
  assert.deepEqual(fs.readdirSync(directory), []);
});

test('one of a tool that is gone, or of another with its number, is replaced', () => {
  for (const left of ['', `${process.pid} ${startTicksOf(process.pid)! - 1} abc`, '999999999 1 abc']) {
    fs.writeFileSync(file, left);
    const lock = takeLock(directory, PID);
    assert.equal(fs.readFileSync(file, 'utf8'), lock.token);
    dropLock(lock);
    fs.writeFileSync(file, left);
    removeStale(directory);
    assert.deepEqual(fs.readdirSync(directory), []);
  }
});

test('what another has taken meanwhile is not dropped', () => {
  const lock = takeLock(directory, PID);
  fs.writeFileSync(file, 'another');
  dropLock(lock);
  assert.equal(fs.readFileSync(file, 'utf8'), 'another');
});
