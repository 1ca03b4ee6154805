/** Derived metrics: from which events, what they come to, and how they are shown, in the table and in the document. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStat } from '#cli/arguments.js';
import { documentOf } from '#cli/document.js';
import { NO_OTHERS } from '#cli/os-rows.js';
import type { StatJson } from '#cli/document.js';
import { METRICS, METRIC_GROUPS, eventsFor, metricsOf, valueOf } from '#cli/metrics.js';
import type { MetricGroup } from '#cli/metrics.js';
import type { Report } from '#cli/report.js';
import { renderTable } from '#cli/table.js';
import { EVENT_GIVEN_FIRST, EVENTS, TASK_CLOCK, WAIT, WALL } from '#core/events.js';
import type { EventInfo } from '#core/events.js';
import { EVENT_LINES } from '#core/layout.js';
import { MISSED, event, reportOf } from './counted.ts';

/** Line numbers in the order given, clocks on their own. */
function numbered(names: readonly string[]): EventInfo[] {
  let next = EVENT_GIVEN_FIRST;
  return names.map((name) => EVENTS.find((one) => one.name === name) ?? event(next++, name));
}

function ratio(name: string, counts: Record<string, number>, tasks = 1): number | undefined {
  const events = numbered(Object.keys(counts));
  const values = new Float64Array(EVENT_LINES);
  for (const { id, name: key } of events) values[id] = counts[key]!;
  const bound = metricsOf(events).find(({ metric }) => metric.name === name);
  assert.ok(bound, `${name} can be had from ${Object.keys(counts).join(', ')}`);
  return valueOf(bound, values, tasks);
}

for (const [name, counts, expected] of [
  ['insn-per-cycle', { cycles: 400, instructions: 1000 }, 2.5],
  ['ghz', { 'task-clock': 1e9, cycles: 3.2e9 }, 3.2],
  ['branch-miss-percent', { branches: 400, 'branch-misses': 3 }, 0.75],
  ['frontend-stall-percent', { cycles: 200, 'stalled-cycles-frontend': 50 }, 25],
  [
    'stalled-cycles-per-insn',
    { instructions: 100, 'stalled-cycles-frontend': 5, 'stalled-cycles-backend': 20 },
    0.2,
  ],
  ['cache-miss-percent', { 'cache-references': 50, 'cache-misses': 5 }, 10],
  ['dTLB-miss-percent', { 'dTLB-loads': 1000, 'dTLB-load-misses': 1 }, 0.1],
  ['page-faults-per-second', { 'task-clock': 5e8, 'page-faults': 100 }, 200],
  ['alloc-bytes-per-second', { 'task-clock': 5e8, 'alloc-bytes': 1e6 }, 2e6],
  ['gc-percent', { 'cpu-clock': 2e9, 'gc-time': 1e8 }, 5],
  ['wait-percent', { wall: 4e9, wait: 1e9 }, 25],
] as const) {
  test(`${name} of ${JSON.stringify(counts)} is ${expected}`, () => {
    const value = ratio(name, counts);
    assert.ok(value !== undefined && Math.abs(value - expected) < 1e-9, String(value));
  });
}

test('per task: sums over the number of tasks that ended, none when none did', () => {
  assert.equal(ratio('alloc-bytes-per-task', { 'alloc-bytes': 1000 }, 4), 250);
  assert.equal(ratio('wait-ns-per-task', { wait: 90 }, 3), 30);
  assert.equal(ratio('gc-per-task', { 'gc-count': 1 }, 0), undefined);
});

test('nothing to divide by: no value, not 0 and not infinity', () => {
  assert.equal(ratio('insn-per-cycle', { cycles: 0, instructions: 0 }), undefined);
  assert.equal(ratio('insn-per-cycle', { cycles: 0, instructions: 7 }), undefined);
});

test('without one of its events a metric does not exist', () => {
  const names = (events: string[]): string[] => metricsOf(numbered(events)).map(({ metric }) => metric.name);
  assert.deepEqual(names(['task-clock', 'instructions']), []);
  assert.deepEqual(names(['task-clock', 'cycles']), ['ghz']);
});

test('events of user space make metrics of user space; the two kinds are never mixed', () => {
  const names = (events: string[]): string[] => metricsOf(numbered(events)).map(({ metric }) => metric.name);
  assert.deepEqual(names(['task-clock', 'cycles:u', 'instructions:u']), ['insn-per-cycle', 'ghz']);
  assert.deepEqual(names(['cycles:u', 'instructions']), []);
});

test('every group has metrics, and counting what it needs is enough for all of them', () => {
  for (const group of METRIC_GROUPS) {
    const had = metricsOf(numbered(eventsFor([group]))).map(({ metric }) => metric);
    const all = METRICS.filter((metric) => metric.group === group);
    assert.ok(all.length > 0);
    for (const metric of all) assert.ok(had.includes(metric), metric.name);
  }
  assert.equal(new Set(METRICS.map(({ name }) => name)).size, METRICS.length);
});

// ---- on the screen and in the document --------------------------------------------------------------------------------

const tableOf = (report: Report): string => renderTable(report, { width: 140, color: false });
const documentJson = (report: Report): StatJson => documentOf(report);

test('IPC and GHz come by themselves where cycles and instructions are counted', () => {
  const report = reportOf({ cycles: 24_000_000, instructions: 48_000_000 });
  const table = tableOf(report);
  assert.match(table, /cycles M +instructions M +IPC +GHz$/m);
  assert.match(table, /GET \/ .* 6\.000 +12\.000 +2\.00 +3\.000$/m);
  assert.match(table, /total of the threads .* 2\.00 +2\.400$/m);
  const document = documentJson(report);
  assert.deepEqual(document.tasks[0]!.metrics, { 'insn-per-cycle': 2, ghz: 3 });
  assert.deepEqual(document.metrics['insn-per-cycle'], { value: 2, kind: 'exact' });
  assert.deepEqual(document.metrics['cpus-utilized'], { value: 0.5, kind: 'exact' });
});

test('what the machine does not count is <not supported>, its metrics are absent and null in the document', () => {
  const report = reportOf({}, {}, false);
  const table = tableOf(report);
  assert.match(table, /GET \/ .*<not supported> +<not supported>$/m);
  assert.doesNotMatch(table, /IPC|GHz/);
  assert.deepEqual(documentJson(report).tasks[0]!.metrics, { 'insn-per-cycle': null, ghz: null });
  assert.equal(documentJson(report).metrics['ghz']!.value, null);
});

test('counted half the time: the event is scaled and says the share, what is made of it carries the mark', () => {
  // 10 ms of the threads, 5 of them missed; of the route's 8 ms, 4.
  const report = reportOf({ cycles: 24_000_000, instructions: 24_000_000, missedNs: 4e6 });
  report.tally.threads[0]!.loop[MISSED] = 1e6;
  report.tally.threads[0]!.total[MISSED] = 5e6;
  const table = tableOf(report);
  assert.match(table, /instructions M \(50\.0 %\)/);
  assert.match(table, /GET \/ .* 6\.000 +~12\.000 +~2\.00 +3\.000$/m);
  assert.equal(documentJson(report).metrics['insn-per-cycle']!.kind, 'scaled');
  assert.equal(documentJson(report).tasks[0]!.metrics['insn-per-cycle'], 2);
});

test('a row during which an event was never counted says so', () => {
  const report = reportOf({ cycles: 24_000_000, missedNs: 8e6 });
  assert.match(tableOf(report), /GET \/ .*<not counted>/);
});

test('-M shows metrics instead of the events that were added for them', () => {
  const groups: MetricGroup[] = ['cpu'];
  const report = reportOf({ cycles: 24_000_000, instructions: 48_000_000 });
  const hidden = new Set(report.events.slice(1));
  const table = renderTable({ ...report, metricGroups: groups, hidden }, { width: 80, color: false });
  assert.match(table, /IPC +GHz$/m);
  assert.doesNotMatch(table, /cycles M/);
  assert.match(table, /^ 0\.500 CPUs utilised$/m);
});

test('-M and -d are read as perf reads them', () => {
  const of = (args: string[]): ReturnType<typeof parseStat> => parseStat([...args, 'true']);
  assert.deepEqual(of(['-M', 'gc,cpu', '-M', 'gc']).metricGroups, ['cpu', 'gc']);
  const { asked } = of(['-M', 'gc']);
  const names = (set: ReadonlySet<EventInfo>): string[] => [...set].map(({ name }) => name);
  assert.ok(asked.events.some(({ name }) => name === 'cpu-clock'));
  assert.deepEqual(names(asked.hidden).sort(), ['cpu-clock', 'gc-count', 'gc-time']);
  assert.ok(!names(of(['-M', 'gc', '-e', 'gc-time']).asked.hidden).includes('gc-time'));

  const count = (...args: string[]): number => of(args).asked.events.length;
  assert.ok(count() < count('-d') && count('-d') < count('-dd') && count('-dd') < count('-ddd'));
  assert.equal(count('-dd'), count('-d', '-d'));
  assert.throws(() => of(['-dddd']), /there are 3 steps of detail/);
  assert.throws(() => of(['-M', 'cpu,lop']), /unknown group of metrics 'lop'; did you mean 'loop'\?/);
});

test('a share of what does not add up is of the tasks, in the total and in the document', () => {
  const report = reportOf({}, { events: [EVENTS[TASK_CLOCK]!, EVENTS[WALL]!, EVENTS[WAIT]!] });
  const row = report.tally.row('GET /', 'GET /');
  for (const values of [row.values, row.exited]) [values[WALL], values[WAIT]] = [4e6, 1e6];
  const [process] = report.tally.processes.splice(0);
  report.tally.processes.push({ ...process!, eventBits: (1 << TASK_CLOCK) | (1 << WALL) | (1 << WAIT) });
  assert.deepEqual(documentJson(report).metrics['wait-percent'], { value: 25, kind: 'estimated' });
  assert.match(tableOf({ ...report, metricGroups: ['loop'] }), /^ total of the threads .*~25\.00$/m);
});

test('CPUs utilised are those of all threads of the command', () => {
  const values = new Float64Array(EVENT_LINES);
  values[TASK_CLOCK] = 2e7;
  const others = {
    ...NO_OTHERS,
    threads: [{ pid: 1, tid: 2, name: 'libuv-worker', values }],
    lines: [TASK_CLOCK],
  };
  // 10 ms of JavaScript and 20 ms of the pool, in 20 ms.
  assert.equal(documentJson(reportOf({}, { others })).metrics['cpus-utilized']!.value, 1.5);
});

test('where each kind of core counts its part, metrics are of the sum', () => {
  const events = numbered([
    'task-clock',
    'cpu_core/cycles/u',
    'cpu_atom/cycles/u',
    'cpu_core/instructions/u',
    'cpu_atom/instructions/u',
  ]);
  const values = new Float64Array(EVENT_LINES);
  [100, 100, 300, 500].forEach((value, i) => (values[EVENT_GIVEN_FIRST + i] = value));
  const bound = metricsOf(events).find(({ metric }) => metric.name === 'insn-per-cycle');
  assert.equal(valueOf(bound!, values, 1), 4);
  assert.deepEqual(metricsOf(numbered(['task-clock', 'cpu/cycles/'])), []);
});
