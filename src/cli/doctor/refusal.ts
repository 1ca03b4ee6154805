/**
 * Why the kernel refuses perf events, and the exact commands and settings that would permit them.
 *
 * The errno and the surroundings tell together: paranoid levels and security modules answer EACCES, the filters of
 * container runtimes EPERM (older ones ENOSYS), systemd's kill the caller, and a kernel without perf events has no such
 * call at all.
 */
import type { Facts } from './facts.ts';
import type { Machine } from './machine.ts';
import type { Probe } from './probe.ts';

export type Refusal =
  | 'none'
  | 'kernel part'
  | 'variable'
  | 'killed'
  | 'filter'
  | 'paranoid'
  | 'module'
  | 'no perf events';

const EPERM = 1;
const ENOSYS = 38;
/** From here on a kernel (of Debian, Ubuntu, Android) answers nobody without a capability. */
const PARANOID_NOBODY = 3;

/** 'kernel part': events are permitted, but not what the kernel does for the program. */
export function refusalOf(facts: Facts, { perfKills, taskClock: answer }: Probe): Refusal {
  if (perfKills) return 'killed';
  if (answer.all === 0) return 'none';
  if (answer.user === 0) return 'kernel part';
  if (facts.turnedOff.includes('TASKPERF_NO_PERF')) return 'variable';
  if (facts.filtered && (answer.user === EPERM || answer.user === ENOSYS)) return 'filter';
  if (answer.user === ENOSYS) return 'no perf events';
  const nobody = (facts.paranoid ?? 0) >= PARANOID_NOBODY && facts.capabilities.length === 0;
  return nobody ? 'paranoid' : 'module';
}

/** Commands and settings, the narrowest first; empty when nothing is to be done. */
export function permissionsFor(refusal: Refusal, facts: Facts, machine: Machine): string[] {
  switch (refusal) {
    case 'none':
      return [];
    case 'variable':
      return ['unset TASKPERF_NO_PERF'];
    case 'kernel part':
      return [...sysctl(1, facts), ...ambient(facts), ...containerLines(facts)];
    case 'paranoid':
      return [...sysctl(2, facts), ...sysctl(1, facts), ...ambient(facts), ...containerLines(facts)];
    case 'filter':
      return [...containerLines(facts), ...systemdLines(machine)];
    case 'killed':
      return [
        'export TASKPERF_NO_PERF=1    # keeps programs alive that count events of the kernel; does not permit any',
        ...containerLines(facts),
        ...systemdLines(machine),
      ];
    case 'module':
      return [
        'allow perf_event_open for this program in the security module of the host (SELinux, AppArmor)',
      ];
    case 'no perf events':
      return ['use a kernel with CONFIG_PERF_EVENTS; gVisor has no perf events'];
  }
}

function sysctl(level: number, { container }: Facts): string[] {
  const share = level === 1 ? 'kernel and user space' : 'user space only';
  const where = container === undefined ? '' : ' on the host';
  return [
    `sudo sysctl kernel.perf_event_paranoid=${level}    # ${share}${where}, until the next start`,
    ...(level === 1
      ? [`echo kernel.perf_event_paranoid=1 | sudo tee /etc/sysctl.d/60-perf.conf    # for good${where}`]
      : []),
  ];
}

/**
 * Not `setcap cap_perfmon=ep` on node: the kernel then starts it in secure mode, in which Node ignores NODE_OPTIONS, and
 * with them taskperf. Ambient capabilities do not switch that mode on.
 */
function ambient({ container }: Facts): string[] {
  if (container !== undefined) return [];
  return [
    'sudo setpriv --reuid=$(id -u) --regid=$(id -g) --init-groups --inh-caps=+perfmon --ambient-caps=+perfmon ' +
      'taskperf stat -- node app.js    # this run only; not setcap on node, which then ignores NODE_OPTIONS',
    'AmbientCapabilities=CAP_PERFMON    # in the [Service] of a systemd unit',
  ];
}

function containerLines({ container, filtered }: Facts): string[] {
  if (container === undefined) return [];
  const lines = [];
  if (container !== 'Kubernetes') {
    lines.push(
      'docker run --cap-add PERFMON …    # Docker 23 or later',
      'docker run --security-opt seccomp=unconfined …    # older Docker, and Podman',
    );
  }
  if (container !== 'Docker' && container !== 'Podman') {
    lines.push(
      'securityContext: { capabilities: { add: ["PERFMON"] } }    # Kubernetes, in the container',
      ...(filtered
        ? ['securityContext: { seccompProfile: { type: Unconfined } }    # Kubernetes, if that is not enough']
        : []),
    );
  }
  return lines;
}

function systemdLines(machine: Machine): string[] {
  if (machine.read('/proc/1/comm') !== 'systemd') return [];
  return [
    'SystemCallFilter=perf_event_open    # in the [Service] of a systemd unit that filters system calls',
  ];
}
