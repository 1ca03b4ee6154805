/** Pauses as JavaScript learns of them, late, and who had the thread then. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { GcObserver, SliceLog } from '#node/gc-observer.js';
import type { GcPause } from '#node/gc-observer.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (...options: { type: 'minor' }[]) => void;
const nowNs = (): number => Number(process.hrtime.bigint());
/** What the two clocks of a pause may differ by, and what a call of gc() takes besides it. */
const SLACK_NS = 5e6;

test('a slice log knows the last slices, by time', () => {
  const log = new SliceLog<string | null>(3);
  assert.equal(log.ownerAt(100), undefined);
  log.begin('one', 10);
  log.begin(null, 20);
  assert.deepEqual(
    [5, 10, 19.9, 20, 1e15].map((ns) => log.ownerAt(ns)),
    [undefined, 'one', 'one', null, null],
  );
  log.begin('two', 30);
  log.begin('three', 40);
  assert.deepEqual(
    [15, 25, 35, 45].map((ns) => log.ownerAt(ns)),
    [undefined, null, 'two', 'three'],
  );
});

/** The pauses of one call of gc() between two readings of the clock, and those readings. */
async function observed(
  ...options: { type: 'minor' }[]
): Promise<{ pauses: GcPause[]; from: number; to: number }> {
  const pauses: GcPause[] = [];
  const observer = new GcObserver((pause) => pauses.push(pause));
  observer.start();
  await immediate();
  const from = nowNs();
  collect(...options);
  const to = nowNs();
  for (let turn = 0; turn < 5; turn++) await immediate();
  observer.stop();
  return { pauses, from, to };
}

test('a full collection is delivered with its time on the monotonic clock', async () => {
  const { pauses, from, to } = await observed();
  const major = pauses.filter(({ isMajor }) => isMajor);
  assert.equal(major.length, 1, JSON.stringify(pauses));
  const { startNs, durationNs, isMinor } = major[0]!;
  assert.equal(isMinor, false);
  assert.ok(
    startNs > from - SLACK_NS / 50 && startNs < from + SLACK_NS,
    `${startNs - from} ns after the call`,
  );
  assert.ok(
    durationNs > 0 && startNs + durationNs < to + SLACK_NS / 50,
    `${startNs + durationNs - to} ns after its end`,
  );
});

test('a minor one is told apart', async () => {
  const { pauses } = await observed({ type: 'minor' });
  assert.ok(pauses.some(({ isMinor, isMajor }) => isMinor && !isMajor));
});

test('nothing is delivered once stopped', async () => {
  const pauses: GcPause[] = [];
  const observer = new GcObserver((pause) => pauses.push(pause));
  observer.start();
  observer.stop();
  collect();
  for (let turn = 0; turn < 5; turn++) await immediate();
  assert.deepEqual(pauses, []);
});

test('in a worker, which has another time origin, the times are right, too', async () => {
  const program = `
    const { parentPort } = require('node:worker_threads');
    const collect = require('node:vm').runInNewContext('gc'); // flags are the process's
    import(${JSON.stringify(import.meta.resolve('#node/gc-observer.js'))}).then(({ GcObserver }) => {
      const pauses = [];
      new GcObserver((pause) => pauses.push(pause)).start();
      setTimeout(() => {
        const from = Number(process.hrtime.bigint());
        collect();
        setTimeout(() => parentPort.postMessage(pauses.map(({ startNs }) => startNs - from)), 20);
      }, 20);
    });`;
  const worker = new Worker(program, { eval: true });
  const after = await new Promise<number[]>((resolve, reject) => {
    worker.once('message', resolve).once('error', reject);
  });
  assert.ok(
    after.some((ns) => ns > -SLACK_NS / 50 && ns < SLACK_NS),
    after.join(', '),
  );
});

test('a program ends as it would, with pauses that were never delivered', () => {
  const program = `
    const gc = globalThis.gc;
    const { GcObserver } = await import(${JSON.stringify(import.meta.resolve('#node/gc-observer.js'))});
    if (process.argv[1] === 'observed') new GcObserver(() => {}).start();
    process.on('beforeExit', () => { console.log('beforeExit'); gc(); }).on('exit', () => console.log('exit'));
    setTimeout(() => { gc(); console.log('last'); }, 5);
    setTimeout(() => console.log('never'), 1000).unref();`;
  const [plain, watched] = ['plain', 'observed'].map((how) => {
    const flags = ['--expose-gc', '--input-type=module', '-e', program, how];
    return spawnSync(process.execPath, flags, { encoding: 'utf8' }).stdout;
  });
  assert.equal(plain, 'last\nbeforeExit\nexit\n');
  assert.equal(watched, plain);
});
