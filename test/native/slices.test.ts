/** The stretches of time that others may have waited for: since when, and whose (native/boundary.c, blockage.c). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  B_HEADER_BYTES,
  L_F64_BEGIN,
  L_F64_END,
  L_KIND,
  NATIVE_WOKE,
  SLICE_BYTES,
  T_F64_NATIVE,
  WHO_NOBODY,
} from '#core/index.js';
import { currentThread } from '#node/attach.js';
import { openCounter } from '#node/index.js';
import { burn } from '../node/burn.js';

const start = Number(process.hrtime.bigint());
const noAddon = process.env['TASKPERF_NO_ADDON'] === '1' && 'the addon keeps them';

test('the first slice begins when the thread is first looked at; what its own task runs is code of no task', {
  skip: noAddon,
}, () => {
  const { cpu } = currentThread();
  const { f64, i32, behindAt } = cpu;
  assert.ok(f64[cpu.slotF64 + T_F64_NATIVE + NATIVE_WOKE]! >= start);
  const counter = openCounter({ event: 'task-clock' });
  burn(5_000_000);
  const { value } = counter.read();
  counter.close();
  assert.ok(value >= 5_000_000);
  const first = behindAt + B_HEADER_BYTES / 8;
  const [begin, end] = [f64[first + L_F64_BEGIN]!, f64[first + L_F64_END]!];
  assert.ok(begin >= start && end - begin <= Number(process.hrtime.bigint()) - start, `${begin} to ${end}`);
  const slices = i32[behindAt * 2 + 1]!;
  const last = first + (slices - 1) * (SLICE_BYTES / 8);
  assert.equal(i32[last * 2 + L_KIND], WHO_NOBODY);
});
