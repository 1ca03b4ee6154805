/**
 * One million live tasks: how long does a refresh of `taskperf top` take, and how much memory? Another process forks that
 * many tasks in a mapped region, as the library does, and goes on to end and start so many per second; the tool's own
 * observer and pages run in a fresh process. Prints the refresh times and the peak of its memory.
 *
 *     node dist/bench/top.js [live tasks] [exits per second] [refreshes]
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Observer } from '#cli/top/observer.js';
import { pageOf } from '#cli/top/pages.js';
import { pollRings } from '#cli/top/poll.js';
import { initialState } from '#cli/top/state.js';
import {
  Cpu,
  CPU_CLOCK,
  DEFAULT_CAPACITIES,
  H_EVENTS,
  Region,
  TASK_CLOCK,
  WAIT,
  internName,
  layoutOf,
} from '#core/index.js';
import { loadAddon } from '#node/addon.js';

const NAMES = 50;
const TICK_MS = 10;
const REFRESH_MS = 1000;
const SIZE = { width: 120, height: 40, blockedNs: 1e8 };
const [LIVE, PER_SECOND, REFRESHES] = [1_000_000, 20_000, 10];
const self = fileURLToPath(import.meta.url);

const [role, ...given] = process.argv.slice(2);
if (role === 'writer') writeTasks(given[0]!, Number(given[1]), Number(given[2]));
else if (role === 'reader') await readThem(given[0]!, Number(given[1]));
else await measure(Number(role ?? LIVE), Number(given[0] ?? PER_SECOND), Number(given[1] ?? REFRESHES));

async function measure(live: number, perSecond: number, refreshes: number): Promise<void> {
  const shared = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const directory = fs.mkdtempSync(path.join(shared, 'taskperf-bench-'));
  const writer = fork(self, ['writer', directory, String(live), String(perSecond)]);
  try {
    await messageOf(writer);
    const reader = fork(self, ['reader', path.join(directory, String(writer.pid)), String(refreshes)]);
    const { timesMs, cpuMs, rssMb, liveSeen, exits } = await messageOf<Measured>(reader);
    const sorted = [...timesMs].sort((a, b) => a - b);
    console.log(`live tasks       ${liveSeen} (made: ${live}), ${exits} ended while it looked`);
    console.log(
      `a refresh        median ${sorted[sorted.length >> 1]!.toFixed(1)} ms, longest ${sorted.at(-1)!.toFixed(1)} ms`,
    );
    console.log(`the first        ${timesMs[0]!.toFixed(1)} ms`);
    console.log(`its CPU time     median ${cpuMs.sort((a, b) => a - b)[cpuMs.length >> 1]!.toFixed(1)} ms`);
    console.log(`the tool's peak  ${rssMb.toFixed(0)} MiB`);
  } finally {
    writer.kill();
    fs.rmSync(directory, { recursive: true });
  }
}

interface Measured {
  readonly timesMs: readonly number[];
  /** Of the refreshes: on a machine that is busy they take longer than that. */
  readonly cpuMs: number[];
  readonly rssMb: number;
  readonly liveSeen: number;
  readonly exits: number;
}

async function messageOf<T>(child: ChildProcess): Promise<T> {
  const [message] = (await once(child, 'message')) as [T];
  return message;
}

/** What `taskperf top` does, but for the terminal, whose library is loaded all the same. */
async function readThem(file: string, refreshes: number): Promise<void> {
  createRequire(import.meta.url)('terminal-kit');
  const observer = new Observer({ title: 'bench', pids: [], files: () => [file] });
  const stop = pollRings(observer, (error) => {
    throw error;
  });
  const timesMs: number[] = [];
  const cpuMs: number[] = [];
  let [liveSeen, exits] = [0, 0];
  for (let i = 0; i < refreshes; i++) {
    const start = performance.now();
    const before = process.cpuUsage();
    const view = observer.refresh();
    pageOf({ view, tasks: undefined }, initialState('cpu', false), SIZE);
    timesMs.push(performance.now() - start);
    const { user, system } = process.cpuUsage(before);
    cpuMs.push((user + system) / 1000);
    liveSeen = view.total.live;
    exits += view.total.windowExits;
    await sleep(REFRESH_MS);
  }
  stop();
  observer.close();
  process.send!({ timesMs, cpuMs, rssMb: process.resourceUsage().maxRSS / 1024, liveSeen, exits });
  process.disconnect();
}

/** Tasks with the counters that `taskperf stat` opens, on a clock that gives each switch 10 µs. */
function writeTasks(directory: string, live: number, perSecond: number): void {
  const addon = loadAddon();
  if (addon === null) throw new Error('this benchmark needs the native addon: npm run build');
  const slots = live + 10_000;
  const capacities = { ...DEFAULT_CAPACITIES, tasks: slots, contexts: slots, counters: 2 * slots + 1000 };
  const buffer = addon.map(`${directory}/making`, layoutOf(capacities).bytes, true);
  if (typeof buffer === 'number') throw new Error(`cannot map: errno ${-buffer}`);
  const region = Region.format(buffer, capacities, {
    pid: process.pid,
    session: 0,
    nodeVersion: process.version,
    startEpochMs: 0,
    startMono: Number(process.hrtime.bigint()),
  });
  const events = [TASK_CLOCK, CPU_CLOCK];
  let now = Number(process.hrtime.bigint());
  let used = 0;
  const read = (raw: Float64Array): number => {
    used += 10_000;
    now += 10_000;
    for (const event of events) raw[event] = used;
    return now;
  };
  const cpu = new Cpu(region, { events, read }, { threadId: 0, tid: 0, name: 'main' });
  region.i32[H_EVENTS] = (1 << TASK_CLOCK) | (1 << WAIT);
  for (const event of [TASK_CLOCK, WAIT])
    cpu.openCounter({ event, task: cpu.root, inherit: true, inheritStat: true });
  const names = Array.from({ length: NAMES }, (_, i) => internName(region, `GET /route/${i}`));
  const tasks = Array.from({ length: live }, (_, i) => cpu.fork(cpu.root, names[i % NAMES]!));
  fs.renameSync(`${directory}/making`, `${directory}/${process.pid}`);
  process.send!('ready');
  let at = 0;
  setInterval(() => {
    for (let i = 0; i < (perSecond * TICK_MS) / 1000; i++, at = (at + 7919) % live) {
      cpu.switchTo(tasks[at]!);
      cpu.exit(tasks[at]!);
      cpu.switchTo(cpu.root);
      tasks[at] = cpu.fork(cpu.root, names[at % NAMES]!);
    }
  }, TICK_MS);
}
