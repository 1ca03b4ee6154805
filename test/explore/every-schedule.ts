/** Every schedule of some scenarios, as tests; two files share them, so that two processes do the work. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Explorer, explore } from '#explore/explorer.js';
import type { Scenario } from '#explore/scenario.js';
import { encodeSchedule } from '#explore/schedule.js';
import { onceOnly, sources } from './load.ts';

const LIMIT_MS = 60_000;

export function allSchedulesOf(scenarios: readonly Scenario[]): void {
  describe('all schedules of', { skip: onceOnly }, () => {
    const explorer = new Explorer(sources);
    for (const scenario of scenarios) {
      test(`${scenario.name}: ${scenario.title}`, () => {
        const started = performance.now();
        const { found, isComplete, schedules } = explore(
          explorer,
          scenario,
          () => performance.now() - started > LIMIT_MS,
        );
        const repeat =
          found && `npm run explore -- ${scenario.name} --schedule '${encodeSchedule(found.trail)}'`;
        assert.equal(found?.failure.error.message, undefined, repeat);
        assert.ok(isComplete, `${schedules} schedules in ${LIMIT_MS} ms, and not all`);
        assert.ok(schedules > 0);
      });
    }
  });
}
