/** How far each event of a run can be trusted, over all processes of the command, and why not further. */
import { constants } from 'node:os';
import { EVENT_ESTIMATED, EVENT_FAILED, EVENT_USER_ONLY } from '../core/event-table.ts';
import { EVENT_GIVEN_FIRST, LATE, TASK_CLOCK, WAIT } from '../core/events.ts';
import type { EventInfo } from '../core/events.ts';
import { REASON_NO_ADDON } from '../core/layout.ts';
import { SCALED_TEXT, USER_ONLY_TEXT, errnoText, estimateText, noAddonText, reasonText } from './reasons.ts';
import { countedShare } from './scaling.ts';
import type { Scaling } from './scaling.ts';
import type { ProcessFacts } from './process-facts.ts';

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
  /** Of the processes in which tasks ran. */
  readonly busyPids: ReadonlySet<number>;
  /** Of all threads, by line. */
  readonly totals: Float64Array;
  readonly scaling: Scaling;
}

export function statesOf(input: StateInput): EventState[] {
  return input.events.map((event) => stateOf(event, input));
}

function stateOf(event: EventInfo, { processes, busyPids, totals, scaling }: StateInput): EventState {
  const bit = 1 << event.id;
  const isCounting = (one: ProcessFacts): boolean => (one.eventBits & bit) !== 0;
  const counting = processes.filter(isCounting);
  const state = (kind: Kind, reason: string | null, share = 1): EventState => {
    return { event, kind, supported: true, reason, share };
  };
  const unsupported = { ...state('exact', unsupportedText(event, processes), 0), supported: false };
  if (counting.length === 0) return unsupported;
  // Their tasks are in the number that a mean is of, and not in the sum.
  const busy = processes.filter((one) => busyPids.has(one.pid));
  const lacking = busy.filter((one) => !isCounting(one));
  if (lacking.length > 0) {
    if (lacking.length === busy.length) return unsupported;
    const part = `counted in ${busy.length - lacking.length} of ${busy.length} processes only`;
    return state('estimated', `${part}: ${unsupportedText(event, lacking)}`);
  }
  // Late work is task-clock, booked on another name.
  const source = event.id === LATE ? 1 << TASK_CLOCK : bit;
  const estimating = counting.find((one) => (one.estimatedBits & source) !== 0);
  if (estimating !== undefined) return state('estimated', reasonText(estimating.reason));
  if (event.id === WAIT) return state('estimated', 'waiting is inferred');
  if (event.id < EVENT_GIVEN_FIRST) return state('exact', null);
  const flagged = (flag: number): ProcessFacts | undefined =>
    counting.find((one) => ((one.events.get(event.id)?.flags ?? 0) & flag) !== 0);
  if (flagged(EVENT_FAILED) !== undefined)
    return state(
      'estimated',
      'the kernel stopped counting it during the run; what it had until then is shown',
    );
  const joining = flagged(EVENT_ESTIMATED);
  if (joining !== undefined)
    return state('estimated', estimateText(event.name, joining.reason !== REASON_NO_ADDON));
  const share = countedShare(totals, event.id, scaling);
  if (share < 1) return state('scaled', SCALED_TEXT, share);
  return state('exact', flagged(EVENT_USER_ONLY) === undefined ? null : USER_ONLY_TEXT);
}

/** Why none of these processes counted it. */
function unsupportedText(event: EventInfo, processes: readonly ProcessFacts[]): string {
  const refused = processes.find((one) => (one.events.get(event.id)?.errno ?? 0) !== 0);
  if (refused === undefined) return 'no Node.js process of the command counted it';
  const { errno } = refused.events.get(event.id)!;
  const isWithout = errno === constants.errno.ENOSYS && refused.reason === REASON_NO_ADDON;
  return isWithout ? noAddonText() : errnoText(errno, event.name);
}
