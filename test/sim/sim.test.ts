/** The simulation itself: fixed seeds, the seed of this commit, the same run twice, and its command. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Prng, type Report, formatSeed, parseSeed, resultLines, run, seedOfHash } from '#sim/index.js';
import { skipLong } from './long.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Seed {
  readonly seed: string;
  /** What the run with it once found. */
  readonly found: string;
}

const SEEDS = JSON.parse(readFileSync(join(root, 'test', 'sim', 'seeds.json'), 'utf8')) as Seed[];
/** Runs that every Node version makes. */
const SEEDS_EVERYWHERE = 20;
const SEEDS_ONCE = 500;

function assertClean(seed: bigint, checks: 'every step' | 'at the end' = 'every step'): Report {
  const report = run({ seed, checks });
  assert.equal(report.failure, undefined, resultLines(report).join('\n'));
  return report;
}

for (const { seed, found } of SEEDS) {
  test(`seed ${seed}: ${found}`, () => {
    assertClean(parseSeed(seed));
  });
}

test('S25: no change in counts, times or errors: the core agrees with an obvious model on random lives', () => {
  for (let seed = 1; seed <= SEEDS_EVERYWHERE; seed++) assertClean(BigInt(seed));
});

test(`the same, ${SEEDS_ONCE} more`, { skip: skipLong() }, () => {
  for (let i = 1; i <= SEEDS_ONCE; i++) assertClean(BigInt(i + SEEDS_EVERYWHERE));
});

test('with checks at the end only, the books balance and nothing is left', () => {
  for (let seed = 1; seed <= SEEDS_EVERYWHERE; seed++) assertClean(BigInt(seed), 'at the end');
});

test('one seed of this commit: every commit tries another', (t) => {
  const git = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' });
  const hash = [process.env['GITHUB_SHA'], process.env['CI_COMMIT_SHA'], git.stdout?.trim()].find(
    (text) => text !== undefined && /^[0-9a-f]{16,}$/.test(text),
  );
  if (hash === undefined) {
    t.skip('no commit is known here');
    return;
  }
  const seed = seedOfHash(hash);
  t.diagnostic(`seed ${formatSeed(seed)}`);
  assertClean(seed);
});

test('a seed is the run: the same again, and another for another', () => {
  const [first, again, other] = [9n, 9n, 10n].map((seed) => run({ seed, checks: 'at the end' }));
  assert.deepEqual(first, again);
  assert.notDeepEqual(first!.options, other!.options);
});

test('the generator keeps its promises: limits, weights, streams of their own', () => {
  const prng = new Prng(5n);
  for (let i = 0; i < 1000; i++) {
    assert.ok(prng.below(7) < 7);
    const between = prng.between(3, 5);
    assert.ok(between >= 3 && between <= 5);
    assert.notEqual(prng.weighted([2, 0, 3], 5), 1, 'weight 0 never comes up');
  }
  const [a, b] = [new Prng(6n), new Prng(6n)];
  const split = a.split();
  b.split().next();
  split.next();
  assert.equal(a.next(), b.next());
  assert.notEqual(new Prng(1n).next(), new Prng(2n ** 63n + 1n).next(), 'all 64 bits of the seed matter');
});

const command = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(root, 'scripts', 'sim.mjs'), ...args], { encoding: 'utf8' });

test('npm run sim: the seed and the options come first, then what was found', () => {
  const { status, stdout } = command('0x1f');
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines[0], 'seed        0x000000000000001f');
  assert.match(lines.at(-1)!, /^\d+ steps, \d+ switches, \d+ ns of simulated time: no violation$/);
  assert.equal(status, 0);
  assert.notEqual(command().stdout.split('\n')[0], command().stdout.split('\n')[0], 'without a seed: any');
});

test('npm run sim -- --json: one document', () => {
  const { stdout } = command('7', '--json', '--runs', '2');
  const document = JSON.parse(stdout) as { schema: string; runs: { seed: string; failure: unknown }[] };
  assert.equal(document.schema, 'taskperf.sim/1');
  assert.deepEqual(
    document.runs.map(({ seed, failure }) => [seed, failure]),
    [
      ['0x0000000000000007', null],
      ['0x0000000000000008', null],
    ],
  );
});

for (const [args, sentence] of [
  [['0xzz'], '"0xzz" is no seed: give a number below 2^64, such as 0x1f or 31'],
  [['18446744073709551616'], '"18446744073709551616" is no seed'],
  [['1', '2'], 'one seed at a time, not "1 2"'],
  [['--steps', 'many'], '--steps takes a whole number from 1 on, not "many"'],
  [['--fast'], "Unknown option '--fast'"],
] as const) {
  test(`a wrong argument is one sentence and status 129: ${args.join(' ')}`, () => {
    const { status, stdout, stderr } = command(...args);
    assert.equal(status, 129);
    assert.equal(stdout, '');
    assert.ok(stderr.startsWith(`sim: ${sentence}`), stderr);
    assert.equal(stderr.trimEnd().split('\n').length, 1);
  });
}
