/** The table as a person sees it, at 80 and 120 columns. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { documentOf } from '#cli/document.js';
import { NO_OTHERS } from '#cli/os-rows.js';
import { RegionSession } from '#cli/regions.js';
import type { Report } from '#cli/report.js';
import { renderTable } from '#cli/table.js';
import type { By } from '#cli/tally.js';
import { EVENTS, TASK_CLOCK, TASK_SWITCHES } from '#core/events.js';
import { H_ESTIMATED, H_LOST_NAMES, H_REASON, REASON_NO_ADDON, T_F64_LOOP } from '#core/layout.js';
import { Fabricated, sessionIn, twoRoutes } from './fabricate.ts';

const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-table-'));
after(() => fs.rmSync(directory, { recursive: true }));
/** A process that has ended: nobody has the highest pid there can be. */
const PID = 4_194_303;
const SESSION = 77;
const ESCAPE = String.fromCharCode(27);

function reportOf(region: Fabricated, by: By = 'name'): Report {
  region.save(path.join(directory, String(PID)));
  const events = [EVENTS[TASK_CLOCK]!, EVENTS[TASK_SWITCHES]!];
  const session = new RegionSession({ directory, session: SESSION, events, by, intervals: false });
  const tally = session.finish();
  return {
    command: ['node', 'app.js'],
    pid: PID,
    ended: { code: null, signal: 'SIGTERM', forced: false },
    elapsedNs: 2e9,
    events,
    explicitEvents: false,
    metricGroups: [],
    hidden: new Set(),
    by,
    tally,
    others: NO_OTHERS,
    groups: session.collector.groups,
    owners: new Map(),
    tasks: session.tasks(),
    notes: session.notes,
  };
}

test('the table at 80 columns', () => {
  assert.equal(renderTable(reportOf(twoRoutes(PID, SESSION)), { width: 80, color: false }), TABLE_80);
});

test('the table at 120 columns', () => {
  assert.equal(renderTable(reportOf(twoRoutes(PID, SESSION)), { width: 120, color: false }), TABLE_120);
});

test('no line is wider than the terminal, at any width', () => {
  const report = reportOf(twoRoutes(PID, SESSION));
  for (let width = 60; width <= 140; width++) {
    for (const line of renderTable(report, { width, color: false }).split('\n')) {
      assert.ok([...line].length <= width, `${width}: ${line}`);
    }
  }
});

test('CPU is the last column to go', () => {
  const table = renderTable(reportOf(twoRoutes(PID, SESSION)), { width: 24, color: false });
  assert.match(table, /^ +CPU ms$/m);
  assert.match(table, /^ GET .* 3\.600$/m);
});

test('where no task has ended events are sums, in the system rows and in the total', () => {
  const region = new Fabricated(PID, SESSION);
  region.loop(2_000_000);
  region.line(T_F64_LOOP, TASK_SWITCHES, 3);
  const table = renderTable(reportOf(region), { width: 80, color: false });
  assert.match(table, /no task has ended, so the columns after share are sums/);
  assert.match(table, /^ +CPU ms +share % +task-switches$/m);
  assert.match(table, /^ \(event loop\) +2\.000 +100\.0 +3$/m);
  assert.match(table, /^ \(idle\) +0\.000 +0\.0 +0$/m);
  assert.match(table, /^ total of the threads +2\.000 +100\.0 +3$/m);
});

test('by task events are sums, too; beside means the system rows have none', () => {
  const region = twoRoutes(PID, SESSION);
  region.line(T_F64_LOOP, TASK_SWITCHES, 3);
  const width = { width: 120, color: false };
  assert.match(renderTable(reportOf(region, 'task'), width), /^ \(event loop\) +2\.500 +2\.2 +3$/m);
  assert.match(renderTable(reportOf(region), width), /^ \(event loop\) +2\.500 +2\.2$/m);
});

test('estimated values carry a mark, the word and the remedy', () => {
  const region = twoRoutes(PID, SESSION);
  region.i32[H_ESTIMATED] = 1 << TASK_CLOCK;
  region.i32[H_REASON] = REASON_NO_ADDON;
  const table = renderTable(reportOf(region), { width: 120, color: false });
  assert.match(table, /GET \/users\/:id +8 +~3\.600/);
  assert.match(table, /estimated \(~\): task-clock; the native addon is not loaded/);
});

test('colours are escape codes around whole lines, and only when asked for', () => {
  const report = reportOf(twoRoutes(PID, SESSION));
  const plain = renderTable(report, { width: 80, color: false });
  const colored = renderTable(report, { width: 80, color: true });
  assert.ok(!plain.includes(ESCAPE));
  for (const code of [1, 22, 2]) assert.ok(colored.includes(`${ESCAPE}[${code}m`));
  assert.equal(colored.replaceAll(new RegExp(`${ESCAPE}\\[\\d+m`, 'g'), ''), plain);
});

test('what was lost is said in the table and counted in the document', () => {
  const region = twoRoutes(PID, SESSION);
  region.i32[H_LOST_NAMES] = 3;
  for (let i = 0; i < 20; i++) region.exit(1, 100_000);
  const report = reportOf(region);
  assert.match(
    renderTable(report, { width: 120, color: false }),
    /lost: 3 tasks named \(other\).*16 exits missing/s,
  );
  const document = documentOf(report);
  assert.deepEqual([document.lost.names, document.lost.events], [3, 16]);
  const users = document.tasks.find((task) => task.name === 'GET /users/:id');
  // Sums are exact although events were lost.
  assert.deepEqual([users?.count, users?.counters['task-clock']?.value], [28, 5_600_000]);
});

test('the document has the fields of schema taskperf.stat/1, schema first', () => {
  const document = documentOf(reportOf(twoRoutes(PID, SESSION)));
  assert.deepEqual(Object.keys(document).slice(0, 2), ['schema', 'command']);
  assert.deepEqual(document.exit, { code: null, signal: 'SIGTERM' });
  assert.equal(document.node, 'v24.0.0');
  assert.deepEqual(document.events[0], {
    name: 'task-clock',
    unit: 'ns',
    kind: 'exact',
    supported: true,
    reason: null,
    countedShare: 1,
  });
  assert.deepEqual(document.threads, [
    {
      id: 0,
      name: 'main',
      pid: PID,
      javascript: true,
      counters: { 'task-clock': { value: 113_100_000 }, 'task-switches': { value: 24 } },
    },
  ]);
  assert.deepEqual(document.tasks[1]?.counters['task-clock']?.perTask, {
    min: 100_000,
    mean: 450_000,
    p50: 400_127,
    p90: 800_000,
    p99: 800_000,
    max: 800_000,
  });
  assert.deepEqual(
    document.system.map((row) => [row.name, row.counters['task-clock']?.value]),
    [
      ['(event loop)', 2_500_000],
      ['(idle)', 0],
      ['(unattributed)', 7_000_000],
      ['(late)', 0],
    ],
  );
});

for (const by of ['name', 'task', 'thread'] as const) {
  test(`the books balance by ${by}: threads = rows + system`, () => {
    const { conservation } = documentOf(reportOf(twoRoutes(PID, SESSION), by));
    assert.deepEqual(conservation['task-clock'], { threads: 113_100_000, attributed: 113_100_000, error: 0 });
    assert.equal(conservation['task-switches']?.error, 0);
  });
}

test('by task there is one row per exited task, the most costly first', () => {
  const report = reportOf(twoRoutes(PID, SESSION), 'task');
  const rows = documentOf(report).tasks;
  assert.equal(rows.length, 12);
  assert.equal(rows[0]?.counters['task-clock']?.value, 40_000_000);
  assert.equal(rows[0]?.counters['task-clock']?.perTask?.p99, 40_000_000);
  const table = renderTable(report, { width: 80, color: false });
  assert.match(table, /POST .*#0 +40\.000/);
});

test('by task, those that the ring lost are one row, so the books still balance', () => {
  const region = twoRoutes(PID, SESSION);
  for (let i = 0; i < 30; i++) region.exit(1, 1_000);
  const document = documentOf(reportOf(region, 'task'));
  const rest = document.tasks.find((task) => task.name === '(tasks not listed)');
  assert.equal(rest?.count, 26);
  assert.equal(document.conservation['task-clock']?.error, 0);
});

test('more than 50 rows end in one line for the rest', () => {
  const region = new Fabricated(PID, SESSION);
  const name = region.name('job');
  for (let i = 0; i < 16; i++) region.exit(name, 1_000_000);
  const report = reportOf(region, 'task');
  const many = { ...report, tasks: Array.from({ length: 80 }, () => report.tasks[0]!) };
  assert.match(renderTable(many, { width: 80, color: false }), /… 30 more/);
});

test('a region that cannot be read is one sentence, and is removed', () => {
  const region = twoRoutes(PID, SESSION);
  const file = region.save(path.join(directory, String(PID)));
  fs.truncateSync(file, 5000);
  const session = sessionIn(directory, SESSION);
  assert.equal(session.finish().processes.length, 0);
  assert.match(session.notes[0]!, /is truncated: 5000 of \d+ bytes/);
  assert.equal(fs.existsSync(file), false);
});

test('regions of another session are left alone', () => {
  const file = twoRoutes(PID, 99).save(path.join(directory, String(PID)));
  const session = sessionIn(directory, SESSION);
  assert.equal(session.finish().processes.length, 0);
  assert.equal(fs.existsSync(file), true);
  fs.rmSync(file);
});

test('why the bootstrap could not start is passed on', () => {
  fs.writeFileSync(path.join(directory, `${PID}.error`), 'no room for 1 bytes\nstack');
  const session = sessionIn(directory, SESSION);
  session.finish();
  assert.deepEqual(session.notes, [`taskperf could not start in process ${PID}: no room for 1 bytes`]);
});

const TABLE_80 = `
 'node app.js' by task name
 CPU is task-clock; the columns after share are per task

                              requests   CPU ms  share %  p50 ms  p99 ms  max ms
 POST /reports…s-spreadsheet         4  100.000     88.4  20.005  40.000  40.000
 GET /users/:id                      8    3.600      3.2   0.400   0.800   0.800

 (event loop)                             2.500      2.2
 (idle)                                   0.000      0.0
 (unattributed)                           7.000      6.2
 (late)                                   0.000      0.0
 total of the threads                   113.100    100.0

 2.00 s elapsed, 12 requests, 6.0 per second
 taskperf added about 2.40 µs (24 switches of 100 ns), 0.0 % of the CPU time
 nothing was lost
 program killed by SIGTERM
 no room for: mean ms, task-switches (use a wider terminal, COLUMNS=120 or
     --json)
`;

const TABLE_120 = `
 'node app.js' by task name
 CPU is task-clock; the columns after share are per task

                                              requests   CPU ms  share %  mean ms  p50 ms  p99 ms  max ms  task-switches
 POST /reports/quarter…export-as-spreadsheet         4  100.000     88.4   25.000  20.005  40.000  40.000              2
 GET /users/:id                                      8    3.600      3.2    0.450   0.400   0.800   0.800              2

 (event loop)                                             2.500      2.2
 (idle)                                                   0.000      0.0
 (unattributed)                                           7.000      6.2
 (late)                                                   0.000      0.0
 total of the threads                                   113.100    100.0

 2.00 s elapsed, 12 requests, 6.0 per second
 taskperf added about 2.40 µs (24 switches of 100 ns), 0.0 % of the CPU time
 nothing was lost
 program killed by SIGTERM
`;
