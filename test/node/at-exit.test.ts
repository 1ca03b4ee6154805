/** What is called at the end of a thread takes no place from the program's own listeners. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { atExit, notAtExit } from '#node/at-exit.js';

const calls = [(): void => {}, (): void => {}];

afterEach(() => calls.forEach(notAtExit));

test('one listener, with a place of its own, and none afterwards', () => {
  const [listeners, allowed] = [process.listenerCount('exit'), process.getMaxListeners()];
  calls.forEach(atExit);
  assert.equal(process.listenerCount('exit'), listeners + 1);
  assert.equal(process.getMaxListeners(), allowed + 1);
  notAtExit(calls[0]!);
  assert.equal(process.listenerCount('exit'), listeners + 1);
  notAtExit(calls[1]!);
  assert.equal(process.listenerCount('exit'), listeners);
  assert.equal(process.getMaxListeners(), allowed);
});

test('a limit that the program sets meanwhile stays', () => {
  const allowed = process.getMaxListeners();
  atExit(calls[0]!);
  process.setMaxListeners(50);
  notAtExit(calls[0]!);
  assert.equal(process.getMaxListeners(), 50);
  process.setMaxListeners(allowed);
});
