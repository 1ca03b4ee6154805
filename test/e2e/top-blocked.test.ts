/** What `taskperf top` says while an event loop does not answer. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { noTmux } from './tmux.ts';
import { started } from './top-terminal.ts';

/** The program then writes its counts from its own loop: who blocks that cannot be seen. */
const withoutAddon = process.env['TASKPERF_NO_ADDON'] === '1';
const skip =
  noTmux !== false ? noTmux : withoutAddon ? 'who has a thread is not known without the addon' : false;

void test('a task that blocks the loop for 10 s is named within one refresh', { skip }, async (t) => {
  const { server, terminal } = await started(t);
  await terminal.shows(/pid \d+, Node v/, /last 1\.\d s/);
  const askedMs = Date.now();
  const blocked = server.get('/burn?ms=10000');
  const lines = await terminal.shows(/! GET \/burn #\d+ for [\d.]+ m?s/);
  const tookMs = Date.now() - askedMs;
  // One refresh of 1 s, the limit of 100 ms, and drawing, on a machine that may be busy.
  assert.ok(tookMs < 5000, `${tookMs} ms`);
  assert.match(lines.join('\n'), /GET \/burn +1 /, 'it is alive, too');
  // It goes on being named, and its time goes on, though no book has it.
  await terminal.shows(/! GET \/burn #\d+ for [4-9]\.\d+ s/);
  const cpu = await terminal.waitFor(
    (screen) => cpuOf(screen, 'GET /burn') > 5,
    'CPU of the task that blocks',
  );
  assert.ok(cpuOf(cpu, 'GET /burn') <= 110, 'no more than a CPU');
  await blocked;
  await terminal.shows(/main +\[[^\]]*\][^!]* (idle|event loop|GET)/);
});

void test('without the addon: that a loop does not answer', { skip: noTmux }, async (t) => {
  const { server, terminal } = await started(t, { env: { TASKPERF_NO_ADDON: '1' } });
  await terminal.shows(/\] .* answers$/m, /who has a thread is not known without the native addon/);
  const blocked = server.get('/burn?ms=2500');
  await terminal.shows(/! no answer for [\d.]+ m?s$/m);
  await blocked;
  await terminal.shows(/\] .* answers$/m, /GET \/burn +0 /);
});

/** The column after req/s. */
function cpuOf(lines: readonly string[], name: string): number {
  const row = lines.find((line) => line.startsWith(` ${name} `));
  return Number(
    row
      ?.slice(name.length + 1)
      .trim()
      .split(/ +/)[2],
  );
}

void test('with --stack: where it is', { skip }, async (t) => {
  const { server, terminal } = await started(t, { statArgs: ['--stack'], args: ['--stack'] });
  await terminal.shows(/last \d\.\d s/);
  const blocked = server.get('/burn?ms=3000');
  await terminal.shows(
    /! GET \/burn #\d+ for/,
    /^ {5}at (?:process\.)?cpuUsage .*|^ {5}at burn \(.*top-server\.cjs:\d+:\d+\)/m,
  );
  await blocked;
});
