/** Reading regions that others write: rings that wrap, files that are foreign, cut off or of another version. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { printable } from '#cli/printable.js';
import { RegionReader } from '#cli/reader.js';
import { RingReader } from '#cli/ring.js';
import { TaskperfError } from '#core/errors.js';
import { H_MAGIC, H_NAMES, H_RING, H_VERSION, RING_BYTES, T_SEQ, threadWord } from '#core/layout.js';
import { Fabricated, twoRoutes } from './fabricate.ts';

const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-reader-'));
after(() => fs.rmSync(directory, { recursive: true }));
const file = path.join(directory, '4711');

function refused(change: (region: Fabricated) => void, bytes?: number): string {
  const region = twoRoutes(4711, 1);
  change(region);
  region.save(file);
  if (bytes !== undefined) fs.truncateSync(file, bytes);
  let message = '';
  assert.throws(
    () => RegionReader.open(file),
    (error: Error) => {
      message = error.message;
      return error instanceof TaskperfError && error.code === 'EINVAL';
    },
  );
  return message;
}

test('a region of another layout version is refused with both versions and the remedy', () => {
  assert.match(
    refused((region) => (region.i32[H_VERSION] = 99)),
    /has region layout 99, this taskperf reads layout \d+; use/,
  );
});

test('a truncated region is refused with both sizes', () => {
  for (const bytes of [0, 3, 4095, 4096, 49_663]) {
    assert.match(
      refused(() => {}, bytes),
      new RegExp(`is truncated: ${bytes} of \\d+ bytes`),
    );
  }
});

test('what is no region, or says impossible things, is refused', () => {
  assert.match(
    refused((region) => (region.i32[H_MAGIC] = 0)),
    /is not a taskperf region/,
  );
  assert.match(
    refused((region) => (region.i32[H_RING] = 7)),
    /is damaged/,
  );
  assert.match(
    refused((region) => (region.i32[H_NAMES] = -5)),
    /is damaged/,
  );
  assert.match(
    refused((region) => (region.i32[H_NAMES] = 0x7fffffff)),
    /is damaged/,
  );
});

test('a file that is cut while it is read gives zeros, not a crash', () => {
  const reader = RegionReader.open(twoRoutes(4711, 1).save(file));
  fs.truncateSync(file, 100);
  reader.refresh();
  assert.equal(reader.threadsUsed, 0);
  assert.equal(new RingReader(reader, 0).drain({ exit: () => assert.fail('no event') }), 0);
  reader.close();
});

test('a thread that died inside a switch is still read', () => {
  const region = twoRoutes(4711, 1);
  region.i32[threadWord(region.layout, 0) + T_SEQ] = 7;
  const reader = RegionReader.open(region.save(file));
  assert.notEqual(reader.thread(0), undefined);
  assert.equal(reader.thread(1), undefined);
  reader.close();
});

test('a name is read as it is, and cannot move the cursor of whoever reads the table', () => {
  const region = new Fabricated(4711, 1);
  const name = region.name('GET /\u001b[2Jx\r\n\u202e');
  const reader = RegionReader.open(region.save(file));
  assert.equal(reader.name(name), 'GET /\u001b[2Jx\r\n\u202e');
  assert.equal(printable(reader.name(name)), 'GET /\\x1b[2Jx\\r\\n\\u202e');
  assert.equal(reader.damage.found, false);
  assert.equal(reader.name(-1), '(damaged)');
  assert.deepEqual(reader.damage.notes(), [`damaged region: ${file}: a name is out of range`]);
  reader.close();
});

test('the ring hands on every event once, also over its end', () => {
  const region = new Fabricated(4711, 1);
  const name = region.name('a');
  const reader = RegionReader.open(region.save(file));
  const ring = new RingReader(reader, 0);
  let seen = 0;
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 11; i++) region.exit(name, 1);
    fs.writeFileSync(file, region.bytes);
    ring.drain({ exit: () => seen++ });
  }
  assert.deepEqual([seen, ring.lost], [110, 0]);
  reader.close();
});

test('events overwritten before they were read are counted as lost', () => {
  const region = new Fabricated(4711, 1);
  const name = region.name('a');
  for (let i = 0; i < 40; i++) region.exit(name, 1);
  const reader = RegionReader.open(region.save(file));
  const ring = new RingReader(reader, 0);
  let seen = 0;
  ring.drain({ exit: () => seen++ });
  assert.deepEqual([seen, ring.lost], [16, 24]);
  reader.close();
});

test('an event that is being overwritten while we read is lost, not garbage', () => {
  const region = new Fabricated(4711, 1);
  const name = region.name('a');
  for (let i = 0; i < 20; i++) region.exit(name, 1);
  // The writer has begun event 20 in the slot of event 4: its number is 0 until it is whole.
  region.i32[region.layout.ringsAt / 4 + 4 * (RING_BYTES / 4)] = 0;
  const reader = RegionReader.open(region.save(file));
  const ring = new RingReader(reader, 0);
  let seen = 0;
  ring.drain({ exit: () => seen++ });
  assert.deepEqual([seen, ring.lost], [15, 5]);
  reader.close();
});
