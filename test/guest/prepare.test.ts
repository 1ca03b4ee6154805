/** Where the guest cannot be had, its preparation says why and is no failure. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../e2e/run-stat.js';

test('a machine without apt is skipped with a reason, and left as it is', () => {
  const work = mkdtempSync(path.join(os.tmpdir(), 'taskperf-prepare-'));
  try {
    const script = path.join(root, 'scripts/guest/prepare.mjs');
    const { status, stdout } = spawnSync(process.execPath, [script, work], {
      encoding: 'utf8',
      env: { ...process.env, PATH: work },
    });
    assert.equal(status, 3);
    assert.match(stdout, /^skipped: [^\n]*apt-get[^\n]*\n$/);
    assert.deepEqual(readdirSync(work), []);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
