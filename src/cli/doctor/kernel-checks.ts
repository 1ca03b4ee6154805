/** What the kernel permits: paranoid level, capabilities, filters, perf events by trying, counters of the processor. */
import { getSystemErrorName } from 'node:util';
import { good, lacking } from './check.ts';
import type { Check } from './check.ts';
import type { Facts } from './facts.ts';
import type { Machine } from './machine.ts';
import type { Probe } from './probe.ts';
import { permissionsFor, refusalOf } from './refusal.ts';

const COSTS_ALL =
  'hardware events are not supported; page faults and context switches come from getrusage, a system call per task switch';
const COSTS_KERNEL_PART =
  'what the kernel does for the program is missing in hardware events; context-switches comes from getrusage';

export function kernelChecks(machine: Machine, facts: Facts): Check[] {
  const { probe } = machine;
  const checks = [
    facts.kernel === undefined
      ? lacking('kernel', 'unknown: /proc is not mounted', 'nothing is known about permissions', [])
      : good('kernel', facts.kernel),
    good('container', facts.container ?? 'no sign of one'),
    paranoidCheck(machine, facts),
    capabilityCheck(facts),
    good('seccomp', facts.filtered ? 'a filter; what it refuses is found by trying' : 'no filter'),
  ];
  if (typeof probe === 'string' || probe.noAddon !== null) return checks;
  return [...checks, perfCheck(machine, facts, probe), ...counterChecks(machine, facts, probe)];
}

const LEVELS: Readonly<Record<string, string>> = {
  '-1': 'everything is open to everybody',
  '0': 'processes and whole processors are open to everybody',
  '1': 'own processes, kernel and user space',
  '2': 'own processes, user space only',
};

function paranoidCheck(machine: Machine, facts: Facts): Check {
  const name = 'perf_event_paranoid';
  const { paranoid, capabilities } = facts;
  if (paranoid === undefined) {
    return lacking(name, 'not there: a kernel without perf events', COSTS_ALL, [
      ...permissionsFor('no perf events', facts, machine),
    ]);
  }
  const level = `${paranoid}: ${LEVELS[paranoid] ?? 'nothing without a capability'}`;
  if (paranoid <= 1) return good(name, level);
  if (capabilities.length > 0)
    return good(name, `${level}; not for this process, which has ${capabilities[0]}`);
  const refusal = paranoid === 2 ? 'kernel part' : 'paranoid';
  const costs = refusal === 'kernel part' ? COSTS_KERNEL_PART : COSTS_ALL;
  return lacking(name, level, costs, permissionsFor(refusal, facts, machine));
}

function capabilityCheck({ capabilities, userNamespace }: Facts): Check {
  if (capabilities.length > 0) return good('capabilities', capabilities.join(', '));
  const found = 'neither CAP_PERFMON nor CAP_SYS_ADMIN';
  return good('capabilities', userNamespace ? `${found} outside of this user namespace` : found);
}

function perfCheck(machine: Machine, facts: Facts, probe: Probe): Check {
  const refusal = refusalOf(facts, probe);
  const name = 'perf_event_open';
  if (refusal === 'none') return good(name, 'permitted, kernel and user space');
  const remedy =
    refusal === 'paranoid' || (refusal === 'kernel part' && facts.paranoid === 2)
      ? ['see perf_event_paranoid']
      : permissionsFor(refusal, facts, machine);
  if (refusal === 'kernel part')
    return lacking(name, 'permitted for user space only', COSTS_KERNEL_PART, remedy);
  const how =
    refusal === 'killed'
      ? 'a seccomp filter kills who calls it'
      : `refused: ${errnoName(probe.taskClock.user)}`;
  return lacking(name, `${how}${REASONS[refusal]}`, COSTS_ALL, remedy);
}

const REASONS = {
  variable: ', as TASKPERF_NO_PERF=1 asks for',
  filter: ', by a seccomp filter',
  paranoid: ', by kernel.perf_event_paranoid',
  module: ', by a security module of the host, it seems',
  'no perf events': ', the kernel has no perf events',
  killed: '',
} as const;

function counterChecks(machine: Machine, facts: Facts, probe: Probe): Check[] {
  const { registers } = probe;
  const clock = good('cap_user_time', probe.userTime ? 'offered' : 'not offered; nothing needs it');
  if (registers === 0) return [noCounters(facts, probe), clock];
  const names = facts.processorPmus.join(', ') || 'a PMU without a folder in /sys';
  return [
    good(
      'hardware counters',
      `${names}: ${registers} counters fit one group; more take turns and are scaled`,
    ),
    userReadCheck(machine, facts, probe),
    clock,
  ];
}

function noCounters(facts: Facts, { taskClock, cycles }: Probe): Check {
  const name = 'hardware counters';
  const costs = 'cycles, instructions and cache events are not supported';
  const others = facts.otherPmus.join(', ') || 'nothing';
  if (taskClock.user !== 0)
    return lacking(name, 'unknown: perf_event_open is refused', costs, ['see perf_event_open']);
  if (facts.processorPmus.length > 0)
    return lacking(name, `${facts.processorPmus.join(', ')}: refused, ${errnoName(cycles.user)}`, costs, []);
  const remedy = facts.hypervisor
    ? VIRTUAL_PMU
    : ['use a kernel with a driver for the PMU of this processor'];
  return lacking(name, `none: no PMU of the processor among ${others}`, costs, remedy);
}

const VIRTUAL_PMU: readonly string[] = [
  'switch the PMU of the virtual machine on    # QEMU: -cpu host,pmu=on; VMware: vpmc.enable = "TRUE"',
  'use an instance type that has one    # of most cloud providers: the largest sizes and bare metal',
];

function userReadCheck({ arch }: Machine, { userReads }: Facts, { userRead }: Probe): Check {
  const setting = userReads === undefined ? '' : ` (${userReads.file} is ${userReads.value})`;
  if (userRead) return good('user reads', `permitted${setting}`);
  const remedy =
    arch === 'arm64'
      ? ['sudo sysctl kernel.perf_user_access=1']
      : [`echo 1 | sudo tee ${userReads?.file ?? '/sys/bus/event_source/devices/cpu/rdpmc'}`];
  const costs = 'a read(2) per task switch and group of events instead of an instruction per event';
  return lacking('user reads', `not permitted${setting}`, costs, remedy);
}

function errnoName(errno: number): string {
  return errno === 0 ? 'permitted' : getSystemErrorName(-errno);
}
