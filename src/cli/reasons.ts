/** Why an event is not exact or not counted, and what to do about it: half sentences, for the table, `list` and messages. */
import { constants } from 'node:os';
import { REASON_NO_ADDON, REASON_NO_CLOCK } from '../core/layout.ts';
import { findAddon } from '../node/addon.ts';
import { knownEvent } from '../node/events/known.ts';
import { perfCapabilities } from './doctor/facts.ts';
import { treeAt } from './doctor/machine.ts';

export const SCALED_TEXT: string = 'more events than the PMU counts at once take turns';
export const USER_ONLY_TEXT: string =
  "user space only: the kernel's part may not be counted; allow it with `sudo sysctl kernel.perf_event_paranoid=1`";
export const HEAP_TEXT: string =
  'from the used heap: within 5 % from 100 kB on, more for many objects of 20 to 128 kB';

// ---- permission -------------------------------------------------------------------------------------------------------

/** What the answer of perf_event_open depends on. */
export interface Surroundings {
  /** We keep it from being called, because a filter would kill the caller. */
  readonly isSpared: boolean;
  readonly isTurnedOff: boolean;
  /** Of those that count for perf events. */
  readonly capabilities: readonly string[];
}

let isSpared = false;

/** A filter kills who opens a perf event: neither we do from now on nor what we start. */
export function sparePerf(): void {
  isSpared = true;
  process.env['TASKPERF_NO_PERF'] = '1';
}

function surroundings(): Surroundings {
  const isTurnedOff = process.env['TASKPERF_NO_PERF'] === '1';
  return { isSpared, isTurnedOff, capabilities: perfCapabilities(treeAt('/')) };
}

/** Why perf events are refused and what permits them, the sysctl down to `level`. */
export function permissionText(level: 1 | 2 = 1, found: Surroundings = surroundings()): string {
  if (found.isSpared)
    return 'a seccomp filter kills who opens perf events; `taskperf doctor` tells how to permit it';
  if (found.isTurnedOff) return 'TASKPERF_NO_PERF=1 is set; unset it';
  const [capability] = found.capabilities;
  if (capability !== undefined)
    return `a filter or a security module refuses it, for the process has ${capability}; \`taskperf doctor\` tells more`;
  return `\`sudo sysctl kernel.perf_event_paranoid=${level}\` or CAP_PERFMON allows it, \`taskperf doctor\` tells more`;
}

// ---- not counted ------------------------------------------------------------------------------------------------------

/** What the kernel's or the runtime's refusal of this event means for the user. */
export function errnoText(errno: number, event: string): string {
  const { errno: codes } = constants;
  switch (errno) {
    case codes.EACCES:
    case codes.EPERM:
      return `not permitted: ${permissionText()}`;
    case codes.ENOENT:
    case codes.ENODEV:
    case codes.EOPNOTSUPP:
      return absentText(event);
    case codes.ENOSYS:
      return 'this Node.js does not offer it; see `taskperf doctor`';
    case codes.EINVAL:
      return 'the kernel refuses it: the event is not valid on this PMU, or its group never fits; use fewer events in a group';
    case codes.EMFILE:
      return 'the process may open no more files; raise `ulimit -n`';
    case codes.ENOSPC:
      return 'no more events can be counted at once; ask for fewer';
    default:
      return `the kernel refuses it (errno ${errno})`;
  }
}

function absentText(event: string): string {
  const pmu = /^([^/]+)\//.exec(event)?.[1];
  if (pmu === 'software' || knownEvent(event.split(':')[0]!)?.kind === 'software')
    return 'this kernel does not count it; see `taskperf doctor`';
  if (pmu !== undefined) return `the PMU ${pmu} does not count it here; see \`taskperf doctor\``;
  return 'this machine does not count it: it has no PMU, or the PMU lacks the event; see `taskperf doctor`';
}

// ---- estimated --------------------------------------------------------------------------------------------------------

/** Why a process has no addon, as far as we can tell: our own environment is the one it was started with. */
export function noAddonText(found: string | object = findAddon()): string {
  if (typeof found !== 'string')
    return 'the native addon is not loaded in a process: TASKPERF_NO_ADDON=1 is set there, or its Node.js cannot load it';
  if (found === 'TASKPERF_NO_ADDON')
    return 'the native addon is not loaded, as TASKPERF_NO_ADDON=1 asks for; unset it';
  return 'the native addon is not loaded; install a C compiler and run `npm run build` in its folder';
}

/** Why times are estimated, and what to do about it. */
export function reasonText(reason: number): string {
  if (reason === REASON_NO_ADDON) return noAddonText();
  if (reason === REASON_NO_CLOCK) return `neither rseq nor perf_event_open works here: ${permissionText(2)}`;
  return 'the exact clock is not available in the program';
}

/** How an event that has no line of its own is estimated. */
export function estimateText(event: string, hasAddon: boolean): string {
  if (hasAddon)
    return event === 'alloc-bytes'
      ? HEAP_TEXT
      : 'growth of external memory; what was freed in between is missing';
  return `${withoutAddonText(event)}; the native addon is not loaded`;
}

function withoutAddonText(event: string): string {
  if (event.startsWith('gc-')) return 'pauses are joined to tasks by time';
  if (event === 'alloc-bytes') return 'growth of the used heap; what was collected in between is missing';
  return "from the whole process's rusage, shared out";
}
