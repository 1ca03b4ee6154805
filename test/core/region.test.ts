/** A region file may come from another version or a dying process: opening it ends in a region or a clear error. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  H_MAGIC,
  H_LOST_THREADS,
  H_RING,
  H_TASKS,
  H_VERSION,
  LAYOUT_VERSION,
  Region,
  TaskperfError,
  layoutOf,
  nameText,
} from '#core/index.js';
import { HEADER, SMALL, addCpu, makeRegion } from './world.ts';

/** Opening must fail with EINVAL and words that tell why. */
function assertRefused(buffer: ArrayBufferLike, words: RegExp): void {
  assert.throws(
    () => Region.open(buffer),
    (error: unknown) =>
      error instanceof TaskperfError && error.code === 'EINVAL' && words.test(error.message),
  );
}

test('a formatted region opens with the same capacities and names', () => {
  const region = Region.open(makeRegion().buffer);
  assert.deepEqual({ ...region.layout }, { ...layoutOf(SMALL) });
  assert.equal(nameText(region, 0), '(other)');
});

test('a copy of a region opens, as a reader in another process makes one', () => {
  const copy = new Uint8Array(makeRegion().u8);
  assert.equal(Region.open(copy.buffer).layout.tasks, SMALL.tasks);
});

test('bad magic is refused with the word that was found', () => {
  const region = makeRegion();
  region.i32[H_MAGIC] = 0x1234;
  assertRefused(region.buffer, /0x1234/);
});

test('another layout version is refused with both versions', () => {
  const region = makeRegion();
  region.i32[H_VERSION] = LAYOUT_VERSION + 1;
  assertRefused(region.buffer, new RegExp(`version ${LAYOUT_VERSION + 1}.*reads ${LAYOUT_VERSION}`));
});

test('a truncated region is refused, whether the header or a slab is cut', () => {
  const { buffer } = makeRegion();
  assertRefused(buffer.slice(0, 0), /truncated/);
  assertRefused(buffer.slice(0, 4095), /truncated.*4096/);
  assertRefused(buffer.slice(0, buffer.byteLength - 1), /truncated/);
});

test('damaged capacities are refused before anything is looked up by them', () => {
  const negative = makeRegion();
  negative.i32[H_TASKS] = -5;
  assertRefused(negative.buffer, /-5 tasks/);
  const odd = makeRegion();
  odd.i32[H_RING] = 12;
  assertRefused(odd.buffer, /ring size 12/);
  const huge = makeRegion();
  huge.i32[H_TASKS] = 0x7fffffff;
  assertRefused(huge.buffer, /damaged/);
});

test('a buffer too small for its capacities is not formatted', () => {
  assert.throws(() => Region.format(new SharedArrayBuffer(4096), SMALL, HEADER), /truncated/);
});

test('a thread more than the region holds is refused with ENOSPC and counted', () => {
  const region = makeRegion();
  for (let i = 0; i < SMALL.threads; i++) addCpu(region, i);
  assert.throws(() => addCpu(region, 9), { code: 'ENOSPC' });
  assert.equal(region.i32[H_LOST_THREADS], 1);
});
