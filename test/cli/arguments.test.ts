/** What the command line may say, and the one sentence each mistake gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStat } from '#cli/arguments.js';
import { UsageError } from '#cli/options.js';
import { nearest } from '#node/events/nearest.js';

const names = (args: string[]): string[] => parseStat(args).asked.events.map((event) => event.name);

test('options end at -- or at the first word that is none', () => {
  assert.deepEqual(parseStat(['--json', '--', 'node', '--json']).command, ['node', '--json']);
  assert.deepEqual(parseStat(['-e', 'wall', 'node', '-e', '1']).command, ['node', '-e', '1']);
  assert.equal(parseStat(['node', '--json']).json, false);
});

test('task-clock is always counted, first, and once', () => {
  assert.deepEqual(names(['-e', 'wall,task-clock', '-e', 'wall', '--', 'true']), ['task-clock', 'wall']);
  assert.deepEqual(names(['true']), ['task-clock', 'wait', 'gc-time', 'cycles', 'instructions']);
});

test('values may be joined to their option', () => {
  const parsed = parseStat(['-I100', '--output=x', '--by=thread', '--no-color', 'true']);
  assert.deepEqual([parsed.intervalMs, parsed.output, parsed.by, parsed.color], [100, 'x', 'thread', false]);
});

for (const [args, said] of [
  [['-e', 'task-clok', 'true'], /unknown event 'task-clok'; did you mean 'task-clock'\?/],
  [['-e', 'flops', 'true'], /unknown event 'flops'; `taskperf list` shows/],
  [['-e', '', 'true'], /an event is missing/],
  [['-M', 'cpu,', 'true'], /a group is missing in -M 'cpu,'; -M takes cpu/],
  [['--jsn', 'true'], /unknown option '--jsn'; did you mean '--json'\?/],
  [['-x', 'true'], /unknown option '-x'/],
  [['-p', 'abc'], /'abc' is not the number of a process, such as 4711/],
  [['-p', '0'], /'0' is not the number of a process/],
  [['-I', '5', 'true'], /interval '5' is not/],
  [['-I', '1e9999', 'true'], /interval '1e9999' is not/],
  [['--by', 'route', 'true'], /cannot group by 'route'; --by takes name, task, thread/],
  [['-e'], /option '-e' needs a value/],
  [['-o', '--', 'true'], /option '-o' needs a value/],
  [['--json=1', 'true'], /takes no value/],
  [['--'], /no command given/],
  [[], /no command given/],
] as const) {
  test(`a mistake is one sentence: ${args.join(' ') || '(nothing)'}`, () => {
    assert.throws(
      () => parseStat(args),
      (error: Error) =>
        error instanceof UsageError && said.test(error.message) && !error.message.includes('\n'),
    );
  });
}

test('only near names are suggested', () => {
  assert.equal(nearest('stats', ['stat', 'list']), 'stat');
  assert.equal(nearest('record', ['stat', 'list']), undefined);
});
