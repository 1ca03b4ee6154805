/** `taskperf top` on a terminal (tmux): keys in, screen out. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { TestContext } from 'node:test';
import { Terminal, noTmux } from './tmux.ts';
import type { Size } from './tmux.ts';
import { Watched, cli } from './watched.ts';

const SERVER = 'test/fixtures/programs/top-server.cjs';
const WIDE: Size = { width: 120, height: 40 };

interface Started {
  readonly server: Watched;
  readonly terminal: Terminal;
}

/** A server and `top` on it, both ended with the test. */
async function started(t: TestContext, size: Size, ...args: string[]): Promise<Started> {
  const server = await Watched.start(SERVER);
  t.after(() => server.dispose());
  return { server, terminal: top(t, server, size, ...args) };
}

function top(t: TestContext, server: Watched, size: Size, ...args: string[]): Terminal {
  const terminal = new Terminal([process.execPath, cli, 'top', ...args], size, server.env);
  t.after(() => terminal.kill());
  return terminal;
}

void test('a task that blocks the loop for 10 s is named within one refresh', { skip: noTmux }, async (t) => {
  const { server, terminal } = await started(t, WIDE);
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
  const cpu = await terminal.waitFor((screen) => cpuOf(screen, 'GET /burn') > 5, 'CPU of the task that blocks');
  assert.ok(cpuOf(cpu, 'GET /burn') <= 110, 'no more than a CPU');
  await blocked;
  await terminal.shows(/main +\[[^\]]*\][^!]* (idle|event loop|GET)/);
});

/** The column after req/s. */
function cpuOf(lines: readonly string[], name: string): number {
  const row = lines.find((line) => line.startsWith(` ${name} `));
  return Number(row?.slice(name.length + 1).trim().split(/ +/)[2]);
}
