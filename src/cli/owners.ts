/** Who started which process: as the regions say, and for programs that have none as their environment does. */
import type { Owner } from '../core/owner.ts';
import type { Others } from './os-rows.ts';
import type { Tally } from './tally.ts';

/** By the pid of the process that has an owner. `nameOf`: what the task was called in the end. */
export function ownersOf(tally: Tally, others: Others, nameOf: (owner: Owner) => string): Map<number, Owner> {
  const hostPids = new Map(tally.processes.map((one) => [one.innerPid, one.pid]));
  const owners = new Map<number, Owner>();
  // What the region says is from the process itself, whatever has become of its environment.
  for (const { pid, owner } of [...others.seen, ...tally.processes]) {
    const hostPid = owner === null ? undefined : hostPids.get(owner.pid);
    // Of another taskperf that runs inside the command.
    if (owner === null || hostPid === undefined) continue;
    owners.set(pid, { ...owner, pid: hostPid, name: nameOf(owner) });
  }
  return owners;
}
