/** What is on the pages, as lines. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Spread } from '#cli/collector.js';
import { cellsIn } from '#cli/cells.js';
import { printable } from '#cli/printable.js';
import { cellsOf } from '#cli/top/bar.js';
import { bucketOf, COST_LIMITS } from '#cli/top/cost-buckets.js';
import { histogramLines } from '#cli/top/histogram.js';
import { clipped, line, textOf } from '#cli/top/lines.js';
import { choicesOf, pageOf } from '#cli/top/pages.js';
import { initialState } from '#cli/top/state.js';
import type { State } from '#cli/top/state.js';
import { shownColumns, tablePage } from '#cli/top/table-page.js';
import { threadLines } from '#cli/top/thread-lines.js';
import type { BlockedView, HolderView, ThreadView, View } from '#cli/top/view.js';
import { EVENT_LINES } from '#core/layout.js';
import { madeView, nameView, threadView } from './made-view.ts';

const STATE = initialState('cpu', false);
const LIMIT_NS = 1e8;

function page(view: View, width: number, height: number): string[] {
  return tablePage(view, STATE, { width, height, blockedNs: LIMIT_NS }).map((one) =>
    textOf(clipped(one, width)),
  );
}

void test('a bar is as wide as asked, and each part as long as its share to one cell', () => {
  const weight = fc.nat(1000);
  fc.assert(
    fc.property(
      fc.tuple(weight, weight, weight, weight, weight),
      fc.integer({ min: 1, max: 60 }),
      (weights, width) => {
        const whole = Math.max(
          1,
          weights.reduce((sum, one) => sum + one),
        );
        const [tasks, other, loop, gc, idle] = weights.map((one) => one / whole);
        const cells = cellsOf({ tasks: tasks!, other: other!, loop: loop!, gc: gc!, idle: idle! }, width);
        assert.equal(
          cells.reduce((sum, one) => sum + one),
          width,
        );
        if (weights.some((one) => one > 0))
          for (const [i, one] of cells.entries())
            assert.ok(Math.abs(one - (weights[i]! / whole) * width) <= 1);
      },
    ),
  );
});

void test('a page fits its screen, whatever is in it', () => {
  const names = Array.from({ length: 100 }, (_, i) =>
    nameView(`GET /${'long-'.repeat(i % 20)}${i}`, { exits: i }),
  );
  for (const width of [40, 80, 120, 200])
    for (const height of [10, 24, 60]) {
      const view = madeView(names, {
        threads: Array.from({ length: 30 }, (_, i) => threadView({ name: `worker ${i}` })),
      });
      const lines = page(view, width, height);
      assert.ok(
        lines.every((text) => [...text].length <= width),
        `${width} columns`,
      );
      if (height >= 24) assert.equal(lines.length, height);
      assert.match(lines.at(-1)!, /^ q quit/);
    }
});

void test('the more room, the more columns; the most telling ones stay', () => {
  const at = (width: number): string[] =>
    shownColumns(madeView([]), [nameView('GET /')], { width, sorted: 'cpu' }).map(({ id }) => id);
  assert.deepEqual(
    at(40),
    ['req/s', 'CPU %'].map((title) => (title === 'CPU %' ? 'cpu' : 'rate')),
  );
  assert.deepEqual(at(80), ['live', 'rate', 'cpu', 'p99', 'max', 'wait']);
  assert.equal(at(200).length, 12);
});

void test('whom they waited behind is a column once anybody has', () => {
  const wait = { waiting: 'GET /a', behind: 'GET /slow', count: 3, ns: 5e6 };
  const waited = nameView('GET /a', { windowBehind: [wait], allBehind: [wait] });
  assert.match(page(madeView([waited]), 120, 24).join('\n'), /waited behind[^]*GET \/a .* GET \/slow/);
  assert.doesNotMatch(page(madeView([nameView('GET /a')]), 120, 24).join('\n'), /waited behind/);
});

/** What is said of who has a thread, at 80 columns. */
function said(holder: HolderView | undefined, blocked?: BlockedView): string {
  const view = madeView([], { threads: [threadView({ holder, blocked })] });
  return textOf(clipped(threadLines(view, { width: 80, blockedNs: LIMIT_NS, rowsMax: 5 })[1]!, 80))
    .split('] ')[1]!
    .trim();
}

function held(kind: HolderView['kind'], task: string, forNs: number, blockedForNs = forNs): HolderView {
  return { kind, task, forNs, blockedForNs, isOnCpu: true };
}

void test('who has the thread, and for how long; marked once over the limit', () => {
  const report = held('task', 'GET /report #8123', 2.3e9);
  assert.equal(said(report), '! GET /report #8123 for 2.30 s');
  assert.equal(said({ ...report, isOnCpu: false }), '! GET /report #8123 for 2.30 s, asleep');
  assert.equal(said(held('task', 'GET /report #8123', 99e6)), 'GET /report #8123 for 99.00 ms');
  assert.equal(said(held('nobody', '', 1e9)), '! JavaScript of no task for 1.00 s');
  const idle = { ...held('idle', '', 60e9), isOnCpu: false };
  assert.equal(said(idle), 'idle');
  const by = (name: string, ns: number, wallNs = ns): BlockedView => ({ wallNs, longest: { by: name, ns } });
  assert.equal(said(idle, by('GET /report #7', 3e8)), '! was GET /report #7 for 300.00 ms');
  assert.equal(said(idle, by('GET /report #7', 9e7)), 'idle');
  assert.equal(said(undefined), 'ended');
});

void test('a loop that many keep blocked is blocked, and none of them is said to have had it for so long', () => {
  const idle = held('idle', '', 0);
  assert.equal(said(held('task', 'pong #44', 6e6, 3.5e9)), '! loop blocked 3.50 s, now pong #44');
  assert.equal(said(idle, { wallNs: 2e8, longest: undefined }), '! was blocked 200.00 ms by many short ones');
  const zero = { wallNs: 116.11e6, longest: { by: 'zero #25', ns: 2e6 } };
  assert.equal(said(idle, zero), '! was blocked 116.11 ms, longest zero #25 2.00 ms');
  const most = { wallNs: 6e9, longest: { by: 'pong #4', ns: 2e8 } };
  assert.equal(said(idle, most), '! was blocked 6.00 s, longest pong #4 200.00 ms');
  assert.equal(said(held('task', 'pong #44', 2e8, 6e9)), '! loop blocked 6.00 s, now pong #44');
  const long = { by: `GET /${'long-'.repeat(20)} #7`, ns: 3e8 };
  assert.match(said(idle, { wallNs: 3e8, longest: long }), / for 300\.00 ms$/);
});

void test('numbers are whole or not there at 80 columns: the table, a name, help', () => {
  const values = new Float64Array(EVENT_LINES).fill(1234.56e9);
  const spread: Spread = { min: 2.02e6, p50: 2.02e6, p90: 2.02e6, p99: 2.02e6, max: 2.02e6 };
  const row = nameView('GET /products/:id', {
    exits: 12_345_678,
    values,
    exited: values,
    windowExits: 12_345,
    windowSpread: () => spread,
    allSpread: () => spread,
  });
  const total = { ...row, name: 'total', live: 16_384 };
  const view = madeView([row], { total });
  const size = { width: 80, height: 200, blockedNs: LIMIT_NS };
  for (const shown of ['table', 'name', 'help'] as const) {
    const sorting = { id: 'all-max', isReversed: false } as const;
    const state: State = { ...STATE, page: shown, selected: row.key, sorting };
    const frame = { view, tasks: undefined };
    for (const one of pageOf(frame, state, size))
      assert.equal(textOf(clipped(one, 80)), textOf(one), `${shown}: ${textOf(one)}`);
  }
  const name = pageOf({ view, tasks: undefined }, { ...STATE, page: 'name', selected: row.key }, size);
  assert.match(name.map(textOf).join('\n'), /task-clock +1,234\.56 s .* 2\.02 ms/);
});

void test('characters of two cells are two cells wide, and those of none are escaped', () => {
  const names = ['GET /日本語/商品', 'GET /plain', `GET /${'商'.repeat(60)}`, 'GET /🙂'];
  const view = madeView(names.map((name) => nameView(name, { live: 7, exits: 1 })));
  const rows = page(view, 80, 30).filter((text) => text.startsWith(' GET'));
  assert.equal(rows.length, 4);
  for (const row of rows) {
    assert.equal(
      cellsIn(row.slice(0, row.lastIndexOf(' 7 '))),
      cellsIn(rows[0]!.slice(0, rows[0]!.lastIndexOf(' 7 '))),
    );
    assert.ok(cellsIn(row) <= 80);
  }
  assert.equal(printable('e\u0301'), 'e\\u0301');
  assert.equal(cellsIn('日本'), 4);
});

void test('the column that rows are sorted by is shown, whatever the room', () => {
  const shown = shownColumns(madeView([]), [nameView('GET /')], { width: 80, sorted: 'all-max' });
  assert.ok(shown.some(({ id }) => id === 'all-max'));
  const state = { ...STATE, sorting: { id: 'all-max', isReversed: false } } as const;
  const frame = { view: madeView([nameView('GET /')]), tasks: undefined };
  assert.ok(choicesOf(frame, state, { width: 80, height: 24 }).sortable.includes('all-max'));
});

void test('what was not spent is idle in a bar', () => {
  assert.deepEqual(cellsOf({ tasks: 0, other: 0, loop: 0, gc: 0, idle: 0 }, 8), [0, 0, 0, 0, 8]);
  assert.deepEqual(cellsOf({ tasks: 0.5, other: 0, loop: 0, gc: 0, idle: 0 }, 8), [4, 0, 0, 0, 4]);
});

void test('stacks of several threads share the room for threads; the keys stay', () => {
  const stack = Array.from({ length: 30 }, (_, i) => `at f${i} (x.js:1:1)`);
  const blocked = (i: number): ThreadView =>
    threadView({ name: `worker ${i}`, holder: held('task', `job #${i}`, 2e9), stack });
  const view = madeView([nameView('GET /')], { threads: Array.from({ length: 6 }, (_, i) => blocked(i)) });
  for (const rowsMax of [2, 6, 18])
    assert.ok(threadLines(view, { width: 80, blockedNs: LIMIT_NS, rowsMax }).length <= 1 + 1 + rowsMax);
  for (const [width, height] of [
    [81, 10],
    [80, 24],
    [80, 60],
  ] as const) {
    const lines = page(view, width, height);
    assert.equal(lines.length, height);
    assert.match(lines.at(-1)!, /^ q quit/);
    if (height >= 24) {
      assert.match(lines.join('\n'), /at f0 /);
      assert.match(lines.join('\n'), /GET \//);
    }
  }
});

void test('those that have ended are counted, and the others go on to be shown', () => {
  const running = { pid: 1, command: 'x', node: 'v20', hasEnded: false, off: '' };
  const ended = { ...running, pid: 2, hasEnded: true };
  const summary = (processes: View['processes']): string => page(madeView([], { processes }), 120, 24)[1]!;
  assert.match(summary([running, ended, ended]), /req\/s.* 2 of 3 processes have ended$/);
  assert.match(summary([ended, ended]), /^ ! every process has ended; this is its last state$/);
});

void test('of too many threads those that are blocked are shown first', () => {
  const idle = Array.from({ length: 20 }, (_, i) => threadView({ name: `worker ${i}` }));
  const blocked = threadView({
    name: 'worker 99',
    holder: held('task', 'job #1', 1e9),
  });
  const view = madeView([], { threads: [...idle, blocked] });
  const lines = threadLines(view, { width: 80, blockedNs: LIMIT_NS, rowsMax: 4 }).map(textOf);
  assert.equal(lines.length, 1 + 4);
  assert.match(lines[1]!, /worker 99 .*! job #1/);
  assert.match(lines[4]!, /… 18 more threads/);
});

void test('before the first window has passed there is nothing to say of it', () => {
  const lines = page(madeView([nameView('GET /', { exits: 5 })], { windowNs: undefined }), 120, 24).join(
    '\n',
  );
  assert.match(lines, /first look/);
  assert.match(lines, /GET \/ +0 +- +- /);
});

void test('what went wrong is said at the bottom', () => {
  const view = madeView([], { isPartial: true, lostExits: 12_345, notes: ['x.region is damaged'] });
  const lines = page(view, 120, 24).join('\n');
  assert.match(lines, /x\.region is damaged/);
  assert.match(lines, /~ too many live tasks/);
  assert.match(lines, /12,345 ended too fast to be read/);
});

void test('a histogram has a bar per step of 1, 2, 5, without empty ends', () => {
  const buckets = Array.from({ length: COST_LIMITS.length + 1 }, () => 0);
  buckets[bucketOf(1.5e6)] = 30;
  buckets[bucketOf(7e6)] = 10;
  const lines = histogramLines(buckets, 80, 3e6).map(textOf);
  assert.equal(lines.length, 3);
  assert.match(lines[0]!, /^ 1\.00 ms to 2\.00 ms +30 {2}75\.0% █+$/);
  assert.match(lines[1]!, /^ 2\.00 ms to 5\.00 ms +0 {3}0\.0% +◄ this task$/);
  assert.equal(lines[0]!.match(/█/g)!.length, 28);
  assert.match(histogramLines([], 80).map(textOf).join(''), /no task has ended yet/);
});

void test('every cost is in the step it belongs to', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e13, noNaN: true }), (ns) => {
      const bucket = bucketOf(ns);
      assert.ok(ns < (COST_LIMITS[bucket] ?? Infinity) && ns >= (COST_LIMITS[bucket - 1] ?? 0));
    }),
  );
  assert.equal(bucketOf(NaN), 0);
});

void test('a line is clipped to the screen, and its text has each span at its place', () => {
  const made = line('ab', ['cd', 'bold']);
  assert.equal(textOf(made), 'abcd');
  assert.equal(textOf(clipped(made, 3)), 'abc');
  assert.equal(textOf({ spans: [{ at: 4, text: 'x', tone: 'plain' }], isSelected: false }), '    x');
});

void test('details fit their screen, and some of the live tasks are always on it', () => {
  const row = nameView('GET /hold', { live: 50 });
  const costs = new Map([[row.key, Array.from({ length: COST_LIMITS.length + 1 }, () => 1)]]);
  const oldest = Array.from({ length: 50 }, (_, i) => {
    return { key: `4711 ${i}`, pid: 4711, id: i, thread: 0, ageNs: 1e9, values: new Float64Array(32) };
  });
  const view = madeView([row], { costs });
  for (const page of ['name', 'task'] as const)
    for (const height of [10, 24, 60]) {
      const state = { ...STATE, page, selected: row.key, selectedTask: '4711 49' };
      const frame = { view, tasks: { oldest, count: 50, isPartial: false } };
      const lines = pageOf(frame, state, { width: 80, height, blockedNs: LIMIT_NS }).map((one) =>
        textOf(clipped(one, 80)),
      );
      assert.equal(lines.length, height);
      assert.match(lines[0]!, /^ GET \/hold/);
      assert.match(lines.at(-1)!, /q quit/);
      if (page === 'name') assert.match(lines.join('\n'), /#49 /, 'the chosen one');
    }
});
