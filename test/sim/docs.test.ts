/** docs/simulation.md leaves nothing out: every invariant, every historical bug, every mutant, every kept seed. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CHECKERS, FAULTS } from '#sim/index.js';
import { HISTORY } from './history.ts';
import { MUTANTS } from './mutants.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(join(root, 'docs', 'simulation.md'), 'utf8');

/** Rows of tables that begin with the text, as cells. */
function rows(first: string): string[][] {
  return page
    .split('\n')
    .filter((line) => line.startsWith(`| ${first} |`))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
}

test('each of I1-I45 has one row, with who checks it or why nobody does', () => {
  for (let n = 1; n <= 45; n++) {
    const [row, ...more] = rows(`I${n}`);
    assert.equal(more.length, 0);
    assert.ok((row?.[2]?.length ?? 0) > 0, `I${n}`);
  }
});

test('the functions that check are those the page names', () => {
  for (const { check, invariants } of CHECKERS) {
    assert.ok(page.includes(`\`${check.name}\``), check.name);
    for (const invariant of invariants) {
      if (!invariant.startsWith('I')) continue;
      const [row] = rows(invariant);
      assert.ok(row![2]!.includes(check.name), `${invariant} is checked by ${check.name}`);
    }
  }
});

test('each of H1-H48 has one row; those with a story have a test', () => {
  for (let n = 1; n <= 48; n++) {
    const [row, ...more] = rows(`H${n}`);
    assert.equal(more.length, 0);
    const story = HISTORY.find(({ bug }) => bug === `H${n}`);
    if (story === undefined) assert.match(row![1]!, /^(explorer|cannot exist)$/, `H${n}`);
    else assert.deepEqual(row!.slice(1, 3), ['story', story.title]);
  }
});

test('mutants, faults and seeds are listed', () => {
  for (const { name, sentence } of MUTANTS) assert.equal(rows(name)[0]?.[1], sentence);
  for (const { name } of FAULTS) assert.equal(rows(name).length, 1, name);
  const seeds = JSON.parse(readFileSync(join(root, 'test', 'sim', 'seeds.json'), 'utf8')) as {
    seed: string;
    found: string;
  }[];
  for (const { seed, found } of seeds) assert.equal(rows(seed)[0]?.[1], found);
});
