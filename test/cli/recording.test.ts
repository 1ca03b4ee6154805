/** Reading recordings: cut ones, damaged ones, those of events that take turns. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { documentOf } from '#cli/document.js';
import { UsageError } from '#cli/options.js';
import { NO_OTHERS } from '#cli/os-rows.js';
import { reportOf } from '#cli/recording/books.js';
import { endIn, endText, processText } from '#cli/recording/end.js';
import type { End } from '#cli/recording/end.js';
import { SCHEMA } from '#cli/recording/format.js';
import type { Header, Task } from '#cli/recording/format.js';
import { Lines } from '#cli/recording/lines.js';
import { Recording } from '#cli/recording/load.js';
import { renderTable } from '#cli/table.js';
import { EVENT_LINES } from '#core/layout.js';
import { Prng } from '#sim/prng.js';
import { CYCLES, INSTRUCTIONS, MISSED, event, reportOf as countedReport } from './counted.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-recording-'));
after(() => fs.rmSync(directory, { recursive: true }));

const EVENTS = [event(0, 'task-clock'), event(CYCLES, 'cycles'), event(INSTRUCTIONS, 'instructions')];
const HEADER: Header = {
  schema: SCHEMA,
  taskperf: '0.1.0',
  command: ['node', 'app.js'],
  pid: 10,
  startedAt: '2026-01-02T03:04:05.678Z',
  events: EVENTS,
  hidden: [],
  optional: [],
  explicitEvents: true,
  metricGroups: [],
};

function task(more: Partial<Task> = {}): Task {
  const times = { startNs: 1e6, endNs: 5e6, enabledNs: 4e6, runningNs: 4e6 };
  const counters = { 'task-clock': 2e6, cycles: 300, instructions: 100, [`line-${MISSED}`]: 1e6 };
  return { name: 'GET /', id: 1, pid: 10, thread: 0, ...times, counters, ...more };
}

const SCALED = { scaled: { instructions: `line-${MISSED}` } };
const PROCESS = (() => {
  const { processes } = countedReport({ cycles: 400, instructions: 100, missedNs: 1e6 }).tally;
  return processText({ ...processes[0]!, pid: 10 }, new Lines(EVENTS));
})();

function saved(lines: readonly unknown[], name = 'recording.jsonl'): string {
  const file = path.join(directory, name);
  const texts = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)));
  fs.writeFileSync(file, texts.map((text) => `${text}\n`).join(''));
  return file;
}

function reportIn(file: string): ReturnType<typeof reportOf> {
  const recording = Recording.open(file);
  try {
    return reportOf(recording, 'name');
  } finally {
    recording.close();
  }
}

test('a recording without an end: sums of its tasks, scaled where events took turns', () => {
  const file = saved([HEADER, PROCESS, SCALED, { task: task() }, { task: task({ id: 2, endNs: 9e6 }) }]);
  const document = documentOf(reportIn(file));
  const [row] = document.tasks;
  assert.deepEqual([row!.name, row!.count, document.elapsedNs], ['GET /', 2, 9e6]);
  assert.equal(row!.counters['task-clock']!.value, 4e6);
  assert.equal(row!.counters['cycles']!.value, 600);
  // Counted for half of the time.
  assert.equal(row!.counters['instructions']!.value, 400);
  assert.deepEqual(row!.counters['instructions']!.perTask, {
    min: 200,
    mean: 200,
    p50: 200,
    p90: 200,
    p99: 200,
    max: 200,
  });
  assert.deepEqual(
    document.events.map(({ name, kind, countedShare }) => [name, kind, countedShare]),
    [
      ['task-clock', 'exact', 1],
      ['cycles', 'exact', 1],
      ['instructions', 'scaled', 0.5],
    ],
  );
  assert.deepEqual(document.conservation['task-clock'], { threads: 4e6, attributed: 4e6, error: 0 });
});

test('a recording without an end says what was estimated, and what was not counted', () => {
  const said = JSON.parse(PROCESS) as { process: { estimatedBits: number; eventBits: number } };
  const { process } = said;
  const estimated = {
    process: { ...process, estimatedBits: 1, eventBits: process.eventBits & ~(1 << CYCLES) },
  };
  const lines = [PROCESS, estimated, SCALED, { task: task() }];
  const statesOf = (optional: readonly string[]): unknown[] =>
    documentOf(reportIn(saved([{ ...HEADER, optional }, ...lines]))).events.map(
      ({ name, kind, supported }) => [name, kind, supported],
    );
  const others = [['task-clock', 'estimated', true]];
  assert.deepEqual(statesOf([]), [...others, ['cycles', 'exact', false], ['instructions', 'scaled', true]]);
  assert.deepEqual(statesOf(['cycles', 'instructions']), [...others, ['instructions', 'scaled', true]]);
});

test('lines of later versions are passed over, fields too', () => {
  const more = { ...task(), colour: 'red' };
  const report = reportIn(saved([{ ...HEADER, more: 1 }, PROCESS, { switch: [1, 2] }, { task: more }]));
  assert.equal(documentOf(report).tasks[0]!.count, 1);
});

test('what is in the names of tasks does nothing to the terminal', () => {
  const report = reportIn(saved([HEADER, PROCESS, { task: task({ name: '\u001b[2J\u0007x' }) }]));
  const table = renderTable(report, { width: 100, color: false });
  assert.ok([...table].every((char) => char === '\n' || char >= ' '));
});

test('an end is read as it was written', () => {
  const report = countedReport({ cycles: 400, instructions: 100, missedNs: 1e6 });
  const { tally, ended, elapsedNs, notes } = report;
  const values = new Float64Array(EVENT_LINES).fill(1, 0, 1);
  const owner = { pid: 3, task: -1, name: 'cron' };
  const state = { event: EVENTS[0]!, kind: 'exact', supported: true, reason: null, share: 1 } as const;
  const process = {
    pid: 9,
    name: 'sh',
    isNode: false,
    script: '',
    title: '',
    owner,
    rows: [{ name: 'sh', values }],
  };
  const culprit = { name: 'GET /', id: undefined, isLate: true, pid: 1, thread: 'main', threadId: 0 };
  const times = { beginNs: 1, wallNs: 2, cpuNs: undefined, gcNs: 0.5 };
  const stack = { frames: ['f (a.js:1:2)'], cut: 0, missing: undefined };
  const end: End = {
    ended,
    elapsedNs,
    shown: [0, CYCLES],
    rows: [...tally.rows.values()].map(({ key: _, ...row }) => row),
    threads: tally.threads,
    processes: [...tally.processes, { ...tally.processes[0]!, owner, off: 'why' }],
    others: {
      ...NO_OTHERS,
      rows: [{ name: '(thread x)', values }],
      threads: [{ pid: 1, tid: 2, name: 'x', values }],
      lines: [0],
      states: new Map([[0, state]]),
      seen: [process],
      notes: ['a'],
    },
    othersByThread: { ...NO_OTHERS, rows: [{ name: '(thread x 2)', values }] },
    owners: new Map([[9, owner]]),
    blocked: {
      limitNs: 5,
      totals: { count: 1, ns: 2 },
      rows: [{ ...culprit, ...times, waited: 1, isParked: true, stack, untilEnd: false }],
      waits: [{ waiting: 'a', behind: 'b', count: 1, ns: 2, atMostNs: 3 }],
    },
    lost: tally.lost,
    notes,
  };
  const lines = new Lines(EVENTS);
  const read = (JSON.parse(endText(end, lines)) as { end: unknown }).end;
  assert.deepEqual(endIn(read, lines, EVENTS), end);
  const without = { ...end, blocked: undefined };
  assert.deepEqual(endIn(JSON.parse(endText(without, lines)).end, lines, EVENTS), without);
});

const END = (() => {
  const { tally, ended, elapsedNs, notes } = countedReport({ cycles: 400, instructions: 100, missedNs: 1e6 });
  const rows = [...tally.rows.values()].map(({ key: _, ...row }) => ({ ...row, pid: 10, thread: 0 }));
  const { threads, processes, lost } = tally;
  const others = { others: NO_OTHERS, othersByThread: NO_OTHERS };
  const books = { rows, threads, processes, ...others, owners: new Map(), blocked: undefined, lost };
  return endText({ ended, elapsedNs, shown: [0, CYCLES, INSTRUCTIONS], ...books, notes }, new Lines(EVENTS));
})();

const { counters: _, ...withoutCounters } = task();
for (const [what, lines, sentence] of [
  ['is empty', [], /is no recording/],
  ['is something else', ['{"schema":"taskperf.stat/1"}'], /is no recording/],
  [
    'is of a later version',
    [{ ...HEADER, schema: 'taskperf.record/2' }],
    /another version of taskperf \(taskperf\.record\/2\); this one reads taskperf\.record\/1/,
  ],
  ['has half a header', [{ schema: SCHEMA }], /line 1: taskperf: /],
  ['has no events', [{ ...HEADER, events: [] }], /line 1: events: /],
  ['has an event beyond all lines', [{ ...HEADER, events: [{ ...EVENTS[0], id: 4096 }] }], /events\.0\.id: /],
  ['has a line that is no JSON', [HEADER, '{"task":'], /line 2: /],
  ['has a line that is no object', [HEADER, 'null'], /line 2: /],
  ['has a task without counters', [HEADER, { task: withoutCounters }], /line 2: counters: /],
  ['has a task with text for a count', [HEADER, { task: task({ id: 'x' as never }) }], /line 2: id: /],
  [
    'has a counter of nothing',
    [HEADER, { task: task({ counters: { flops: 1 } }) }],
    /line 2: 'flops' is no event/,
  ],
  ['has an end without rows', [HEADER, END.replace('"rows":', '"row":')], /line 2: rows: /],
  [
    'has an end with a row of nothing',
    [HEADER, END.replaceAll('"cycles":', '"flops":')],
    /line 2: 'flops' is no event/,
  ],
] as const)
  test(`a recording that ${what} is refused with one sentence`, () => {
    const file = saved(lines);
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'report', file], {
      encoding: 'utf8',
    });
    assert.deepEqual([status, stdout], [129, '']);
    assert.match(stderr, /^taskperf: '[^\n]+\n$/);
    assert.match(stderr, sentence);
  });

test('what cannot be read, and words too many, are one sentence each', () => {
  const file = saved([HEADER]);
  for (const [args, sentence] of [
    [['no/such.jsonl'], /there is no recording 'no\/such\.jsonl'/],
    [[directory], /is not a plain file/],
    [['/dev/zero'], /is not a plain file/],
    [[file, '-o', file], /is a recording, which would be lost; give -o another file/],
    [['/proc/self/mem'], /cannot read '\/proc\/self\/mem': EIO/],
    [['--', file, '--json'], /'--json' is one recording too many/],
    [[file, 'b'], /'b' is one recording too many/],
    [['-i', file, 'b'], /'b' is one recording too many/],
    [[file, '--by', 'colour'], /cannot group by 'colour'/],
    [[file, '--frob'], /unknown option '--frob'; `taskperf report --help` lists the options\n/],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'report', ...args], { encoding: 'utf8' });
    assert.equal(status, 129, args.join(' '));
    assert.match(stderr, /^taskperf: [^\n]+\n$/);
    assert.match(stderr, sentence);
  }
});

test('whatever becomes of its bytes: a report, or one sentence', () => {
  const whole = fs.readFileSync(
    saved([HEADER, PROCESS, SCALED, { task: task() }, { task: task({ id: 2 }) }, END]),
  );
  const seed = Number(process.env['TASKPERF_SEED'] ?? Date.now() % 1e9);
  const random = new Prng(BigInt(seed));
  let reports = 0;
  for (let i = 0; i < 3000; i++) {
    const bytes = Buffer.from(whole);
    for (let n = 1 + random.below(3); n > 0; n--) bytes[random.below(bytes.length)] = random.below(256);
    const file = path.join(directory, 'mutated.jsonl');
    fs.writeFileSync(file, random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes);
    try {
      const report = reportIn(file);
      documentOf(report);
      renderTable(report, { width: 100, color: false });
      reports++;
    } catch (error) {
      assert.ok(error instanceof UsageError, `seed ${seed}, ${i}: ${(error as Error).stack}`);
    }
  }
  assert.ok(reports > 100, `${reports} of 3000 are reports`);
});
