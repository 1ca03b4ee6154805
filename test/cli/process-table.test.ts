/** `--by process` from regions made by hand: what a person sees, what the document says, and that the sums hold. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { documentOf } from '#cli/document.js';
import { Intervals } from '#cli/interval.js';
import { NO_OTHERS } from '#cli/os-rows.js';
import type { Others, SeenProcess } from '#cli/os-rows.js';
import { ownersOf } from '#cli/owners.js';
import { RegionSession } from '#cli/regions.js';
import type { Report } from '#cli/report.js';
import { renderTable } from '#cli/table.js';
import type { By } from '#cli/tally.js';
import { EVENTS, TASK_CLOCK } from '#core/events.js';
import { E_F64_ID, EVENT_LINES, ringF64 } from '#core/layout.js';
import { describeProcess } from '#core/owner.js';
import type { Owner } from '#core/owner.js';
import { Fabricated } from './fabricate.ts';

const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-process-table-'));
after(() => fs.rmSync(directory, { recursive: true }));
/** Processes that have ended: nobody has the highest pids there can be. */
const PID = 4_194_303;
const CHILD = PID - 1;
const SESSION = 77;

const describe = ({ bytes, i32, f64 }: Fabricated, script: string, owner: Owner | null): void =>
  describeProcess({ u8: bytes, i32, f64 }, script, owner);

/** A server that starts a child in the name of its second request, and the child, which serves one itself. */
function family(script = 'resize.mjs 17', task = 1): Fabricated[] {
  const server = new Fabricated(PID, SESSION);
  describe(server, 'server.mjs', null);
  const upload = server.name('POST /upload');
  for (let i = 0; i < 2; i++) {
    server.exit(upload, 3_000_000);
    server.f64[ringF64(server.layout, 0, i) + E_F64_ID] = i;
  }
  server.exit(server.name('GET /'), 1_000_000);
  server.f64[ringF64(server.layout, 0, 2) + E_F64_ID] = 2;
  server.loop(500_000);
  const child = new Fabricated(CHILD, SESSION);
  describe(child, script, { pid: PID, task, name: '(in flight)' });
  child.exit(child.name('GET /'), 20_000_000);
  child.unattributed(40_000_000);
  return [server, child];
}

function reportOf(regions: readonly Fabricated[], by: By, others: Others = NO_OTHERS): Report {
  for (const [i, region] of regions.entries()) region.save(path.join(directory, String(PID - i)));
  const events = [EVENTS[TASK_CLOCK]!];
  const session = new RegionSession({ directory, session: SESSION, events, by, intervals: false });
  const tally = session.finish();
  return {
    command: ['node', 'server.mjs'],
    pid: PID,
    ended: { code: 0, signal: null, forced: false },
    elapsedNs: 2e9,
    events,
    explicitEvents: false,
    metricGroups: [],
    hidden: new Set(),
    by,
    tally,
    others,
    groups: session.collector.groups,
    owners: ownersOf(tally, others, (owner) => session.nameOf(owner)),
    tasks: session.tasks(),
    notes: session.notes,
  };
}

const task = (ns: number): Float64Array => {
  const values = new Float64Array(EVENT_LINES);
  values[TASK_CLOCK] = ns;
  return values;
};

/** Programs without a region, and 2 ms that are of none of them. */
function seen(count: number, owner: Owner | null = null, name = 'gzip'): Others {
  const rows = Array.from({ length: count }, (_, i) => ({
    name: `(process ${name} ${i + 1})`,
    values: task(1e6),
  }));
  const unplaced = task(2e6);
  const all = rows.map((row, i): SeenProcess => {
    return { pid: i + 1, name, isNode: false, script: '', title: '', owner, rows: [row] };
  });
  const threads = [...rows, { name: '(short-lived threads)', values: unplaced }].map((row, i) => {
    return { pid: i + 1, tid: i + 1, name: row.name, values: row.values };
  });
  const short = { name: '(short-lived threads)', values: unplaced };
  return { ...NO_OTHERS, rows: [...rows, short], threads, lines: [TASK_CLOCK], seen: all, unplaced };
}

test('a process is the sum of its lines, and what it started stands under the row that did', () => {
  const table = renderTable(reportOf(family(), 'process', seen(1)), { width: 80, color: false });
  assert.equal(table, TABLE);
});

test('together, the child of a request is under the request as it was called in the end', () => {
  const table = renderTable(reportOf(family(), 'name'), { width: 80, color: false });
  assert.match(table, /^ POST \/upload +2 +6\.000 .*\n └ resize\.mjs +\+60\.000$/m);
  assert.match(table, /^ └ \+: CPU time of processes that tasks of the row above started/m);
});

test('without children nothing is said of them', () => {
  const [server] = family();
  const table = renderTable(reportOf([server!], 'name'), { width: 80, color: false });
  assert.doesNotMatch(table, /└/);
});

for (const by of ['name', 'process', 'task'] as const) {
  test(`by ${by}: processes add up to the threads, and children to no sum`, () => {
    const document = documentOf(reportOf(family(), by, seen(3)));
    const sum = document.processes.reduce((total, one) => total + one.counters['task-clock']!.value!, 0);
    assert.equal(sum, document.conservation['task-clock']!.threads);
    assert.equal(document.conservation['task-clock']!.error, 0);
    const owners = document.tasks.filter((row) => row.children !== undefined);
    assert.equal(owners.length, 1);
    assert.deepEqual(owners[0]!.children, {
      processes: 1,
      counters: { 'task-clock': { value: 60_000_000 } },
    });
    assert.equal(owners[0]!.name, 'POST /upload');
    if (by === 'task') assert.equal(owners[0]!.id, 1);
    const child = document.processes.find((one) => one.pid === CHILD)!;
    assert.deepEqual(child.owner, { pid: PID, task: 'POST /upload', id: 1 });
  });
}

test('a task that nobody remembers has the name that it had', () => {
  const { processes } = documentOf(reportOf(family('x', 99), 'name'));
  assert.deepEqual(processes.find((one) => one.pid === CHILD)!.owner, {
    pid: PID,
    task: '(in flight)',
    id: 99,
  });
});

test('programs of one kind are counted in the label', () => {
  const owner = { pid: PID, task: 1, name: '(in flight)' };
  const table = renderTable(reportOf(family(), 'name', seen(12, owner)), { width: 80, color: false });
  assert.match(table, /^ └ resize\.mjs, 12 × gzip +\+72\.000$/m);
});

test('what is more than a table or a document can list is one entry, and in the sum', () => {
  const report = reportOf(family(), 'process', seen(1500));
  const table = renderTable(report, { width: 80, color: false });
  assert.match(table, /^ … 1,452 more processes +1,452\.000/m);
  const { processes, conservation } = documentOf(report);
  assert.equal(processes.length, 1002);
  const sum = processes.reduce((total, one) => total + one.counters['task-clock']!.value!, 0);
  assert.equal(sum, conservation['task-clock']!.threads);
});

test('names move no cursor', () => {
  const escape = String.fromCharCode(27);
  const report = reportOf(family(`${escape}[2Jx\u202e.mjs`), 'process');
  const table = renderTable(report, { width: 80, color: false });
  assert.match(table, /^ \\x1b\[2Jx\\u202e\.mjs \(4194302\)/m);
  assert.ok(!table.includes(escape));
  assert.ok(!table.includes('\u202e'));
});

test('threads of several processes are told apart by pid', () => {
  const table = renderTable(reportOf(family(), 'thread'), { width: 80, color: false });
  assert.match(table, /^ main \(4194302\) +1 +20\.000/m);
  assert.match(table, /^ main \(4194303\) +3 +7\.000/m);
  const { tasks } = documentOf(reportOf(family(), 'thread'));
  assert.deepEqual(
    tasks.map((row) => [row.name, row.process]),
    [
      ['main', CHILD],
      ['main', PID],
    ],
  );
});

test('an interval has each process, and its names under it', () => {
  const regions = family();
  for (const [i, region] of regions.entries()) region.save(path.join(directory, String(PID - i)));
  const events = [EVENTS[TASK_CLOCK]!];
  const session = new RegionSession({ directory, session: SESSION, events, by: 'process', intervals: true });
  const intervals = new Intervals(session, session.intervalCollector!, {
    by: 'process',
    events,
    hidden: new Set(),
    explicitEvents: false,
    system: { processes: new Map(), ended: [] },
    startNs: 0,
  });
  const block = intervals.next(1e9, { width: 80, color: false });
  session.finish();
  const lines = block.split('\n').map((line) => line.replace(/ {2,}(?=\S)/g, '  ').trimEnd());
  assert.deepEqual(lines.slice(1, 6), [
    ' resize.mjs 17 (4194302)  1  60.000  88.9%',
    '  GET /  1  20.000  29.6%  20.000  20.000',
    ' server.mjs (4194303)  3  7.500  11.1%',
    '  POST /upload  2  6.000  8.9%  3.000  3.000',
    '  GET /  1  1.000  1.5%  1.000  1.000',
  ]);
  assert.deepEqual(
    intervals.kept[0]!.processes!.map((one) => [one.pid, one.counters['task-clock']!.value]),
    [
      [CHILD, 60_000_000],
      [PID, 7_500_000],
    ],
  );
});

const TABLE = `
 'node server.mjs' by process
 CPU is task-clock, of a process all of it; columns after share are per task

                          requests   CPU ms  share %  p50 ms  p99 ms  max ms
 resize.mjs 17 (4194302)         1   60.000     85.1
   GET /                         1   20.000     28.4  20.000  20.000  20.000
   (unattributed)                    40.000     56.7
 server.mjs (4194303)            3    7.500     10.6
   POST /upload                  2    6.000      8.5   3.000   3.000   3.000
   └ resize.mjs                     +60.000
   GET /                         1    1.000      1.4   1.000   1.000   1.000
   (event loop)                       0.500      0.7
 gzip (1)                             1.000      1.4
 (short-lived threads)                2.000      2.8

 total of the threads                70.500    100.0

 2.00 s elapsed, 4 requests, 2.0 per second
 taskperf added about 800 ns (8 switches of 100 ns), 0.0 % of the CPU time
 nothing was lost
 program exited with code 0
 └ +: CPU time of processes that tasks of the row above started; it is in the
     other rows, too
 no room for: mean ms (use a wider terminal, COLUMNS=120 or --json)
`;
