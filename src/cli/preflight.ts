/**
 * Events that were asked for by name are tried before anything is started: what is not permitted, not valid or can never
 * be on the PMU together is a mistake of the command line. What the machine just does not count is not: the table says so.
 */
import { constants } from 'node:os';
import type { Addon } from '../node/addon.ts';
import type { EventGroup, ResolvedEvent } from '../node/events/event.ts';
import { KernelGroups, candidateOf } from '../node/kernel-groups.ts';
import type { Candidate } from '../node/kernel-groups.ts';
import { UsageError } from './options.ts';
import { permissionText } from './reasons.ts';

const { EACCES, EINVAL, ENOSPC, EPERM } = constants.errno;

/** @throws UsageError naming the first event or group that is refused, and the remedy. */
export function checkPermitted(groups: readonly EventGroup[], addon: Pick<Addon, 'tryGroup'> | null): void {
  if (addon === null) return; // nothing of the kernel's is counted then, and the table says why
  for (const events of groups) {
    const errnos = tried(events, addon);
    // What is wrong by itself is no matter of registers.
    if (events.length > 1 && [...errnos.values()].some(isInvalid))
      checkPermitted(
        events.map((event) => [event]),
        addon,
      );
    for (const [event, errno] of errnos) check(event, errno, events.length > 1 ? events : []);
  }
}

/** How the kernel answers those that are its own: all of them together. */
function tried(events: EventGroup, addon: Pick<Addon, 'tryGroup'>): Map<ResolvedEvent, number> {
  const kernel = KernelGroups.onTrial(addon);
  const candidates = new Map<ResolvedEvent, Candidate>();
  for (const event of events)
    if (event.source.kind === 'perf') candidates.set(event, candidateOf(event.source, 0));
  if (candidates.size === 0) return new Map();
  if (events.length > 1) kernel.openGroup([...candidates.values()]);
  else kernel.openLoose([...candidates.values()]);
  return new Map([...candidates].map(([event, one]) => [event, kernel.outcomes.get(one)!.errno]));
}

function isInvalid(errno: number): boolean {
  return errno === EINVAL || errno === ENOSPC;
}

function check(event: ResolvedEvent, errno: number, group: readonly ResolvedEvent[]): void {
  const isSpared = event.source.kind === 'perf' && event.source.instead !== null;
  if ((errno === EACCES || errno === EPERM) && !isSpared) {
    throw new UsageError(
      `event '${event.name}' may not be counted (${errno === EPERM ? 'EPERM' : 'EACCES'}); ${permissionText()}`,
    );
  }
  if (!isInvalid(errno)) return;
  if (group.length > 0) {
    const names = group.map((one) => one.name).join(',');
    throw new UsageError(
      `group '{${names}}' can never be counted together (EINVAL): the PMU has too few registers; use a smaller group`,
    );
  }
  throw new UsageError(
    `event '${event.name}' is not valid on this machine (EINVAL); \`taskperf list\` shows what is`,
  );
}
