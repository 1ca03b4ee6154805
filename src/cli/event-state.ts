/** How far each event of a run can be trusted, over all processes of the command, and why not further. */
import { constants } from 'node:os';
import { EVENT_ESTIMATED, EVENT_FAILED, EVENT_USER_ONLY } from '../core/event-table.ts';
import { EVENT_GIVEN_FIRST, LATE, TASK_CLOCK, WAIT } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import { REASON_NO_ADDON, REASON_NO_CLOCK } from '../core/layout.ts';
import { countedShare } from './scaling.ts';
import type { Scaling } from './scaling.ts';
import type { ProcessFacts } from './tally.ts';

/** `scaled`: counted a part of the time, the value is for the whole. */
export type Kind = 'exact' | 'scaled' | 'estimated';

export interface EventState {
  readonly event: EventInfo;
  readonly kind: Kind;
  readonly supported: boolean;
  /** Why it is not exact, not supported, or of user space only, with the remedy; null when there is nothing to say. */
  readonly reason: string | null;
  /** The part of the threads' time in which it was counted, 0 to 1. */
  readonly share: number;
}

export interface StateInput {
  readonly events: readonly EventInfo[];
  readonly processes: readonly ProcessFacts[];
  /** Of all threads, by line. */
  readonly totals: Float64Array;
  readonly scaling: Scaling;
}

export function statesOf(input: StateInput): EventState[] {
  return input.events.map((event) => stateOf(event, input));
}

function stateOf(event: EventInfo, { processes, totals, scaling }: StateInput): EventState {
  const bit = 1 << event.id;
  const counting = processes.filter((one) => (one.eventBits & bit) !== 0);
  const state = (kind: Kind, reason: string | null, share = 1): EventState => {
    return { event, kind, supported: true, reason, share };
  };
  if (counting.length === 0)
    return { ...state('exact', unsupportedText(event, processes), 0), supported: false };
  // Late work is task-clock, booked on another name.
  const source = event.id === LATE ? 1 << TASK_CLOCK : bit;
  const estimating = counting.find((one) => (one.estimatedBits & source) !== 0);
  if (estimating !== undefined) return state('estimated', reasonText(estimating.reason));
  if (event.id === WAIT) return state('estimated', 'waiting is inferred');
  if (event.id < EVENT_GIVEN_FIRST) return state('exact', null);
  const flags = counting.reduce((all, one) => all | (one.events.get(event.id)?.flags ?? 0), 0);
  if ((flags & EVENT_FAILED) !== 0)
    return state(
      'estimated',
      'the kernel stopped counting it during the run; what it had until then is shown',
    );
  if ((flags & EVENT_ESTIMATED) !== 0) return state('estimated', estimateText(event.name));
  const share = countedShare(totals, event.id, scaling);
  if (share < 1) return state('scaled', SCALED_TEXT, share);
  if ((flags & EVENT_USER_ONLY) !== 0) return state('exact', USER_ONLY_TEXT);
  return state('exact', null);
}

export const SCALED_TEXT: string = 'more events than the PMU counts at once take turns';
export const USER_ONLY_TEXT: string =
  "user space only: the kernel's part may not be counted; allow it with `sudo sysctl kernel.perf_event_paranoid=1`";

function estimateText(name: string): string {
  if (name === 'alloc-bytes')
    return 'from the used heap: within 5 % from 100 kB on, more for many objects of 20 to 128 kB';
  if (name === 'external-bytes') return 'growth of external memory; what was freed in between is missing';
  return "without V8's own callbacks pauses are joined to tasks by time";
}

/** Why no process of the command counted it. */
function unsupportedText(event: EventInfo, processes: readonly ProcessFacts[]): string {
  const errno = processes.map((one) => one.events.get(event.id)?.errno ?? 0).find((one) => one !== 0);
  if (errno === undefined) return 'no Node.js process of the command counted it';
  return errnoText(errno);
}

/** What the kernel's or the runtime's refusal means for the user. */
export function errnoText(errno: number): string {
  const { errno: codes } = constants;
  switch (errno) {
    case codes.EACCES:
    case codes.EPERM:
      return 'not permitted; `sudo sysctl kernel.perf_event_paranoid=1` or CAP_PERFMON allows it, see `taskperf doctor`';
    case codes.ENOENT:
    case codes.ENODEV:
    case codes.EOPNOTSUPP:
      return 'this machine does not count it: it has no PMU, or the PMU lacks the event; see `taskperf doctor`';
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

/** Why times are estimated, and what to do about it. */
export function reasonText(reason: number): string {
  if (reason === REASON_NO_ADDON) {
    return 'the native addon is not loaded; install a C compiler and run `npm run build` in its folder';
  }
  if (reason === REASON_NO_CLOCK) {
    return 'neither rseq nor perf_event_open works here; allow the latter with `sudo sysctl kernel.perf_event_paranoid=2`';
  }
  return 'the exact clock is not available in the program';
}
