/** What is refused before anything is started, and whose fault it is: an event's, or that of its group. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { checkPermitted } from '#cli/preflight.js';
import { parseEvents } from '#node/events/parse.js';

const { EINVAL } = constants.errno;
const SPEC_WORDS = 5;
/** Of a raw event that no PMU has. */
const INVALID = 0xfffn;

/** A PMU of so many registers. */
function pmu(registers: number): Parameters<typeof checkPermitted>[1] {
  return {
    tryGroup: (specs) => {
      const configs = Array.from({ length: specs.length / SPEC_WORDS }, (_, i) => specs[i * SPEC_WORDS + 1]);
      const invalid = configs.indexOf(INVALID);
      if (invalid >= 0) return [EINVAL, invalid, 0];
      return configs.length > registers ? [EINVAL, registers, 0] : [0, 0, 1];
    },
  };
}
const check = (list: string, registers: number): void =>
  checkPermitted(
    parseEvents(list, () => []),
    pmu(registers),
  );

test('a group that is larger than the PMU has too many events', () => {
  check('{cycles,instructions}', 2);
  assert.throws(() => check('{cycles,instructions,branches}', 2), /group '\{cycles,.*too few registers/);
});

test('an event of a group that is not valid by itself is named, as if it stood alone', () => {
  for (const list of ['{cycles,rfff}', 'rfff'])
    assert.throws(() => check(list, 2), /event 'rfff' is not valid on this machine \(EINVAL\)/, list);
});
