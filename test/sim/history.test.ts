/** Each story of history.ts holds on our core, and fails when the bug is put back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Cores, loadCore } from './cores.ts';
import { HISTORY } from './history.ts';

describe('history', () => {
  let cores: Cores;
  before(() => {
    cores = new Cores();
  });
  after(() => cores.remove());

  for (const { bug, title, edits, check } of HISTORY) {
    test(`${bug}: ${title}`, async () => {
      check(await loadCore(cores.real));
      const broken = await loadCore(cores.broken(...edits));
      assert.throws(() => check(broken), 'the bug is back and nobody noticed');
    });
  }

  test('no bug has two stories', () => {
    assert.equal(new Set(HISTORY.map(({ bug }) => bug)).size, HISTORY.length);
  });
});
