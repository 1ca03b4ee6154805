// Terminates workers at random moments while they count for tasks of this thread and have counters open on them, and looks
// for what is left: `node test/soak/terminate.mjs [rounds] [seed]` (`npm run soak:terminate`: 100,000). Prints one JSON line.
//
// What must be the same at the end as after the first rounds: thread slots, descriptors but for those of module files, and
// slots of the region in use but for those that were in a dead thread's hands: of each kind fewer than two in a hundred
// rounds. How many slots were ever used says little: each thread slot keeps on its free lists what its busiest thread once
// needed.
import fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import {
  H_COUNTERS_USED,
  H_LOST_SLICES,
  H_BYTE_MESSAGE,
  H_OFF,
  H_TASKS_USED,
  THREAD_LIVE,
  T_STATE,
  threadWord,
} from '#core/index.js';
import { currentTask, openCounter, spawn } from 'taskperf';
import { slotsOf } from './slots.mjs';

const [rounds, seed] = [Number(process.argv[2] ?? 300), Number(process.argv[3] ?? 1)];
const AT_ONCE = 4;
const SETTLE = 40;
const workerFile = new URL('terminate-worker.mjs', import.meta.url);
let state = seed >>> 0;

// Held open throughout: the hooks and the reaper are installed.
const held = openCounter({ event: 'task-clock', thread: true });
const { thread } = globalThis[Symbol.for('taskperf.thread')];
const { i32, layout } = thread.cpu.region;

const startedAt = performance.now();
let done = 0;
let first;
await Promise.all(Array.from({ length: AT_ONCE }, lane));
await settled();
const last = { ...census(), slots: slotsOf(thread.cpu.region) };
console.log(
  JSON.stringify({ rounds, seconds: Math.round((performance.now() - startedAt) / 1000), first, last }),
);
held.close();
if (i32[H_OFF] === 1)
  throw new Error(
    `switched off: ${Buffer.from(thread.cpu.region.u8.subarray(H_BYTE_MESSAGE, H_BYTE_MESSAGE + 200)).toString()}`,
  );

async function lane() {
  while (done < rounds) {
    const round = done++;
    await spawn('round', () => oneRound());
    if (round === SETTLE) first = census();
    if (round % 1000 === 999) console.error(JSON.stringify({ round: round + 1, ...census() }));
  }
}

async function oneRound() {
  const counter = openCounter({ event: 'task-clock', inherit: true });
  const worker = new Worker(workerFile, { workerData: { task: currentTask().token(), seed: random() } });
  worker.on('error', (error) => {
    if (i32[H_OFF] === 1)
      console.error(
        Buffer.from(thread.cpu.region.u8.subarray(H_BYTE_MESSAGE, H_BYTE_MESSAGE + 200)).toString(),
      );
    throw error;
  });
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  // Half of them while they start, half while they work.
  if (random() % 2 === 0) await new Promise((resolve) => worker.once('message', resolve));
  await new Promise((resolve) => setTimeout(resolve, random() % 20));
  await worker.terminate();
  await gone;
  if (!(counter.read().value >= 0)) throw new Error('a counter of a task lost its value');
  counter.close();
}

/** Deterministic but for the machine's own timing: xorshift. */
function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>>= 0);
}

async function settled() {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  thread.cpu.fold();
}

function census() {
  let threads = 0;
  for (let index = 0; index < layout.threads; index++)
    if (i32[threadWord(layout, index) + T_STATE] === THREAD_LIVE) threads++;
  return {
    threads,
    tasks: i32[H_TASKS_USED],
    counters: i32[H_COUNTERS_USED],
    foreign: thread.cpu.foreign,
    ...descriptors(),
    rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    lostSlices: i32[H_LOST_SLICES],
  };
}

/**
 * Node.js 20 leaves the files open that a worker's module loader was opening when it was terminated: without taskperf, too
 * (v20.20.2: 1,033 of 1,000 workers that import 60 files; 22, 24 and 26: none).
 */
function descriptors() {
  const open = fs.readdirSync('/proc/self/fd').map((name) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      // The one the folder was read by.
      return '';
    }
  });
  const moduleFiles = open.filter((path) => /\.m?js$/.test(path)).length;
  return { descriptors: open.length - moduleFiles, moduleFiles };
}
