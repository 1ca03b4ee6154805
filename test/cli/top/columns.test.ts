/** Sorting, filtering and cells. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { COLUMNS, columnOf, rowsOf } from '#cli/top/columns.js';
import type { ColumnId } from '#cli/top/columns.js';
import { WAIT } from '#core/events.js';
import { madeView, nameView } from './made-view.ts';

const spread = (p99: number) => (): { min: number; p50: number; p90: number; p99: number; max: number } => {
  return { min: 0, p50: 0, p90: 0, p99, max: p99 };
};
const VIEW = madeView([
  nameView('GET /b', { windowCpuNs: 2e8, windowExits: 10, windowSpread: spread(5e6), live: 1 }),
  nameView('GET /a', { windowCpuNs: 2e8, windowExits: 1, windowSpread: spread(9e6) }),
  nameView('POST /c', { windowCpuNs: 5e8, live: 7 }),
]);

function sorted(id: ColumnId, isReversed = false, filter = ''): string[] {
  return rowsOf(VIEW, { id, isReversed }, filter).map(({ name }) => name);
}

void test('the largest first; equal ones in the order of their names', () => {
  assert.deepEqual(sorted('cpu'), ['POST /c', 'GET /a', 'GET /b']);
  assert.deepEqual(sorted('live'), ['POST /c', 'GET /b', 'GET /a']);
  assert.deepEqual(sorted('name'), ['GET /a', 'GET /b', 'POST /c']);
});

void test('the other way round; what is not known is last both ways', () => {
  assert.deepEqual(sorted('p99'), ['GET /a', 'GET /b', 'POST /c']);
  assert.deepEqual(sorted('p99', true), ['GET /b', 'GET /a', 'POST /c']);
  assert.deepEqual(sorted('name', true), ['POST /c', 'GET /b', 'GET /a']);
});

void test('a filter is part of a name, in any case', () => {
  assert.deepEqual(sorted('cpu', false, 'get'), ['GET /a', 'GET /b']);
  assert.deepEqual(sorted('cpu', false, '.*'), []);
});

function cells(id: ColumnId, view = VIEW): string[] {
  const kind = COLUMNS.find((one) => one.id === id)!;
  return [...columnOf(kind, view.names, view).cells];
}

void test('rates and shares are of the window; times have one unit', () => {
  assert.deepEqual(cells('rate'), ['10.0', '1.0', '0.0']);
  assert.deepEqual(cells('cpu'), ['20.0', '20.0', '50.0']);
  assert.deepEqual(cells('p99'), ['5.000', '9.000', '-']);
});

void test('waiting is shown where it is counted', () => {
  const names = [nameView('GET /', { windowExits: 4, windowWaitNs: 8e6 })];
  assert.deepEqual(cells('wait', madeView(names)), ['-']);
  assert.deepEqual(cells('wait', madeView(names, { eventBits: 1 << WAIT })), ['2.000']);
});

void test('CPU of names is marked when live tasks were not looked at', () => {
  assert.deepEqual(cells('cpu', { ...VIEW, isPartial: true }), ['~20.0', '~20.0', '~50.0']);
});
