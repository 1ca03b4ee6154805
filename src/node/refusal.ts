/** What the kernel's or the runtime's refusal of an event means to the program that asked for it. */
import { constants } from 'node:os';
import { TaskperfError } from '../core/index.ts';

const { EACCES, EINVAL, EMFILE, ENOSPC, ENOSYS, EPERM } = constants.errno;

/** One sentence with the event and the remedy, and perf's code. */
export function refusalOf(name: string, errno: number): TaskperfError {
  switch (errno) {
    case EACCES:
    case EPERM: {
      const isTurnedOff = process.env['TASKPERF_NO_PERF'] === '1';
      const remedy = isTurnedOff
        ? 'TASKPERF_NO_PERF=1 is set; unset it'
        : '`sudo sysctl kernel.perf_event_paranoid=1` or CAP_PERFMON allows it';
      return new TaskperfError('EACCES', `event "${name}" may not be counted here: ${remedy}`, name);
    }
    case EINVAL: {
      const why = 'it is not valid on this PMU, or its group has more events than the PMU counts at once';
      return new TaskperfError(
        'EINVAL',
        `the kernel refuses event "${name}": ${why}; use fewer in a group`,
        name,
      );
    }
    case ENOSPC:
      return new TaskperfError(
        'ENOSPC',
        `no room for event "${name}": at most 24 are counted beside the clocks; close other counters first (under taskperf stat their places stay taken)`,
        name,
      );
    case EMFILE: {
      const remedy = 'raise `ulimit -n`';
      return new TaskperfError('ENOSPC', `no file descriptor left for event "${name}": ${remedy}`, name);
    }
    case ENOSYS:
      return new TaskperfError(
        'ENOENT',
        `event "${name}" needs what is missing here; \`taskperf doctor\` tells what`,
        name,
      );
    default:
      return new TaskperfError(
        'ENOENT',
        `this machine does not count event "${name}"; \`taskperf doctor\` tells why`,
        name,
      );
  }
}
