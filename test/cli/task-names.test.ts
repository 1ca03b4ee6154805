/** What a task was called in the end: asked for before it ended, soon after, and long after. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskNames } from '#cli/task-names.js';
import type { RegionReader } from '#cli/reader.js';

const reader = {
  namesUsed: 3,
  name: (index: number): string => ['(other)', '(in flight)', 'GET /'][index]!,
} as RegionReader;

test('a task that was asked for keeps its last name, however many come after it', () => {
  const names = new TaskNames();
  names.note(5, 2);
  names.want(5);
  names.want(6);
  names.note(6, 1);
  names.note(6, 2);
  for (let id = 7; id < 200_000; id++) names.note(id, 1);
  names.seal(reader);
  assert.equal(names.get(5), 'GET /');
  assert.equal(names.get(6), 'GET /');
});

test('of the others the last 65,536 are remembered', () => {
  const names = new TaskNames();
  for (let id = 0; id < 100_000; id++) names.note(id, 2);
  names.seal(reader);
  assert.equal(names.get(99_999), 'GET /');
  assert.equal(names.get(100_000 - 65_536), 'GET /');
  assert.equal(names.get(100_000 - 65_537), undefined);
  assert.equal(names.get(100_001), undefined);
});

test('what a damaged region says is not followed', () => {
  const names = new TaskNames();
  for (const id of [NaN, -1, 1e300, 0.5, Infinity]) {
    names.want(id);
    names.note(id, 77);
    names.note(id, -5);
  }
  names.note(3, 77);
  names.seal(reader);
  for (const id of [NaN, -1, 1e300, 0.5, 3]) assert.equal(names.get(id), undefined);
});

test('a process without tasks has no names', () => {
  const names = new TaskNames();
  names.want(1);
  names.seal(reader);
  assert.equal(names.get(1), undefined);
});
