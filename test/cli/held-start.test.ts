/** When commands are started through the launcher, and when it would do harm. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { afterEach, describe, test } from 'node:test';
import { isDynamic, launcherFile } from '#cli/held-start.js';

const built = launcherFile({});
const addon = process.env['TASKPERF_ADDON'];

describe('the launcher', { skip: built === undefined && 'it was not built' }, () => {
  afterEach(() => {
    if (addon === undefined) delete process.env['TASKPERF_ADDON'];
    else process.env['TASKPERF_ADDON'] = addon;
  });

  test('is not used where the addon that was built with it does not load', () => {
    process.env['TASKPERF_ADDON'] = '/nonexistent/taskperf.node';
    assert.equal(launcherFile({}), undefined);
  });

  test('is not used for a command with preloaded libraries when they would be loaded into it', () => {
    const isStatic = !isDynamic(fs.readFileSync(built!));
    for (const name of ['LD_PRELOAD', 'LD_AUDIT']) {
      assert.equal(launcherFile({ [name]: 'any.so' }) !== undefined, isStatic);
      assert.equal(launcherFile({ [name]: '' }), built);
    }
  });
});

test('a dynamic executable is told from others', {
  skip: process.platform !== 'linux' && 'it would be no ELF file',
}, () => {
  assert.equal(isDynamic(fs.readFileSync(process.execPath)), true);
  assert.equal(isDynamic(elf({ isLittle: true, segments: [1, 3] })), true);
  assert.equal(isDynamic(elf({ isLittle: false, segments: [1, 3] })), true);
  assert.equal(isDynamic(elf({ isLittle: true, segments: [1, 1] })), false);
});

/** The header and the types of the segments of an executable, as elf(5) lays them out. */
function elf({ isLittle, segments }: { isLittle: boolean; segments: readonly number[] }): Buffer {
  const bytes = Buffer.alloc(64 + segments.length * 56);
  bytes[5] = isLittle ? 1 : 2;
  const u16 = (value: number, at: number): number =>
    isLittle ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at);
  const u32 = (value: number, at: number): number =>
    isLittle ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at);
  u32(64, isLittle ? 32 : 36);
  u16(56, 54);
  u16(segments.length, 56);
  for (const [index, type] of segments.entries()) u32(type, 64 + index * 56);
  return bytes;
}
