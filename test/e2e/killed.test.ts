/**
 * A program that is killed or crashes in the middle of its work: the table still appears, with what had been counted up to
 * the last slice, and says how the program died.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import { constants } from 'node:os';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertBalanced, rowOf, stat } from './run-stat.js';
import type { Result } from './run-stat.js';

const FIXTURE = 'test/fixtures/programs/dying.mjs';
const WORKS = 12;
const HANGS = 3;
const BURNED_NS = 5e6;
/** Without the addon the file is as of the last copy, of which there is one every 100 ms: what came since is lost. */
const hasAddon = process.env['TASKPERF_NO_ADDON'] !== '1';
const FLUSHED_MS = 500;

/** Requests that are answered, some that hang, and one that brings the end. */
async function dying(how: string, shell: (node: string) => string): Promise<Result> {
  const script = `ulimit -c 0; ${shell(`"$0" ${FIXTURE}`)}`;
  return await stat(['-c', script, process.execPath], {
    command: 'sh',
    load: async (port) => {
      for (let i = 0; i < WORKS; i++) await answered(port, '/work');
      if (!hasAddon) await sleep(FLUSHED_MS);
      for (let i = 0; i < HANGS; i++) await once(send(port, `/hang/${i}`), 'response');
      const last = send(port, `/die/${how}`);
      await once(last, 'error');
    },
    end: () => {},
  });
}

function send(port: number, path: string): http.ClientRequest {
  return http.get({ port, path, agent: false }).on('error', () => {});
}

async function answered(port: number, path: string): Promise<void> {
  const [response] = (await once(send(port, path), 'response')) as [http.IncomingMessage];
  response.resume();
  await once(response, 'end');
}

function check({ document, code }: Result, signals: readonly string[]): void {
  const { signal } = document.exit;
  assert.ok(signal !== null && signals.includes(signal), `killed by ${signal}`);
  assert.equal(code, 128 + constants.signals[signal as NodeJS.Signals]);
  assertBalanced(document);
  const work = rowOf(document, 'GET /work');
  assert.equal(work.count, WORKS);
  const isExact = document.events.find(({ name }) => name === 'task-clock')!.kind === 'exact';
  const clock = (row: { counters: Record<string, { value: number }> }): number =>
    row.counters['task-clock']!.value;
  if (isExact) assert.ok(clock(work) >= WORKS * BURNED_NS, `${clock(work)} ns for ${WORKS} requests`);
  if (!hasAddon) return;
  const live = document.tasks.filter((row) => row.live > 0);
  assert.equal(
    live.reduce((sum, row) => sum + row.live, 0),
    HANGS + 1,
    'those that were never answered',
  );
  const inFlight = live.reduce((sum, row) => sum + clock(row), 0);
  if (isExact) assert.ok(inFlight >= HANGS * BURNED_NS, `${inFlight} ns for those in flight`);
}

const exec = (node: string): string => `exec ${node}`;

test('SIGKILL in the middle of a slice', async () => {
  check(await dying('kill', exec), ['SIGKILL']);
});

test('a crash: SIGSEGV', async () => {
  check(await dying('segv', exec), ['SIGSEGV']);
});

test('an abort', async () => {
  check(await dying('abort', exec), ['SIGABRT']);
});

describe('memory', () => {
  test("V8's heap is full", async () => {
    const result = await dying('heap', (node) => exec(node.replace('"$0"', '"$0" --max-old-space-size=48')));
    check(result, ['SIGABRT', 'SIGTRAP', 'SIGILL']);
  });

  test('the address space is full', async () => {
    // Node 22 makes an instance of WebAssembly with the first request: 10 GB of addresses, if faults are to trap there.
    const program = (node: string): string => exec(node.replace('"$0"', '"$0" --disable-wasm-trap-handler'));
    check(await dying('heap', (node) => `ulimit -v 2500000; ${program(node)}`), [
      'SIGABRT',
      'SIGTRAP',
      'SIGILL',
      'SIGSEGV',
    ]);
  });

  const group = memoryGroup();
  test('the out-of-memory killer of a cgroup', {
    skip: typeof group === 'string' ? false : group.skip,
  }, async () => {
    try {
      check(await dying('memory', (node) => `echo $$ >${group as string}/cgroup.procs; ${exec(node)}`), [
        'SIGKILL',
      ]);
    } finally {
      // Empty once its last process has been waited for.
      fs.rmdirSync(group as string);
    }
  });
});

/** A cgroup of 160 MB, version 1 or 2, or why there is none. */
function memoryGroup(): string | { skip: string } {
  for (const [root, limit] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = `${root}/taskperf-test-${process.pid}`;
    try {
      fs.mkdirSync(group);
    } catch {
      continue;
    }
    try {
      fs.writeFileSync(`${group}/${limit}`, '160000000', { flag: 'r+' });
      return group;
    } catch {
      fs.rmdirSync(group);
    }
  }
  return { skip: 'no cgroup can be made here' };
}
