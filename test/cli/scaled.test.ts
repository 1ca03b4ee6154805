/** Events that take turns on the PMU: values are scaled wherever they are shown, and absent where nothing was counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentOf } from '#cli/document.js';
import { renderTable } from '#cli/table.js';
import { TASK_CLOCK } from '#core/events.js';
import { EVENT_LINES } from '#core/layout.js';
import { CYCLES, INSTRUCTIONS, MISSED, reportOf } from './counted.ts';

test('by task, a task that was counted half the time is scaled in its quantiles, too', () => {
  const values = new Float64Array(EVENT_LINES);
  [values[TASK_CLOCK], values[CYCLES], values[INSTRUCTIONS], values[MISSED]] = [8e6, 100, 100, 4e6];
  const times = { startNs: 0, endNs: 8e6, enabledNs: 8e6, runningNs: 8e6 };
  const task = { name: 'GET /', id: 1, pid: 1, thread: 0, values, ...times };
  const report = reportOf({ cycles: 100, instructions: 100, missedNs: 4e6 }, { by: 'task', tasks: [task] });
  const { counters } = documentOf(report).tasks[0]!;
  assert.equal(counters['instructions']!.value, 200);
  const { min, mean, p50, p90, p99, max } = counters['instructions']!.perTask!;
  assert.deepEqual([min, mean, p50, p90, p99, max], [200, 200, 200, 200, 200, 200]);
  assert.equal(counters['cycles']!.perTask!.p50, 100);
});

test('what never had its turn is null everywhere, and no metric is made of it', () => {
  // The route's 8 ms were all missed, the loop's 2 ms were not.
  const report = reportOf({ cycles: 24_000_000, instructions: 0, missedNs: 8e6 });
  const { tasks, system, threads } = documentOf(report);
  assert.equal(tasks[0]!.counters['instructions']!.value, null);
  assert.deepEqual(tasks[0]!.metrics, { 'insn-per-cycle': null, ghz: 3 });
  assert.equal(system[0]!.counters['instructions']!.value, 0);
  const table = renderTable(report, { width: 140, color: false });
  assert.match(table, /^ GET \/ .*~?<not counted> +3\.000$/m);

  report.tally.threads[0]!.loop[MISSED] = 2e6;
  report.tally.threads[0]!.total[MISSED] = 10e6;
  const nothing = documentOf(report);
  for (const { counters } of [nothing.threads[0]!, nothing.system[0]!])
    assert.equal(counters['instructions']!.value, null);
  assert.equal(threads[0]!.counters['instructions']!.value, 0);
  assert.equal(nothing.metrics['insn-per-cycle']!.value, null);
});

test('a mean is not counted when nothing of the ended tasks was, whatever a live one has', () => {
  const report = reportOf({ cycles: 100, instructions: 0, missedNs: 8e6 });
  const row = report.tally.row('GET /', 'GET /');
  row.live = 1;
  row.values[TASK_CLOCK]! += 8e6;
  row.values[INSTRUCTIONS]! += 1000;
  report.tally.threads[0]!.total[TASK_CLOCK]! += 8e6;
  assert.match(renderTable(report, { width: 140, color: false }), /^ GET \/ \(1 live\) .*<not counted>/m);
  const { value, perTask } = documentOf(report).tasks[0]!.counters['instructions']!;
  assert.deepEqual([value, perTask], [2000, null]);
});
