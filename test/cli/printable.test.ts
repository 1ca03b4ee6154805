/** What others wrote is shown as escapes where a terminal would obey it, and is kept as it is in documents. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printable } from '#cli/printable.js';

test('what moves the cursor, turns a line around or hides in it is escaped', () => {
  const cases: [string, string][] = [
    ['GET /\u001b[2J\u001b]0;x\u0007', 'GET /\\x1b[2J\\x1b]0;x\\x07'],
    ['a\r\nb\tc\u0000', 'a\\r\\nb\\tc\\x00'],
    ['\u007f\u009b31m', '\\x7f\\x9b31m'],
    ['\u202eabc\u2066\u200d\u200b\ufeff', '\\u202eabc\\u2066\\u200d\\u200b\\ufeff'],
    ['\u2028\u2029\u00ad', '\\u2028\\u2029\\xad'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\ud800x', '\\ud800x'],
  ];
  for (const [text, shown] of cases) assert.equal(printable(text), shown);
});

test('what people write stays as it is', () => {
  for (const text of ['GET /größe/ü', '日本語', '😀 /x', 'שלום', 'é', '\\x1b'])
    assert.equal(printable(text), text);
});
