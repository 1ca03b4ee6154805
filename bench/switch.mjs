// What one task switch costs, over what one reading of the clock costs, and whether it stays so with a million tasks:
// `npm run bench -- switch`. Runs the built core on the built addon, in a region mapped as `taskperf stat` maps it.
//
// All figures are ns, taken alternately in one process and repeated; the median and quartiles of the repeats count.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeBinaries, pinned, root, save, spread, twoCores } from './machine.mjs';

const REPEATS = 31;
const CALLS = 100_000;
const FEW = 1000;
const MANY = 1_000_000;
/** Tasks that take turns, spread evenly over all that are alive. */
const TAKING_TURNS = 100;

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    'no-save': { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
  },
});

if (options.child) console.log(JSON.stringify(await measure()));
else for (const node of nodeBinaries(options.node)) runOn(node);

function runOn(node) {
  const [program, ...args] = pinned(twoCores().target, node.path);
  const file = fileURLToPath(import.meta.url);
  const run = spawnSync(program, [...args, file, '--child'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (run.status !== 0) throw new Error(`the switch benchmark ended with ${run.status ?? run.signal}`);
  const result = { node: node.version, ...JSON.parse(run.stdout) };
  print(result);
  if (!options['no-save']) save(`switch-${node.major}`, result);
}

/** In the process that is measured. */
async function measure() {
  const core = await import(join(root, 'dist', 'core', 'index.js'));
  const { loadAddon } = await import(join(root, 'dist', 'node', 'addon.js'));
  const { NativePmu } = await import(join(root, 'dist', 'node', 'native-pmu.js'));
  const addon = loadAddon();
  if (addon === null) throw new Error('the addon is not built: npm run build says why');
  const host = { core, addon, clock: null, NativePmu };
  const few = machineOf(host, FEW);
  const many = machineOf(host, MANY);
  const subjects = {
    read: () => readings(addon),
    few: () => switches(few, few.turns),
    many: () => switches(many, many.turns),
    fewShuffled: () => switches(few, few.shuffled),
    manyShuffled: () => switches(many, many.shuffled),
    two: () => switches(few, few.turns.slice(0, 2)),
  };
  const samples = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
  const rest = [];
  for (let repeat = -3; repeat < REPEATS; repeat++) {
    for (const [name, subject] of Object.entries(subjects))
      (repeat < 0 ? rest : samples[name]).push(subject());
  }
  const ratio = (a, b) => spread(samples[a].map((value, repeat) => value / samples[b][repeat]));
  return {
    repeats: REPEATS,
    nanoseconds: Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, spread(values)])),
    switchOverRead: ratio('two', 'read'),
    millionOverThousand: ratio('many', 'few'),
    millionOverThousandShuffled: ratio('manyShuffled', 'fewShuffled'),
    region: { tasks: MANY, countersPerTask: 2, bytes: many.bytes },
  };
}

/** A thread with so many live tasks, each with a task-clock and a cpu-clock counter of its own. */
function machineOf(host, tasks) {
  const { core, addon } = host;
  const capacities = {
    threads: 1,
    names: 16,
    tasks: tasks + 1,
    contexts: tasks + 1,
    // The thread's own task has two more, and each of those keeps its family's sums in a slot.
    counters: 2 * tasks + 4,
    ring: 16,
  };
  const { bytes } = core.layoutOf(capacities);
  const file = join('/dev/shm', `taskperf-bench-switch-${process.pid}`);
  const buffer = addon.map(file, bytes, true);
  rmSync(file, { force: true });
  if (typeof buffer === 'number') throw new Error(`cannot map ${bytes} bytes at ${file}: errno ${-buffer}`);
  const header = {
    pid: process.pid,
    session: 0,
    nodeVersion: process.version,
    startEpochMs: 0,
    startMono: 0,
  };
  const region = core.Region.format(buffer, capacities, header);
  const cpu = new core.Cpu(region, clockOf(host, region), {
    threadId: 0,
    tid: addon.threadId(),
    name: 'main',
  });
  for (const event of [core.TASK_CLOCK, core.CPU_CLOCK])
    cpu.openCounter({ event, task: cpu.root, inherit: true, inheritStat: true });
  const handles = Int32Array.from({ length: tasks }, () => cpu.fork(cpu.root, core.NAME_OTHER));
  if (handles.some((handle) => handle === 0)) throw new Error(`no room for ${tasks} tasks in ${bytes} bytes`);
  const every = tasks / TAKING_TURNS;
  const turns = Int32Array.from({ length: TAKING_TURNS }, (_, index) => handles[index * every]);
  return { cpu, bytes, turns, shuffled: shuffle(handles) };
}

/** A thread has one clock, opened on its first region; the second region's core reads the same. */
function clockOf(host, region) {
  const { core, addon } = host;
  const openThread = (index) => addon.open(region.buffer, core.threadF64(region.layout, index) * 8);
  const bind = host.clock === null ? (index) => host.clock.bind(index) : () => {};
  host.clock ??= new host.NativePmu(addon, { region, openThread });
  const { clock } = host;
  return { events: clock.events, bind, read: (raw) => clock.read(raw) };
}

function readings(addon) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < CALLS; i++) addon.charge();
  return Number(process.hrtime.bigint() - start) / CALLS;
}

function switches({ cpu }, handles) {
  const { length } = handles;
  const start = process.hrtime.bigint();
  for (let i = 0, turn = 0; i < CALLS; i++) {
    cpu.switchTo(handles[turn]);
    turn = turn + 1 === length ? 0 : turn + 1;
  }
  return Number(process.hrtime.bigint() - start) / CALLS;
}

/** The same order in every run. */
function shuffle(handles) {
  let state = 1;
  for (let i = handles.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [handles[i], handles[j]] = [handles[j], handles[i]];
  }
  return handles;
}

function print({ node, nanoseconds, ...rest }) {
  const line = (label, { median, q1, q3 }, digits) =>
    console.log(
      `  ${label.padEnd(46)} ${median.toFixed(digits)} [${q1.toFixed(digits)} … ${q3.toFixed(digits)}]`,
    );
  console.log(`\n${node}`);
  line('one reading of the clock, ns', nanoseconds.read, 1);
  line('one switch between two counted tasks, ns', nanoseconds.two, 1);
  line('switch over reading', rest.switchOverRead, 2);
  line('a million live tasks over a thousand', rest.millionOverThousand, 3);
  line('the same, each switch to another of them all', rest.millionOverThousandShuffled, 3);
  console.log(`  a million tasks with two counters each: ${(rest.region.bytes / 2 ** 20).toFixed(1)} MiB`);
}
