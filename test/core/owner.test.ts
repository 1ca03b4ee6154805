/** Whose a process is, from the environment to the region: whatever is in either, it is an owner or none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NO_TASK, describeProcess, ownerIn, ownerToken, parseOwner, scriptIn } from '#core/owner.js';
import type { Header } from '#core/owner.js';
import { H_BYTE_MESSAGE, HEADER_BYTES } from '#core/layout.js';
import { H_BYTE_SCRIPT_SIZE, H_F64_OWNER_TASK, H_OWNER_PID } from '#core/outside.js';

function header(): Header {
  const buffer = new ArrayBuffer(HEADER_BYTES);
  return { u8: new Uint8Array(buffer), i32: new Int32Array(buffer), f64: new Float64Array(buffer) };
}

const owners = fc.record({
  pid: fc.integer({ min: 1, max: 0x7fffffff }),
  task: fc.oneof(fc.constant(NO_TASK), fc.integer({ min: 0, max: 0xffffffff })),
  name: fc.string({ unit: 'binary', maxLength: 200 }),
});

test('an owner comes through the environment as it was, its name cut', () => {
  fc.assert(
    fc.property(owners, (owner) => {
      const token = ownerToken(owner);
      // It becomes a variable of any program.
      assert.match(token, /^[\x21-\x7e]+$|^\d+:-?\d+:$/);
      const parsed = parseOwner(token)!;
      assert.deepEqual({ ...parsed, name: '' }, { ...owner, name: '' });
      const cut = owner.name.slice(0, 120);
      // A pair that the cut took apart.
      assert.equal(parsed.name.slice(0, 119), cut.slice(0, 119).replace(/\p{Cs}/gu, '\ufffd'));
    }),
  );
});

test('what is no token of ours is no owner', () => {
  for (const text of [
    undefined,
    '',
    '1',
    '1:2',
    'a:b:c',
    '0:1:x',
    '4711:-2:x',
    '4711:1.5:x',
    '1:2:%',
    '1:2:a:b',
  ])
    assert.equal(parseOwner(text), null, text);
  assert.equal(parseOwner(`2147483648:1:x`), null);
  assert.equal(parseOwner(`1:1:${'x'.repeat(2000)}`), null);
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseOwner(text);
    }),
  );
});

test('a region tells what the process runs and who started it', () => {
  const words = header();
  assert.equal(ownerIn(words), null);
  assert.equal(scriptIn(words), '');
  const owner = { pid: 4711, task: 23, name: 'GET /größe/:id' };
  describeProcess(words, 'server.mjs worker 2', owner);
  assert.deepEqual(ownerIn(words), owner);
  assert.equal(scriptIn(words), 'server.mjs worker 2');
  describeProcess(words, 'short', owner);
  assert.equal(scriptIn(words), 'short');
});

test('texts that have no room are cut, and leave their neighbours alone', () => {
  const words = header();
  describeProcess(words, 'ü'.repeat(200), { pid: 1, task: 2, name: '€'.repeat(200) });
  assert.equal(scriptIn(words), 'ü'.repeat(Math.floor((H_BYTE_SCRIPT_SIZE - 1) / 2)));
  assert.equal(ownerIn(words)!.name, '€'.repeat(39));
  assert.equal(words.u8[H_BYTE_MESSAGE], 0);
});

test('a damaged region has an owner or none', () => {
  const words = header();
  words.u8.fill(0xff, H_BYTE_MESSAGE - 224, H_BYTE_MESSAGE);
  words.i32[H_OWNER_PID] = -1;
  assert.equal(ownerIn(words), null);
  words.i32[H_OWNER_PID] = 5;
  for (const task of [NaN, Infinity, -1, 0.5]) {
    words.f64[H_F64_OWNER_TASK] = task;
    assert.equal(ownerIn(words)!.task, NO_TASK);
  }
  assert.equal(typeof scriptIn(words), 'string');
});
