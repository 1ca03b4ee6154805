// The command: what it prints, and how it answers mistakes.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { main } from '#explore/main.js';
import { decodeSchedule, encodeSchedule } from '#explore/schedule.js';
import { SCENARIOS } from '#explore/scenarios/index.js';
import { locate, sources } from './load.ts';

function run(...args: string[]): { status: number; out: string; err: string } {
  const out: string[] = [];
  const err: string[] = [];
  const status = main(args, {
    sources,
    locate,
    nowMs: () => performance.now(),
    print: (line) => out.push(line),
    complain: (line) => err.push(line),
  });
  return { status, out: out.join('\n'), err: err.join('\n') };
}

describe('npm run explore', () => {
  const mistakes: [string[], RegExp][] = [
    [['nothing'], /^explore: there is no scenario "nothing": see npm run explore -- --list$/],
    [['slab-last', '--schedule', '01x'], /^explore: "01x" is not a schedule: it is made of thread numbers/],
    [['slab-last', '--schedule'], /^explore: this schedule does not fit/],
    [['--schedule', '01'], /^explore: a schedule belongs to one scenario/],
    [
      ['slab-last', '--schedule', '0101010101010101010101'],
      /^explore: this schedule does not fit: at step \d+ thread/,
    ],
    [['--mutant', 'nobody'], /^explore: there is no mutant "nobody"/],
    [['--what'], /^explore: there is no option "--what"/],
  ];
  for (const [args, sentence] of mistakes) {
    test(`${args.join(' ')}: one sentence and 129`, () => {
      const { status, out, err } = run(...args);
      assert.equal(status, 129);
      assert.match(err, sentence);
      assert.equal(err.split('\n').length, 1);
      assert.equal(out, '');
    });
  }

  test('a scenario: schedules, steps, time, verdict', () => {
    const { status, out } = run('slab-last');
    assert.equal(status, 0);
    assert.match(out, /^slab-last +\d+ +\d+ +\d+\.\d\d s {2}all schedules right$/m);
    assert.match(out, /^1 scenarios, \d+ schedules, 0 failed, /m);
  });

  test('a failing schedule is a table, and the printed command repeats it', () => {
    const { status, out } = run('slab-grow', '--mutant', 'grow-by-store');
    assert.equal(status, 1);
    assert.match(out, /^step {2}thread 0 +thread 1$/m);
    assert.match(out, /reads header tasks used = 2\n +slab\.ts:\d+ growSlab$/m);
    const word = /--mutant grow-by-store --schedule '([0-7{}]+)'/.exec(out)?.[1];
    const again = run('slab-grow', '--mutant', 'grow-by-store', '--schedule', word!);
    assert.equal(again.status, 1);
    assert.match(again.out, /at the end: slots [\d, ]+ were given out twice/);
  });

  test('--list names every scenario', () => {
    const { out } = run('--list');
    for (const { name } of SCENARIOS) assert.ok(out.includes(name), name);
  });

  test('schedules survive being written down', () => {
    const trail = [0, 0, 0, 1, 1, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1];
    assert.equal(encodeSchedule(trail), '00011' + '02{12}1');
    assert.deepEqual(decodeSchedule(encodeSchedule(trail)), trail);
    assert.equal(decodeSchedule('0{x}'), undefined);
  });
});
