// Every core broken on purpose is caught, and every bug of the history that this design can have is shown.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Explorer, explore, replay, scenarioByName } from '#explore/explorer.js';
import { IMPOSSIBLE, REPRODUCED } from '#explore/history.js';
import { MUTANTS } from '#explore/mutants.js';
import { mutate } from '#explore/mutate.js';
import { onceOnly, sources } from './load.ts';

const core = new Explorer(sources);

describe('mutants', { skip: onceOnly }, () => {
  test('there are at least fifteen, each with a name of its own', () => {
    assert.ok(MUTANTS.length >= 15);
    assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  });

  for (const mutant of MUTANTS) {
    test(`${mutant.name} is caught: ${mutant.title}`, () => {
      const scenario = scenarioByName(mutant.scenario);
      assert.ok(scenario !== undefined, `there is no scenario ${mutant.scenario}`);
      const broken = new Explorer(sources, mutant);
      const { found, schedules, lifetime } = explore(broken, scenario);
      assert.ok(found !== undefined, `survived ${schedules} schedules of ${mutant.scenario}`);
      assert.equal(
        replay(broken.program(scenario, lifetime), found.trail).failure?.error.message,
        found.failure.error.message,
      );
    });
  }

  test('an edit that fits no place, or two, is refused', () => {
    const edit = (find: string): void => {
      mutate(sources, {
        name: 'x',
        title: '',
        scenario: '',
        edits: [{ module: 'core/slab.js', find, replace: '' }],
      });
    };
    assert.throws(() => edit('no such text'), /0 places/);
    assert.throws(
      () => edit('const { i32, layout } = region;'),
      /mutant x edits core\/slab\.js where \d+ places/,
    );
  });
});

describe('history', { skip: onceOnly }, () => {
  for (const { bug, title, scenario: name, mutant: mutantName } of REPRODUCED) {
    test(`${bug} ${title}: ${name} passes here, and fails where the bug is put back`, () => {
      const scenario = scenarioByName(name);
      const mutant = MUTANTS.find((one) => one.name === mutantName);
      assert.ok(scenario !== undefined && mutant !== undefined);
      assert.equal(explore(core, scenario).found, undefined);
      assert.notEqual(explore(new Explorer(sources, mutant), scenario).found, undefined);
    });
  }

  test('a bug is reproduced or impossible, not both, and the impossible have a reason', () => {
    const shown = new Set(REPRODUCED.map(({ bug }) => bug.slice(0, 3)));
    for (const { bug, reason } of IMPOSSIBLE) {
      assert.ok(!shown.has(bug), bug);
      assert.ok(reason.length > 10, bug);
    }
  });
});
