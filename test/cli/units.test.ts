/** Units as people read them: aligned within a column, never more digits than are meant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { count, countUnitFor, inUnit, percent, shorten, time, unitFor } from '#cli/units.js';

test('a column has one unit: the largest in which its smallest value shows two digits', () => {
  assert.equal(unitFor([12, 999]).name, 'ns');
  assert.equal(unitFor([5_000, 90_000]).name, 'µs');
  assert.equal(unitFor([50_000, 90_000_000]).name, 'ms');
  assert.equal(unitFor([3_000_000_000, 20_000_000_000]).name, 's');
  assert.equal(unitFor([0, 0]).name, 'ms');
  assert.equal(unitFor([]).name, 'ms');
});

test('a span too wide for one unit favours the large values', () => {
  assert.equal(unitFor([100, 50_000_000_000]).name, 'ms');
});

test('counts of a column have as many decimals as its smallest needs to show two digits, and no more than three', () => {
  const shown = (...values: number[]): string[] => values.map((value) => inUnit(value, countUnitFor(values)));
  assert.deepEqual(shown(0, 5, 1234), ['0', '5', '1,234']);
  assert.deepEqual(shown(2.5, 3, 1000), ['2.5', '3.0', '1,000.0']);
  assert.deepEqual(shown(0.062, 0, 12), ['0.062', '0.000', '12.000']);
  assert.deepEqual(shown(0.25, 100), ['0.25', '100.00']);
  assert.deepEqual(shown(0.0004, 1.5), ['0.000', '1.500']);
  assert.equal(inUnit(3, countUnitFor([NaN, 3])), '3');
});

test('numbers are grouped by thousands and aligned by their decimals', () => {
  assert.equal(inUnit(1_234_567_890_000, unitFor([50_000, 90_000_000])), '1,234,567.890');
  assert.equal(count(1234567), '1,234,567');
  assert.equal(count(2.5), '2.5');
  assert.equal(time(1_500), '1.50 µs');
  assert.equal(time(0), '0 ns');
  assert.equal(percent(1, 3), '33.3');
  assert.equal(percent(1, 0), '-');
});

test('long names are cut in the middle', () => {
  assert.equal(shorten('GET /users', 10), 'GET /users');
  assert.equal(shorten('GET /users/:id/orders', 11), 'GET /…rders');
  assert.equal(shorten('abc', 1), '…');
  assert.equal([...shorten('GET /ééééééééé', 8)].length, 8);
});
