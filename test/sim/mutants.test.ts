/** Every mutant is caught by the simulation within a fixed number of runs; the unbroken core is not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cores } from './cores.ts';
import { MUTANTS, RUNS } from './mutants.ts';
import { skipLong } from './long.ts';

/** A mutant that does not come back is caught, too. */
const TIMEOUT_MS = 60_000;

interface Found {
  readonly seed: number;
  readonly step: number;
  readonly message: string;
}

function hunt(folder: string, first: number = 1): Found | null {
  const script = fileURLToPath(new URL('hunt.js', import.meta.url));
  const { stdout, stderr, error } = spawnSync(
    process.execPath,
    [script, folder, String(first), String(RUNS)],
    {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
    },
  );
  if (error !== undefined) return { seed: 0, step: 0, message: `it hangs: ${error.message}` };
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout) as Found | null;
}

describe('mutants', { skip: skipLong() }, () => {
  let cores: Cores;
  before(() => {
    cores = new Cores();
  });
  after(() => cores.remove());

  test('the unbroken core passes all runs', () => {
    assert.equal(hunt(cores.real), null);
  });

  for (const mutant of MUTANTS) {
    test(`caught: ${mutant.name}`, (t) => {
      const found = hunt(cores.broken(mutant), mutant.first);
      assert.notEqual(found, null, `${mutant.sentence}: nobody noticed`);
      t.diagnostic(`seed ${found!.seed}, step ${found!.step}: ${found!.message}`);
    });
  }

  test('each has a name and a sentence of its own', () => {
    assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
    assert.equal(new Set(MUTANTS.map(({ sentence }) => sentence)).size, MUTANTS.length);
  });
});
