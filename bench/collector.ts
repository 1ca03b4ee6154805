/**
 * Can the tool keep up? Another process ends 50,000 tasks a second (or as many as given) in a mapped region; the tool's
 * own session reads it as `taskperf stat` does. Prints what was read and lost, and the share of one core it took.
 *
 *     node dist/bench/collector.js [exits per second] [seconds]
 */
import { fork } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { RegionSession } from '#cli/regions.js';
import { EVENTS } from '#core/events.js';
import * as L from '#core/layout.js';
import { internName, Region } from '#core/index.js';
import { loadAddon } from '#node/addon.js';

const POLL_MS = 50;
const NAMES = 50;
const COUNTED = EVENTS.slice(0, 4);

if (process.argv[2] === 'writer')
  writeExits(process.argv[3]!, Number(process.argv[4]), Number(process.argv[5]));
else await readExits(Number(process.argv[2] ?? 50_000), Number(process.argv[3] ?? 3));

async function readExits(perSecond: number, seconds: number): Promise<void> {
  const directory = fs.mkdtempSync(
    path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'taskperf-bench-'),
  );
  const events = COUNTED;
  const session = new RegionSession({
    directory,
    session: process.pid,
    events,
    by: 'name',
    intervals: false,
  });
  const writer = fork(fileURLToPath(import.meta.url), [
    'writer',
    directory,
    String(perSecond),
    String(seconds),
  ]);
  const done = new Promise((resolve) => writer.once('exit', resolve));
  const poll = setInterval(() => session.poll(), POLL_MS);
  const before = process.cpuUsage();
  const start = performance.now();
  await done;
  clearInterval(poll);
  const tally = session.finish();
  const used = process.cpuUsage(before);
  const elapsedMs = performance.now() - start;
  fs.rmSync(directory, { recursive: true });
  let seen = 0;
  for (const group of session.collector.groups.values()) seen += group.seen;
  const exits = [...tally.rows.values()].reduce((sum, row) => sum + row.count, 0);
  const core = ((used.user + used.system) / 1000 / elapsedMs) * 100;
  const ns = ((used.user + used.system) * 1000) / seen;
  console.log(
    `exits made       ${exits} in ${(elapsedMs / 1000).toFixed(2)} s (asked: ${perSecond} per second)`,
  );
  console.log(`exits read       ${seen}`);
  console.log(`exits lost       ${tally.lost.events} (unaccounted: ${exits - seen - tally.lost.events})`);
  console.log(
    `the tool's CPU   ${core.toFixed(1)} % of one core, ${ns.toFixed(0)} ns per exit with ${events.length} events`,
  );
}

/** Ends tasks by writing what core/ring.ts writes, at an even pace. */
function writeExits(directory: string, perSecond: number, seconds: number): void {
  const addon = loadAddon();
  if (addon === null) throw new Error('this benchmark needs the native addon: npm run build');
  const layout = L.layoutOf(L.DEFAULT_CAPACITIES);
  const buffer = addon.map(`${directory}/making`, layout.bytes, true);
  if (typeof buffer === 'number') throw new Error(`cannot map: errno ${-buffer}`);
  const header = {
    pid: process.pid,
    session: process.ppid,
    nodeVersion: process.version,
    startEpochMs: 0,
    startMono: 0,
  };
  const region = Region.format(buffer, L.DEFAULT_CAPACITIES, header);
  region.i32[L.threadWord(layout, 0) + L.T_STATE] = L.THREAD_LIVE;
  region.i32[L.H_THREADS_USED] = 1;
  const names = Array.from({ length: NAMES }, (_, i) => internName(region, `GET /route/${i}`));
  fs.renameSync(`${directory}/making`, `${directory}/${process.pid}`);
  const start = performance.now();
  let made = 0;
  const timer = setInterval(() => {
    const elapsedMs = performance.now() - start;
    const due = Math.min(elapsedMs / 1000, seconds) * perSecond;
    for (; made < due; made++) writeExit(region, names[made % NAMES]!, made);
    if (elapsedMs >= seconds * 1000) clearInterval(timer);
  }, 1);
}

function writeExit({ layout, i32, f64 }: Region, name: number, number: number): void {
  const slot = number % layout.ring;
  const word = L.ringWord(layout, 0, slot);
  const double = L.ringF64(layout, 0, slot);
  const totals = L.nameTotalF64(layout, 0, name);
  i32[word + L.E_SEQUENCE] = 0;
  i32[word + L.E_TYPE] = L.RING_EXIT;
  i32[word + L.E_NAME] = name;
  f64[totals + L.NT_F64_EXITS]! += 1;
  f64[totals + L.NT_F64_STARTS]! += 1;
  for (const { id } of COUNTED) {
    // Spread over four decades, as real requests are.
    const value = 10_000 * 10 ** (((number * 7919) % 4000) / 1000);
    f64[double + L.E_F64_VALUES + id] = value;
    f64[totals + L.NT_F64_SUM + id]! += value;
  }
  Atomics.store(i32, word + L.E_SEQUENCE, (number + 1) & 0x7fffffff);
  f64[L.threadF64(layout, 0) + L.T_F64_RING_HEAD] = number + 1;
}
