/**
 * Events that were asked for by name are tried before anything is started: what is not permitted, not valid or can never
 * be on the PMU together is a mistake of the command line. What the machine just does not count is not: the table says so.
 */
import { constants } from 'node:os';
import type { Addon } from '../node/addon.ts';
import type { EventGroup, ResolvedEvent } from '../node/events/event.ts';
import { KernelGroups, candidateOf } from '../node/kernel-groups.ts';
import type { Candidate } from '../node/kernel-groups.ts';
import { UsageError } from './arguments.ts';

const { EACCES, EINVAL, ENOSPC, EPERM } = constants.errno;

/** @throws UsageError naming the first event or group that is refused, and the remedy. */
export function checkPermitted(groups: readonly EventGroup[], addon: Pick<Addon, 'tryGroup'> | null): void {
  if (addon === null) return; // nothing of the kernel's is counted then, and the table says why
  const kernel = new KernelGroups(
    { addGroup: (_, specs) => addon.tryGroup(specs), removeGroup: () => {} },
    () => 1,
  );
  for (const events of groups) {
    const candidates = new Map<Candidate, ResolvedEvent>();
    for (const event of events)
      if (event.source.kind === 'perf') candidates.set(candidateOf(event.source, 0), event);
    if (candidates.size === 0) continue;
    if (events.length > 1) kernel.openGroup([...candidates.keys()]);
    else kernel.openLoose([...candidates.keys()]);
    for (const [candidate, event] of candidates)
      check(event, kernel.outcomes.get(candidate)!.errno, events.length > 1 ? events : []);
  }
}

function check(event: ResolvedEvent, errno: number, group: readonly ResolvedEvent[]): void {
  const isSpared = event.source.kind === 'perf' && event.source.instead !== null;
  if ((errno === EACCES || errno === EPERM) && !isSpared) {
    throw new UsageError(
      `event '${event.name}' may not be counted (${errno === EPERM ? 'EPERM' : 'EACCES'}); ` +
        '`sudo sysctl kernel.perf_event_paranoid=1` or CAP_PERFMON allows it, `taskperf doctor` tells more',
    );
  }
  if (errno !== EINVAL && errno !== ENOSPC) return;
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
