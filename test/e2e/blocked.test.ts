/** Loops that do not answer: named while it lasts, listed at the end, with their stacks, without a trace in the program. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { RegionReader } from '#cli/reader.js';
import { Stacks } from '#cli/stacks.js';
import type { Stack } from '#cli/stacks.js';
import { WHO_TASK, runningOf } from '#core/index.js';
import { loadAddon } from '#node/addon.js';
import { assertBalanced, rowOf, stat } from './run-stat.js';
import type { Document } from './run-stat.js';

interface Section {
  startNs: number;
  wallNs: number;
  cpuNs: number | null;
  parked: boolean | null;
  name: string;
  id: number | null;
  thread: string;
  stack?: { frames: string[]; missing: string | null };
}
interface Blockage extends Section {
  gcNs: number | null;
  waited: number;
  untilEnd: boolean;
}
interface BlockedDocument extends Document {
  elapsedNs: number;
  blockages: Blockage[];
  blocked: { limitNs: number; count: number; ns: number };
  waitedBehind: { name: string; behind: string; count: number; waitNs: number; atMostNs: number }[];
  intervals?: { startNs: number; endNs: number; blocked: Section[] }[];
}

const hasAddon = process.env['TASKPERF_NO_ADDON'] !== '1';
const server = ['--expose-gc', 'test/fixtures/programs/blocking-server.mjs'];
const MS = 1e6;
const IDLE_MS = 300;

/** It may have been taken in what the function calls. */
function assertStack(stack: Section['stack'], name: string): void {
  assert.ok(
    stack?.frames.some((frame) => frame.startsWith(`${name} (`)),
    JSON.stringify(stack),
  );
}

/** Each on a connection of its own, so that none waits for the answer to another. */
function get(port: number, path: string, onSent: () => void = () => {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(body));
    });
    request.on('error', (error) => {
      onSent();
      reject(error);
    });
    request.on('finish', onSent);
  });
}

/** A request that has begun to burn, for so long and until there is the file, alone in a folder of its own. */
async function burningUntilFile(
  port: number,
  ms: number,
): Promise<{ burning: Promise<string>; file: string }> {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-blocked-')), 'over');
  const burning = get(port, `/burn?ms=${ms}&until=${file}`);
  while (!fs.existsSync(`${file}.begun`)) await delay(5);
  return { burning, file };
}

async function run(
  options: { args?: string[]; program?: string[]; end?: () => void },
  load: (port: number, said: string) => Promise<void>,
): Promise<BlockedDocument> {
  const { document, code } = await stat([...server, ...(options.program ?? [])], {
    args: options.args ?? [],
    load: (port, _child, said) => load(port, said),
    ...(options.end === undefined ? {} : { end: options.end }),
  });
  assertBalanced(document);
  assert.ok(code !== null);
  return document as BlockedDocument;
}

function blockageBy(document: BlockedDocument, name: string): Blockage {
  const found = document.blockages.find((one) => one.name === name);
  assert.ok(found, `a blockage by ${name} among ${JSON.stringify(document.blockages)}`);
  return found;
}

test('the longest blockages: when, how long, by whom, computing or parked, and who waited', async () => {
  const document = await run({}, async (port) => {
    for (const target of ['/fast', '/burn?ms=1']) assert.equal(await get(port, target), 'ok');
    // Until the others have been sent, however long that takes.
    const { burning, file } = await burningUntilFile(port, 400);
    const behind: Promise<string>[] = [];
    await Promise.all(
      Array.from({ length: 10 }, () => new Promise<void>((sent) => behind.push(get(port, '/fast', sent)))),
    );
    fs.writeFileSync(file, '');
    assert.deepEqual(
      await Promise.all([burning, ...behind]),
      Array.from({ length: 11 }, () => 'ok'),
    );
    fs.rmSync(path.dirname(file), { recursive: true });
    await delay(IDLE_MS);
    await get(port, '/park?ms=300');
    await get(port, '/exec?ms=200');
  });
  const [burn, park, exec] = ['/burn', '/park', '/exec'].map((path) => blockageBy(document, `GET ${path}`));
  for (const [blockage, ms] of [
    [burn!, 400],
    [park!, 300],
    [exec!, 200],
  ] as const) {
    assert.ok(blockage.wallNs >= 0.99 * ms * MS, `${blockage.name}: ${blockage.wallNs}`);
    assert.ok(blockage.startNs > 0 && blockage.startNs + blockage.wallNs <= document.elapsedNs);
    assert.equal(typeof blockage.id, 'number');
    assert.equal(blockage.untilEnd, false);
  }
  assert.ok(burn!.waited >= 10, JSON.stringify([document.blockages, document.waitedBehind]));
  const wait = document.waitedBehind.find(
    ({ name, behind }) => name === 'GET /fast' && behind === 'GET /burn',
  )!;
  assert.ok(wait.count >= 10 && wait.atMostNs >= 10 * 0.99 * 400 * MS && wait.waitNs <= wait.atMostNs);
  // The loop had nothing to do before that one came, though for a shorter time than it had been blocked.
  assert.ok(
    !document.waitedBehind.some(({ name, behind }) => name === 'GET /park' && behind === 'GET /burn'),
  );
  if (!hasAddon) {
    assert.deepEqual([burn!.cpuNs, burn!.gcNs], [null, null]);
    return;
  }
  // What it computed is the task's own CPU time; little else is in its section.
  const task = rowOf(document, 'GET /burn').counters['task-clock']!.value;
  assert.ok(Math.abs(burn!.cpuNs! - task) < 40 * MS, `${burn!.cpuNs} of ${task}`);
  for (const one of [park!, exec!]) {
    assert.equal(one.parked, true, JSON.stringify(one));
    assert.ok(one.cpuNs! < 0.2 * one.wallNs, JSON.stringify(one));
  }
  assert.equal(burn!.parked, false);
});

test('who had a loop for most of a stretch is named, however many short ones came after; none waited that could not', async () => {
  const { document, stdout } = await stat(['test/fixtures/programs/long-then-short.mjs']);
  const { waitedBehind } = document as BlockedDocument;
  const { wallNs } = blockageBy(document as BlockedDocument, 'long');
  assert.ok(wallNs >= 0.99 * (300 + (hasAddon ? 40 * 3 : 0)) * MS, `${wallNs}`);
  assert.equal(stdout, 'done\n');
  // JavaScript's clock takes each job for a stretch of its own.
  const behind = waitedBehind.filter((one) => one.behind === 'long' || one.behind === 'short');
  if (hasAddon) assert.deepEqual(behind, [], 'each was started after the one before had ended');
});

test('blockages shorter than --blocked are in no list', async () => {
  const document = await run({ args: ['--blocked', '10s'] }, async (port) => {
    await get(port, '/park?ms=200');
  });
  assert.deepEqual(document.blockages, []);
  assert.deepEqual(document.blocked, { limitNs: 10_000 * MS, count: 0, ns: 0 });
});

describe('what only the native boundaries see', {
  skip: !hasAddon && 'without the addon it cannot be known',
}, () => {
  test('garbage collection has its share of the time', async () => {
    const document = await run({}, async (port) => {
      await get(port, '/gc?ms=300');
    });
    const { gcNs, cpuNs, wallNs } = blockageBy(document, 'GET /gc');
    assert.ok(gcNs! > 0.1 * wallNs && gcNs! <= wallNs, `${gcNs} of ${wallNs} (CPU ${cpuNs})`);
  });

  test('-I and --stack name a blocked loop while it is, and where it is', async () => {
    const document = await run({ args: ['-I', '200', '--stack'] }, async (port) => {
      await get(port, '/burn?ms=1500');
    });
    const seen = document.intervals!.flatMap((interval) =>
      interval.blocked.map((one) => ({ ...one, interval })),
    );
    const named = seen.filter(({ name, thread }) => name === 'GET /burn' && thread === 'main');
    assert.ok(named.length >= 2, JSON.stringify(seen));
    for (const { startNs, wallNs, interval } of named)
      assert.ok(Math.abs(startNs + wallNs - interval.endNs) < 200 * MS, 'as of the end of the interval');
    const blockage = blockageBy(document, 'GET /burn');
    assertStack(blockage.stack, 'burnFor');
    assert.ok(blockage.stack!.frames.some((frame) => /blocking-server\.mjs:\d+:\d+\)$/.test(frame)));
  });

  test('a parked thread has the stack in which it parked, or none; never one of before', async () => {
    const document = await run({ args: ['--stack'] }, async (port) => {
      await get(port, '/burn?ms=1500');
      await get(port, '/exec?ms=1200');
    });
    assertStack(blockageBy(document, 'GET /burn').stack, 'burnFor');
    const { frames, missing } = blockageBy(document, 'GET /exec').stack!;
    assert.deepEqual(frames, []);
    assert.match(missing!, /parked in a system call, or in native code/);
  });

  test('a worker’s loop is one of its own', async () => {
    const document = await run({ args: ['--stack'], program: ['--worker'] }, async (port) => {
      assert.equal(await get(port, '/worker?ms=700'), 'ok');
    });
    const blockage = document.blockages.find(
      ({ thread, wallNs }) => thread === 'worker 1' && wallNs >= 650 * MS,
    );
    assert.ok(blockage, JSON.stringify(document.blockages));
    assert.equal(blockage.name, '(no task)');
    assertStack(blockage.stack, 'burnInWorker');
    assert.ok(!document.blockages.some(({ thread, wallNs }) => thread === 'main' && wallNs >= 650 * MS));
  });

  test('killed in the middle of one: it is listed, until the end', async () => {
    const document = await run({ args: ['--stack'], end: () => {} }, async (port, said) => {
      const pid = Number(/pid (\d+)/.exec(said)![1]);
      const { burning, file } = await burningUntilFile(port, 20_000);
      const ended = burning.catch((error: NodeJS.ErrnoException) => error.code);
      fs.rmSync(path.dirname(file), { recursive: true });
      await delay(1000);
      process.kill(pid, 'SIGKILL');
      assert.equal(await ended, 'ECONNRESET');
    });
    assert.equal(document.exit.signal, 'SIGKILL');
    const { wallNs, untilEnd, stack, startNs } = blockageBy(document, 'GET /burn');
    assert.equal(untilEnd, true);
    assert.ok(wallNs > 500 * MS && startNs + wallNs <= document.elapsedNs, `${startNs} + ${wallNs}`);
    assertStack(stack, 'burnFor');
  });

  test('workers that are terminated while their stacks are asked for', async () => {
    const { document, stdout, code } = await stat(['test/fixtures/programs/terminated-workers.mjs'], {
      args: ['--stack', '--blocked', '20ms'],
    });
    assert.equal(stdout, '12 ended\n');
    assert.equal(code, 0);
    const { blockages } = document as BlockedDocument;
    assert.ok(
      blockages.some(
        ({ thread, stack }) =>
          thread !== 'main' && stack?.frames.some((frame) => frame.startsWith('block (')),
      ),
    );
  });

  test('a program that was started without --stack is asked from outside: it answers from its next stretch on', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-blocked-'));
    const stacks = new Stacks(loadAddon());
    const { stdout } = await stat(server, {
      env: { TASKPERF_DIR: directory },
      load: async (port, _child, said) => {
        const reader = RegionReader.open(path.join(directory, /pid (\d+)/.exec(said)![1]!));
        const look = (): Stack | undefined => {
          reader.refresh();
          const slot = reader.thread(0)!;
          const running = runningOf(slot);
          return running?.kind === WHO_TASK ? stacks.of(reader, 0, slot, running) : undefined;
        };
        /** What is said at last, while the loop is blocked. */
        const lookWhile = async (request: Promise<string>): Promise<Stack | undefined> => {
          let last: Stack | undefined;
          let isOver = false;
          void request.then(() => (isOver = true));
          while (!isOver) {
            last = look() ?? last;
            await delay(20);
          }
          return last;
        };
        const first = await lookWhile(get(port, '/burn?ms=2500'));
        assert.match(first!.missing!, /started without --stack/);
        await get(port, '/fast');
        const second = await lookWhile(get(port, '/burn?ms=2500'));
        assert.ok(
          second!.frames.some((frame) => frame.startsWith('burnFor (')),
          JSON.stringify(second),
        );
        reader.close();
      },
    });
    assert.match(stdout, /^listening/);
    fs.rmSync(directory, { recursive: true });
  });

  test('no thread of ours is there unless stacks are asked for', () => {
    const count = `console.log(require('fs').readdirSync('/proc/self/task').map((tid) =>
      require('fs').readFileSync('/proc/self/task/' + tid + '/comm', 'utf8').trim()).filter((name) => name === 'taskperf').length)`;
    const threads = (args: string[]): string =>
      execFileSync(
        process.execPath,
        ['dist/cli/main.js', 'stat', '-o', '/dev/null', ...args, '--', process.execPath, '-e', count],
        {
          encoding: 'utf8',
        },
      );
    assert.equal(threads([]), '0\n');
    assert.equal(threads(['--stack']), '1\n');
  });
});
