/** What a failing run shows, on a core that is broken on purpose: a table, a sentence, a command, and it is shortened. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Cores } from './cores.ts';

type Sim = typeof import('#sim/index.js');

describe('a run that fails', () => {
  let cores: Cores;
  let sim: Sim;
  before(async () => {
    cores = new Cores();
    const folder = cores.broken({
      file: 'family.js',
      from: 'f64[f + F_F64_COUNT] += countOf(region, child, now);',
      to: '',
    });
    sim = (await import(pathToFileURL(join(folder, 'sim', 'index.js')).href)) as Sim;
  });
  after(() => cores.remove());

  const failing = (): ReturnType<Sim['run']> => {
    for (let seed = 1n; ; seed++) {
      const report = sim.run({ seed, checks: 'at the end' });
      if (report.failure !== undefined) return report;
    }
  };

  test('prints its last operations, what is wrong, and the command that repeats it', () => {
    const report = failing();
    const lines = sim.resultLines(report);
    const head = lines.findIndex((line) => /^step +clock\/ns +cpu +operation +with +outcome$/.test(line));
    assert.ok(head > 0, lines.join('\n'));
    assert.ok(lines.length > head + 2);
    assert.match(lines.at(-2)!, /counter \d+ of event \d+ (holds|reads) value \d+/);
    assert.equal(
      lines.at(-1),
      `repeat with: npm run sim -- ${sim.formatSeed(report.seed)} --steps ${report.steps}`,
    );
  });

  test('is shortened, and the short one fails, too', () => {
    const report = failing();
    const settings = { seed: report.seed, checks: 'at the end' } as const;
    const short = sim.shrink(settings, report);
    assert.ok(short.steps < report.steps, `${short.steps} of ${report.steps}`);
    assert.notEqual(sim.run({ ...settings, steps: short.steps }).failure, undefined);
  });
});
