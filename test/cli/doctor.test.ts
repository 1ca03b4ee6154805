/** The doctor's conclusions, from fabricated machines: trees of /proc and /sys, and what a probe would have found. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { diagnose } from '#cli/doctor.js';
import type { Diagnosis } from '#cli/doctor.js';
import { directoryFacts, treeAt } from '#cli/doctor/machine.js';
import type { Machine } from '#cli/doctor/machine.js';
import type { Probe } from '#cli/doctor/probe.js';
import { doctorText } from '#cli/doctor/text.js';

const roots = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-doctor-'));
after(() => fs.rmSync(roots, { recursive: true }));

const EPERM = 1;
const ENOENT = 2;
const EACCES = 13;
const ENOSYS = 38;
const PERMITTED = { all: 0, user: 0 };
const refused = (errno: number): Probe['taskClock'] => ({ all: errno, user: errno });

/** A bare-metal server where everything is there. */
const BEST: Probe = {
  noAddon: null,
  preemption: 'rseq',
  frames: true,
  boundariesLack: [],
  v8Lacks: [],
  perfKills: false,
  taskClock: PERMITTED,
  cycles: PERMITTED,
  instructions: PERMITTED,
  registers: 7,
  userRead: true,
  userTime: true,
};
const FILES: Readonly<Record<string, string>> = {
  'proc/sys/kernel/osrelease': '6.12.1',
  'proc/sys/kernel/perf_event_paranoid': '1',
  'proc/self/status': 'Name:\tnode\nSeccomp:\t0\nCapEff:\t0000000000000000\n',
  'proc/self/uid_map': '         0          0 4294967295',
  'proc/1/cgroup': '0::/init.scope',
  'sys/bus/event_source/devices/cpu/rdpmc': '1',
  'sys/bus/event_source/devices/software/type': '1',
};

let made = 0;
function machine(files: Record<string, string>, probe: Partial<Probe>, rest: Partial<Machine> = {}): Machine {
  const root = path.join(roots, String(made++));
  for (const [file, text] of Object.entries({ ...FILES, ...files })) {
    fs.mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), `${text}\n`);
  }
  return {
    platform: 'linux',
    arch: 'x64',
    node: 'v24.21.0',
    execPath: '/usr/bin/node',
    env: {},
    directory: directoryFacts(path.join(root, 'counts')),
    probe: { ...BEST, ...probe },
    ...treeAt(root),
    ...rest,
  };
}

const NO_PMU: Partial<Probe> = {
  cycles: refused(ENOENT),
  instructions: refused(ENOENT),
  registers: 0,
  userRead: false,
};
const REFUSED = (errno: number): Partial<Probe> => ({
  ...NO_PMU,
  taskClock: refused(errno),
  cycles: refused(errno),
});
const FILTERED = 'Seccomp:\t2\nCapEff:\t0000000000000000';

const checkOf = (diagnosis: Diagnosis, name: string): Diagnosis['checks'][number] => {
  const found = diagnosis.checks.find((one) => one.name === name);
  assert.ok(found, `${name} is among ${diagnosis.checks.map((one) => one.name).join(', ')}`);
  return found;
};
const tierOf = (diagnosis: Diagnosis, event: string): string => {
  const { kind, how } = diagnosis.events.find(({ events }) => events.includes(event))!;
  return `${kind}: ${how}`;
};

test('a machine that lacks nothing: every check is ok and costs nothing', () => {
  const diagnosis = diagnose(machine({}, {}));
  assert.equal(diagnosis.exact, true);
  assert.deepEqual(
    diagnosis.checks.filter(({ ok, costs, remedy }) => !ok || costs !== null || remedy.length > 0),
    [],
  );
  assert.equal(tierOf(diagnosis, 'cycles'), 'exact: kernel and user space; read in user space');
});

test('every finding that is not ok says what it costs', () => {
  const machines = [
    machine({}, { ...REFUSED(EACCES), preemption: 'nothing', frames: false, v8Lacks: ['gc', 'alloc-bytes'] }),
    machine({ 'proc/self/status': FILTERED }, REFUSED(EPERM)),
    machine({}, { boundariesLack: ['AddCallCompletedCallback'] }),
    machine({}, { noAddon: 'MODULE_NOT_FOUND' }),
    machine({}, {}, { platform: 'darwin', probe: { ...BEST, noAddon: 'darwin' } }),
    machine({}, {}, { probe: 'killed by SIGSEGV' }),
  ];
  for (const one of machines) {
    for (const { name, ok, costs } of diagnose(one).checks) assert.equal(ok, costs === null, name);
  }
});

test('paranoid 2: the kernel part is missing, and the sysctl that adds it is named', () => {
  const diagnosis = diagnose(
    machine(
      { 'proc/sys/kernel/perf_event_paranoid': '2' },
      { taskClock: { all: EACCES, user: 0 }, cycles: { all: EACCES, user: 0 } },
    ),
  );
  assert.equal(diagnosis.exact, true);
  assert.match(
    checkOf(diagnosis, 'perf_event_paranoid').remedy.join('\n'),
    /sudo sysctl kernel\.perf_event_paranoid=1/,
  );
  assert.equal(checkOf(diagnosis, 'perf_event_open').found, 'permitted for user space only');
  assert.equal(tierOf(diagnosis, 'cycles'), 'exact: user space only; read in user space');
  assert.equal(tierOf(diagnosis, 'context-switches'), 'exact: getrusage per task switch');
  assert.equal(tierOf(diagnosis, 'page-faults'), 'exact: getrusage per task switch');
});

test('paranoid 4 without a capability: nothing is permitted; with CAP_PERFMON it does not matter', () => {
  const files = { 'proc/sys/kernel/perf_event_paranoid': '4' };
  const plain = diagnose(machine(files, REFUSED(EACCES)));
  assert.match(checkOf(plain, 'perf_event_open').found, /EACCES, by kernel\.perf_event_paranoid/);
  assert.match(
    checkOf(plain, 'perf_event_paranoid').remedy.join('\n'),
    /paranoid=2[^]*paranoid=1[^]*setpriv/,
  );
  const capable = { ...files, 'proc/self/status': 'Seccomp:\t0\nCapEff:\t0000004000000000' };
  const privileged = diagnose(machine(capable, {}));
  assert.equal(checkOf(privileged, 'capabilities').found, 'CAP_PERFMON');
  assert.equal(checkOf(privileged, 'perf_event_paranoid').ok, true);
});

test('capabilities of a user namespace do not count', () => {
  const files = {
    'proc/self/status': 'Seccomp:\t0\nCapEff:\t000001ffffffffff',
    'proc/self/uid_map': '0 1000 1',
    'proc/sys/kernel/perf_event_paranoid': '3',
  };
  const diagnosis = diagnose(machine(files, REFUSED(EACCES)));
  assert.match(checkOf(diagnosis, 'capabilities').found, /neither .* outside of this user namespace/);
  assert.match(checkOf(diagnosis, 'perf_event_open').found, /by kernel\.perf_event_paranoid/);
});

test("Docker's filter: its command line; Kubernetes': its lines", () => {
  const status = { 'proc/self/status': FILTERED };
  const docker = diagnose(machine({ ...status, '.dockerenv': '' }, REFUSED(EPERM)));
  assert.equal(checkOf(docker, 'container').found, 'Docker');
  assert.match(checkOf(docker, 'perf_event_open').found, /EPERM, by a seccomp filter/);
  const lines = checkOf(docker, 'perf_event_open').remedy.join('\n');
  assert.match(lines, /docker run --cap-add PERFMON/);
  assert.match(lines, /--security-opt seccomp=unconfined/);
  assert.doesNotMatch(lines, /Kubernetes/);

  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1' };
  const pod = diagnose(machine({ ...status, '.dockerenv': '' }, REFUSED(EPERM), { env }));
  const wanted = checkOf(pod, 'perf_event_open').remedy.join('\n');
  assert.match(wanted, /securityContext: \{ capabilities: \{ add: \["PERFMON"\] \} \}/);
  assert.doesNotMatch(wanted, /docker run/);
});

test('a filter that kills: stat must not try, and the systemd line is named', () => {
  const files = { 'proc/self/status': FILTERED, 'proc/1/comm': 'systemd' };
  const diagnosis = diagnose(machine(files, { ...REFUSED(EACCES), perfKills: true }));
  assert.equal(diagnosis.exact, false);
  const { found, remedy } = checkOf(diagnosis, 'perf_event_open');
  assert.equal(found, 'a seccomp filter kills who calls it');
  assert.match(remedy.join('\n'), /TASKPERF_NO_PERF=1[^]*SystemCallFilter=perf_event_open/);
});

test('a refusal that nothing explains is laid to a security module; ENOSYS without a filter to the kernel', () => {
  assert.match(checkOf(diagnose(machine({}, REFUSED(EACCES))), 'perf_event_open').found, /security module/);
  const none = diagnose(machine({}, REFUSED(ENOSYS)));
  assert.match(checkOf(none, 'perf_event_open').found, /the kernel has no perf events/);
});

test('a virtual machine without a PMU: hardware events are not supported, and stat is exact all the same', () => {
  const diagnosis = diagnose(machine({ 'proc/cpuinfo': 'flags\t\t: fpu hypervisor lahf_lm' }, NO_PMU));
  assert.equal(diagnosis.exact, true);
  assert.match(tierOf(diagnosis, 'cycles'), /^not supported/);
});

test('user reads: the setting of each processor', () => {
  const intel = diagnose(machine({ 'sys/bus/event_source/devices/cpu/rdpmc': '0' }, { userRead: false }));
  assert.deepEqual(checkOf(intel, 'user reads').remedy, [
    'echo 1 | sudo tee /sys/bus/event_source/devices/cpu/rdpmc',
  ]);
  assert.match(tierOf(intel, 'cycles'), /one read\(2\) per group/);
  const files = {
    'proc/sys/kernel/perf_user_access': '0',
    'sys/bus/event_source/devices/armv8_pmuv3_0/type': '8',
  };
  const arm = diagnose(machine(files, { userRead: false }, { arch: 'arm64' }));
  assert.deepEqual(checkOf(arm, 'user reads').remedy, ['sudo sysctl kernel.perf_user_access=1']);
});

test('without rseq a perf page keeps times exact; with neither they are estimated, and so is the status', () => {
  assert.equal(diagnose(machine({}, { preemption: 'perf' })).exact, true);
  const neither = diagnose(
    machine({ 'proc/sys/kernel/perf_event_paranoid': '3' }, { ...REFUSED(EACCES), preemption: 'nothing' }),
  );
  assert.equal(neither.exact, false);
  assert.match(tierOf(neither, 'task-clock'), /^estimated/);
  assert.match(checkOf(neither, 'preemption is seen').remedy.join('\n'), /kernel\.perf_event_paranoid=2/);
});

test('a runtime without a symbol does not count what needs it, and everything else', () => {
  const withoutGc = diagnose(machine({}, { v8Lacks: ['gc'] }));
  assert.equal(withoutGc.exact, false);
  assert.match(tierOf(withoutGc, 'gc-time'), /^not supported/);
  assert.match(tierOf(withoutGc, 'task-clock'), /^exact/);
  assert.match(tierOf(withoutGc, 'alloc-bytes'), /^estimated/);
  const withoutAlloc = diagnose(machine({}, { v8Lacks: ['alloc-bytes'] }));
  assert.equal(withoutAlloc.exact, true);
  assert.match(tierOf(withoutAlloc, 'alloc-bytes'), /^not supported/);
});

test('a directory that others can enter, or without room, is said', () => {
  const open = path.join(roots, 'open');
  fs.mkdirSync(open);
  fs.chmodSync(open, 0o755);
  const diagnosis = diagnose(machine({}, {}, { directory: directoryFacts(open) }));
  assert.equal(diagnosis.exact, false);
  assert.match(checkOf(diagnosis, 'directory of the counts').found, /is not private to you/);
  const full = { ...directoryFacts(path.join(roots, 'full')), freeBytes: 1e6 };
  const crowded = diagnose(machine({}, {}, { directory: full }));
  assert.match(checkOf(crowded, 'directory of the counts').remedy.join('\n'), /--shm-size/);
});

test('the text: a verdict, a line per check with its costs and commands, a line per kind of event', () => {
  const diagnosis = diagnose(machine({}, { noAddon: 'MODULE_NOT_FOUND' }));
  const text = doctorText(diagnosis);
  assert.match(text, /^taskperf stat has to estimate here\n/);
  assert.match(text, /^ -- {2}native addon .*not built\n {6}costs: times come from/m);
  assert.match(text, /^ {6}to change it:\n {8}sudo apt-get install gcc libc6-dev && npm run build/m);
  assert.match(text, /^ task-clock, cpu-clock, late +estimated +by JavaScript's clocks$/m);
});
