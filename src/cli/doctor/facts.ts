/** What /proc, /sys and the environment say about the kernel's permissions and the processor's counters. */
import type { Machine } from './machine.ts';

export interface Facts {
  readonly kernel: string | undefined;
  /** kernel.perf_event_paranoid; undefined where the kernel has no such file. */
  readonly paranoid: number | undefined;
  /** Of CAP_PERFMON and CAP_SYS_ADMIN, those that the process has and that count for perf events. */
  readonly capabilities: readonly string[];
  /** The process is in a user namespace: its capabilities do not count for perf events. */
  readonly userNamespace: boolean;
  /** A seccomp filter looks at the system calls of the process. */
  readonly filtered: boolean;
  readonly container: string | undefined;
  /** Folders of the processor's counters in /sys/bus/event_source/devices, and the others there. */
  readonly processorPmus: readonly string[];
  readonly otherPmus: readonly string[];
  readonly hypervisor: boolean;
  /** May programs read counters themselves: the setting and its value, undefined where there is none. */
  readonly userReads: { readonly file: string; readonly value: string } | undefined;
  /** TASKPERF_NO_…=1, which turn off what they name. */
  readonly turnedOff: readonly string[];
}

const CAPABILITIES: readonly [string, bigint][] = [
  ['CAP_PERFMON', 1n << 38n],
  ['CAP_SYS_ADMIN', 1n << 21n],
];
const SECCOMP_FILTER = '2';
const PMUS = '/sys/bus/event_source/devices';
/** Intel and AMD, hybrid Intel, arm64. */
const PROCESSOR_PMU = /^(cpu|cpu_core|cpu_atom|armv\d.*|apple_.*pmu)$/;
const USER_ACCESS = '/proc/sys/kernel/perf_user_access';

export function factsOf(machine: Machine): Facts {
  const status = fieldsOf(machine.read('/proc/self/status'));
  const pmus = machine.list(PMUS);
  const processorPmus = pmus.filter((name) => PROCESSOR_PMU.test(name));
  return {
    kernel: machine.read('/proc/sys/kernel/osrelease'),
    paranoid: numberOf(machine.read('/proc/sys/kernel/perf_event_paranoid')),
    capabilities: perfCapabilities(machine),
    userNamespace: isNamespaced(machine),
    filtered: status.get('Seccomp') === SECCOMP_FILTER,
    container: containerOf(machine),
    processorPmus,
    otherPmus: pmus.filter((name) => !processorPmus.includes(name)),
    hypervisor: /^flags\s*:.*\bhypervisor\b/m.test(machine.read('/proc/cpuinfo') ?? ''),
    userReads: userReadsOf(machine, processorPmus),
    turnedOff: Object.keys(machine.env)
      .filter((name) => /^TASKPERF_NO_[A-Z]+$/.test(name) && machine.env[name] === '1')
      .sort(),
  };
}

/** "Name:\tvalue" per line, as in /proc/self/status. */
function fieldsOf(text: string | undefined): Map<string, string> {
  const lines = (text ?? '').split('\n').map((line) => line.split(/:\s*/, 2));
  return new Map(lines.map(([name, value]) => [name!, value ?? '']));
}

/** Those that the process has and that count for perf events. */
export function perfCapabilities(machine: Pick<Machine, 'read'>): string[] {
  if (isNamespaced(machine)) return [];
  return capabilitiesOf(fieldsOf(machine.read('/proc/self/status')).get('CapEff'));
}

function capabilitiesOf(mask: string | undefined): string[] {
  const bits = /^[0-9a-f]+$/i.test(mask ?? '') ? BigInt(`0x${mask}`) : 0n;
  return CAPABILITIES.filter(([, bit]) => (bits & bit) !== 0n).map(([name]) => name);
}

/** The first namespace maps all users to themselves. */
function isNamespaced(machine: Pick<Machine, 'read'>): boolean {
  const map = machine.read('/proc/self/uid_map');
  return map !== undefined && !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}

function containerOf(machine: Machine): string | undefined {
  const { env } = machine;
  // gVisor shows the same version whatever it runs on.
  if (/4\.4\.0 #1 SMP Sun Jan 10 15:06:54 PST 2016/.test(machine.read('/proc/version') ?? ''))
    return 'gVisor';
  if ((env['KUBERNETES_SERVICE_HOST'] ?? '') !== '') return 'Kubernetes';
  if (machine.read('/run/.containerenv') !== undefined) return 'Podman';
  if (machine.read('/.dockerenv') !== undefined) return 'Docker';
  const hint = /docker|kubepods|containerd|lxc|podman/.exec(machine.read('/proc/1/cgroup') ?? '')?.[0];
  return hint ?? (env['container'] === '' ? undefined : env['container']);
}

function userReadsOf(machine: Machine, pmus: readonly string[]): Facts['userReads'] {
  const files = machine.arch === 'arm64' ? [USER_ACCESS] : pmus.map((pmu) => `${PMUS}/${pmu}/rdpmc`);
  for (const file of files) {
    const value = machine.read(file);
    if (value !== undefined) return { file, value };
  }
  return undefined;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined || !/^-?\d+$/.test(text) ? undefined : Number(text);
}
