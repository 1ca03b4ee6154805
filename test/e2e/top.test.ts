/** `taskperf top` on a terminal (tmux): keys in, screen out. */
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from './run-stat.ts';
import { noTmux } from './tmux.ts';
import type { Size } from './tmux.ts';
import { SERVER, WIDE, started, top } from './top-terminal.ts';
import { Watched } from './watched.ts';

const SIZES: Readonly<Record<number, Size>> = {
  80: { width: 80, height: 24 },
  120: WIDE,
  200: { width: 200, height: 50 },
};

for (const [columns, size] of Object.entries(SIZES)) {
  void test(`${columns} columns: threads, names, and as many columns as there is room for`, {
    skip: noTmux,
  }, async (t) => {
    const { server, terminal } = await started(t, { size });
    for (let i = 0; i < 20; i++) await server.get('/cheap');
    const lines = await terminal.shows(/GET \/cheap +0 /, /last \d\.\d s/);
    assert.ok(
      lines.every((line) => line.length <= size.width),
      'nothing is wider than the screen',
    );
    const text = lines.join('\n');
    assert.match(text, /main +\[.*\]/);
    assert.match(text, /name +live +req\/s +▼CPU %/);
    assert.match(lines.at(-1)!, /q quit {2}\? help/);
    assert.equal(/requests/.test(headingOf(lines)), size.width > 80, 'columns since the start');
    assert.equal(/mean/.test(headingOf(lines)), size.width > 120);
    assert.equal(/idle%/.test(text), size.width > 80, 'shares as numbers');
  });
}

function headingOf(lines: readonly string[]): string {
  return lines.find((line) => line.startsWith(' name')) ?? '';
}

void test('keys: sort, filter, freeze, details of a name and of a task, help, resize, quit', {
  skip: noTmux,
}, async (t) => {
  const { server, terminal } = await started(t, { args: ['-d', '0.3'] });
  const first = server.get('/hold');
  await terminal.shows(/GET \/hold +1 /);
  await server.get('/release');
  await first;
  void server.get('/hold').catch(() => undefined); // ends with the server
  for (let i = 0; i < 5; i++) await server.get('/cheap');
  await server.get('/burn?ms=30');
  await terminal.shows(/GET \/hold +1 /, /GET \/burn +0 /, /GET \/cheap +0 /);
  /** A screen may be seen while it is being drawn: waits for its rows, too. */
  const rows = async (heading: RegExp, are: (rows: readonly string[]) => boolean): Promise<void> => {
    await terminal.waitFor((lines) => heading.test(lines.join('\n')) && are(rowsIn(lines)), String(heading));
  };

  // Sorted by the columns to the left: req/s, live, and there is one live task.
  terminal.press('Left', 'Left');
  await rows(/▼live/, (all) => /GET \/hold/.test(all[0] ?? ''));
  terminal.press('r');
  await rows(/▲live/, (all) => /GET \/hold/.test(all.at(-1) ?? ''));
  terminal.press('<');
  const names = 'GET /burn,GET /cheap,GET /hold,GET /release';
  await rows(/name ▼/, (all) => String(all.map((row) => row.trim().split(/ {2,}/)[0])) === names);

  terminal.press('/', 'b', 'u', 'r');
  await rows(/\/bur▏/, (all) => all.length === 1);
  terminal.press('Enter');
  await terminal.shows(/filter: bur/);
  terminal.press('Escape');
  await rows(/^ q quit/m, (all) => all.length === 4);

  terminal.press('Space');
  await terminal.shows(/FROZEN/);
  await delay(500); // it may be seen while it is being drawn
  const frozen = terminal.screen();
  for (let i = 0; i < 5; i++) await server.get('/unseen');
  assert.deepEqual(terminal.screen(), frozen, 'nothing changes while it is frozen');
  terminal.press('P');
  await delay(500);
  assert.deepEqual(terminal.screen(), frozen, 'nor by a key');
  terminal.press('Enter');
  await terminal.shows(/FROZEN/, /live tasks are looked at when it goes on/);
  terminal.press('Escape');
  await terminal.shows(/FROZEN/, /^ q quit/m);
  terminal.press('p');
  await terminal.shows(/GET \/unseen/, / pid {2}/);
  terminal.press('P');

  terminal.press('?');
  await terminal.shows(/keys and columns/, /Ctrl-C +quit/);
  terminal.press('x');
  await terminal.shows(/name ▼/);

  terminal.press('Down', 'Down', 'Enter');
  await terminal.shows(
    /^ GET \/hold/m,
    /1 ended, 1 live/,
    /live tasks, oldest first \(1\)/,
    /#\d+ +[\d.]+ m?s old/,
  );
  terminal.press('Enter');
  await terminal.shows(/^ GET \/hold #\d+/m, /task-clock +[\d.]+ [µm]?s/, /◄ this task/);
  terminal.press('Escape');
  await terminal.shows(/1 ended, 1 live/);
  terminal.press('Escape');
  await terminal.shows(/name ▼/);
  terminal.press('Home', 'Enter');
  await terminal.shows(/^ GET \/burn/m, /\d+\.00 ms to \d+\.00 ms +1 100\.0% █/);
  terminal.press('Escape');

  terminal.resize({ width: 90, height: 20 });
  await terminal.waitFor(
    (lines) => lines.length === 20 && /q quit/.test(lines.at(-1)!),
    'the last line at its new place',
  );
  terminal.press('q');
  assertGivenBack(await terminal.shows(/status 0/, /icanon/));
});

/** The rows of names, without the total. */
function rowsIn(lines: readonly string[]): string[] {
  const from = lines.findIndex((line) => line.startsWith(' name')) + 1;
  const rows = lines.slice(
    from,
    lines.findIndex((line, i) => i >= from && line.trim() === ''),
  );
  return rows.filter((line) => !line.startsWith(' total'));
}

/** The screen that was there before is back, and so is the line discipline. */
function assertGivenBack(lines: readonly string[]): void {
  assert.match(lines[0]!, /^before$/);
  assert.match(lines.join('\n'), /status \d+\n icanon/);
  assert.doesNotMatch(lines.join('\n'), /taskperf top/);
}

void test('the terminal is given back after SIGTERM', { skip: noTmux }, async (t) => {
  const { terminal } = await started(t);
  await terminal.shows(/pid \d+, Node v/);
  process.kill(terminal.pidOf('top'), 'SIGTERM');
  assertGivenBack(await terminal.shows(/status 0/, /icanon/));
});

void test('the terminal is given back when top itself fails, and the error is on it', {
  skip: noTmux,
}, async (t) => {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  const preload = path.join(root, 'test/fixtures/programs/throws-later.cjs');
  const terminal = top(t, server, { env: { NODE_OPTIONS: `--require ${preload}` } });
  const lines = await terminal.shows(/thrown for a test/, /status 1/, /icanon/);
  assertGivenBack(lines);
});

void test('a process that ends: its last state stays until q', { skip: noTmux }, async (t) => {
  const { server, terminal } = await started(t, { args: ['-d', '0.3'] });
  for (let i = 0; i < 5; i++) await server.get('/cheap');
  await terminal.shows(/GET \/cheap +0 .* 5(?: |$)/m);
  await server.stop();
  await terminal.shows(/! process \d+ has ended; this is its last state/, /GET \/cheap +0 .* 5(?: |$)/m);
  terminal.press('q');
  assertGivenBack(await terminal.shows(/status 0/, /icanon/));
});

void test('colours, and none with NO_COLOR', { skip: noTmux }, async (t) => {
  const { server, terminal } = await started(t, { args: ['--blocked', '1ms'] });
  const blocked = server.get('/burn?ms=1500');
  // Without the addon it is not known who.
  await terminal.shows(/! (?:GET \/burn #\d+|no answer) for/);
  const [before = ''] = terminal.coloredScreen().split(/! (?:GET|no answer)/);
  assert.match(before.slice(-12), /91m/, 'bright red');
  await blocked;
  const plain = top(t, server, { env: { NO_COLOR: '1' } });
  await plain.shows(/last \d\.\d s/);
  const codes = plain.coloredScreen().split('\u001b').slice(1);
  assert.ok(codes.length > 0, 'bold and underlined it may be');
  // 39 and 49 are the terminal's own colours.
  for (const code of codes) assert.doesNotMatch(code, /^\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9\d|10\d)[;m]/);
});

void test('several sessions: a list to choose from', { skip: noTmux }, async (t) => {
  const [first] = await Watched.startTwo(t, SERVER);
  const terminal = top(t, first);
  await terminal.shows(
    /Running under taskperf:/,
    /1 +\d+ +node .*top-server/,
    /2 +\d+ +node/,
    /watch which \(1 to 2, q\)\?/,
  );
  terminal.press('2', 'Enter');
  await terminal.shows(/taskperf top: node/, /pid \d+, Node v/);
  terminal.press('q');
  await terminal.shows(/status 0/);
});

void test('Ctrl-Z where no shell could let it go on: it goes on by itself', { skip: noTmux }, async (t) => {
  // The terminal's shell has no job control: its group is an orphan, as that of `tmux new 'taskperf top'`.
  const { server, terminal } = await started(t, { args: ['-d', '0.2'] });
  await server.get('/cheap');
  await terminal.shows(/GET \/cheap/, /^ q quit/m);
  terminal.press('C-z');
  await server.get('/burn?ms=1');
  await terminal.shows(/GET \/burn/, /^ q quit/m);
});
