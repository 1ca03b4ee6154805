/** What the runtime offers and where the counts go: Node, addon, rseq, V8's callbacks, the directory. */
import { good, lacking } from './check.ts';
import type { Check } from './check.ts';
import type { Facts } from './facts.ts';
import type { Machine } from './machine.ts';
import type { Probe } from './probe.ts';
import { permissionsFor, refusalOf } from './refusal.ts';

const FRAMES_MAJOR = 24;
const COSTS_ADDON =
  "times come from JavaScript's clocks and are estimated; so are page faults, switches, collections and allocation; " +
  'no counter of the processor';
const ESTIMATED =
  'CPU time is asked for once per turn of the event loop and shared out among the tasks of the turn: estimated';

export function runtimeChecks(machine: Machine, facts: Facts): Check[] {
  const { probe } = machine;
  const checks = [platformCheck(machine), good('node', `${machine.node} (${machine.execPath})`)];
  if (typeof probe === 'string') {
    const refused = lacking(
      'native addon',
      `unknown: the process that tried it was ${probe}`,
      COSTS_ADDON,
      [],
    );
    return [...checks, refused, directoryCheck(machine)];
  }
  checks.push(addonCheck(machine, probe));
  if (probe.noAddon === null) {
    checks.push(
      preemptionCheck(machine, facts, probe),
      switchCheck(machine, probe),
      boundaryCheck(probe),
      v8Check(probe),
    );
  }
  if (facts.turnedOff.length > 0) {
    const names = facts.turnedOff;
    checks.push(
      lacking('environment', names.map((name) => `${name}=1`).join(' '), 'each turns off what it names', [
        `unset ${names.join(' ')}`,
      ]),
    );
  }
  return [...checks, directoryCheck(machine)];
}

function platformCheck({ platform, arch }: Machine): Check {
  const found = `${platform} ${arch}`;
  if (platform === 'linux') return good('platform', found);
  return lacking('platform', found, COSTS_ADDON, ['run the program on Linux, for instance in a container']);
}

function addonCheck({ platform }: Machine, { noAddon }: Probe): Check {
  const name = 'native addon';
  if (noAddon === null) return good(name, 'loaded');
  if (noAddon === 'TASKPERF_NO_ADDON')
    return lacking(name, 'not loaded, as TASKPERF_NO_ADDON=1 asks for', COSTS_ADDON, [
      'unset TASKPERF_NO_ADDON',
    ]);
  if (noAddon === platform) return lacking(name, `there is none for ${platform}`, COSTS_ADDON, []);
  if (noAddon === 'MODULE_NOT_FOUND') {
    return lacking(name, 'not built', COSTS_ADDON, [
      'sudo apt-get install gcc libc6-dev && npm run build    # in the folder of taskperf; or clang, or CC=…',
    ]);
  }
  return lacking(name, `does not load: ${noAddon}`, COSTS_ADDON, [
    'npm run build    # in the folder of taskperf, on this machine: a binary of another processor or C library does not load',
  ]);
}

function preemptionCheck(machine: Machine, facts: Facts, probe: Probe): Check {
  const name = 'preemption is seen';
  if (probe.preemption === 'rseq') return good(name, 'through rseq, without a system call');
  if (facts.turnedOff.includes('TASKPERF_NO_RSEQ') && probe.preemption === 'perf')
    return lacking(name, PERF_PAGE, COSTS_PERF_PAGE, ['unset TASKPERF_NO_RSEQ']);
  if (probe.preemption === 'perf') return lacking(name, PERF_PAGE, COSTS_PERF_PAGE, RSEQ_REMEDY);
  const refusal = refusalOf(facts, probe);
  return lacking(name, 'not at all: neither rseq nor perf_event_open works', ESTIMATED, [
    ...(facts.turnedOff.includes('TASKPERF_NO_RSEQ') ? ['unset TASKPERF_NO_RSEQ'] : []),
    ...permissionsFor(refusal, facts, machine),
  ]);
}

const PERF_PAGE = 'through the page of a perf event';
/** Measured on Linux 6.18 (native/preemption.c). */
const COSTS_PERF_PAGE =
  'nothing in accuracy; the kernel switches one more event with the thread: 1 to 3 µs a request of a server that blocks in between';
const RSEQ_REMEDY = [
  'rseq needs x86-64 or arm64, and a kernel that tells when a thread blocks    # Linux 4.19 to 6.18',
];

function switchCheck({ node }: Machine, { frames }: Probe): Check {
  const name = 'task switches are seen';
  if (frames) return good(name, 'in async context frames');
  const major = Number(/^v(\d+)/.exec(node)?.[1] ?? 0);
  // docs/benchmarks.md, ten awaits: 12.8 µs added on Node 20, 8.3 on Node 24.
  const costs = 'nothing in accuracy; a request of ten awaits takes 13 µs more instead of 8';
  const remedy = major >= FRAMES_MAJOR ? 'run node without --no-async-context-frame' : 'use Node 24 or later';
  return lacking(name, 'by async_hooks', costs, [remedy]);
}

function boundaryCheck({ boundariesLack }: Probe): Check {
  const name = "V8's boundary callbacks";
  if (boundariesLack.length === 0) return good(name, 'all found');
  const costs = 'time outside JavaScript cannot be told apart, so times are estimated';
  return lacking(name, `missing: ${boundariesLack.join(', ')}`, costs, [OTHER_NODE]);
}

function v8Check({ v8Lacks }: Probe): Check {
  const name = "V8's own counts";
  if (v8Lacks.length === 0) return good(name, 'garbage collections and allocation, all found');
  const events = v8Lacks.map((one) => (one === 'gc' ? 'gc-time, gc-count, gc-minor, gc-major' : one));
  const costs = `not supported: ${events.join(', ')}`;
  return lacking(name, `missing: ${v8Lacks.join(', ')}`, costs, [OTHER_NODE]);
}

const OTHER_NODE =
  'use a Node.js that exports the symbols of V8    # the builds of nodejs.org do, stripped ones may not';

function directoryCheck({ directory }: Machine): Check {
  const name = 'directory of the counts';
  const { path, refused, freeBytes, processBytes, workerBytes } = directory;
  if (refused !== null)
    return lacking(name, `${path}: ${refused}`, '`taskperf stat` does not start', [
      'export TASKPERF_DIR=…    # a directory of your own',
    ]);
  const claims = `a process takes ${megabytes(processBytes)}, each worker thread ${megabytes(workerBytes)} more`;
  const found = `${path}, mode 0700, ${megabytes(freeBytes)} free; ${claims}`;
  if (freeBytes >= processBytes) return good(name, found);
  return lacking(name, found, 'processes run on uncounted', [
    'docker run --shm-size=256m …    # if it is a container’s /dev/shm',
    'export TASKPERF_DIR=…    # a directory on another file system',
  ]);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString('en-US')} MB`;
}
