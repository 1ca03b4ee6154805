/** What each kind of event gets on this machine, from best to worst: exact, estimated, not supported. */
import type { Machine } from './machine.ts';
import type { Probe } from './probe.ts';

export interface Tier {
  readonly events: string;
  readonly kind: 'exact' | 'estimated' | 'not supported';
  readonly how: string;
}

/** `stat` counts these unless told otherwise; wait is inferred on every machine and hardware events come if they can. */
const DEFAULT_EVENTS: readonly string[] = ['task-clock', 'gc-time'];

/** Can `stat` work exactly, with what it counts by default? Not if the kernel kills who tries to count. */
export function isExact(tiers: readonly Tier[], { probe, directory }: Machine): boolean {
  const kindOf = (event: string): string | undefined =>
    tiers.find(({ events }) => events.split(', ').includes(event))?.kind;
  const runs = directory.refused === null && typeof probe !== 'string' && !probe.perfKills;
  return runs && DEFAULT_EVENTS.every((event) => kindOf(event) === 'exact');
}

export function tiersOf({ probe, platform }: Machine): Tier[] {
  const found = typeof probe === 'string' || probe.noAddon !== null ? undefined : probe;
  return [
    ...clockTiers(found),
    hardwareTier(found),
    kernelTier('page-faults, minor-faults, major-faults, context-switches', found),
    ...v8Tiers(found),
    threadTier(found, platform),
  ];
}

function clockTiers(probe: Probe | undefined): Tier[] {
  const clock = 'task-clock';
  const others = 'cpu-clock, wall, task-switches, forks, late';
  if (probe === undefined || probe.boundariesLack.length > 0) {
    const how = probe === undefined ? "by JavaScript's clocks" : 'without the boundaries of the event loop';
    return [estimated(clock, how), estimated(others, how), estimated('wait', INFERRED)];
  }
  const task =
    probe.preemption === 'nothing'
      ? estimated(clock, "the kernel's clock once per turn of the event loop, shared out")
      : exact(
          clock,
          probe.preemption === 'rseq'
            ? 'clock, corrected when rseq tells'
            : 'clock, corrected when a perf page tells',
        );
  return [task, exact(others, 'counted where it happens'), estimated('wait', INFERRED)];
}

const INFERRED = 'inferred, on every machine';

function hardwareTier(probe: Probe | undefined): Tier {
  const events = 'cycles, instructions, branches, cache events';
  if (probe === undefined || probe.registers === 0)
    return {
      events,
      kind: 'not supported',
      how: probe === undefined ? 'no native addon' : 'no hardware counters',
    };
  const share = probe.cycles.all === 0 ? 'kernel and user space' : 'user space only';
  return exact(
    events,
    `${share}; ${probe.userRead ? 'read in user space' : 'one read(2) per group and task switch'}`,
  );
}

/** Without the kernel's part perf would count no context switch, ever, and no fault within a system call. */
function kernelTier(events: string, probe: Probe | undefined): Tier {
  if (probe === undefined) return { events, kind: 'not supported', how: 'no native addon' };
  const isPerf = probe.taskClock.all === 0;
  return exact(events, isPerf ? 'perf events, a read(2) per task switch' : 'getrusage per task switch');
}

function v8Tiers(probe: Probe | undefined): Tier[] {
  const gc = 'gc-time, gc-count, gc-minor, gc-major';
  const tiers =
    probe === undefined || probe.v8Lacks.includes('gc')
      ? estimated(gc, "Node's performance entries, joined to tasks by time")
      : exact(gc, "V8's callbacks");
  const bytes = (event: string, how: string): Tier =>
    probe === undefined || probe.v8Lacks.includes(event)
      ? {
          events: event,
          kind: 'not supported',
          how: probe === undefined ? 'no native addon' : 'V8 does not tell',
        }
      : estimated(event, how);
  return [
    tiers,
    bytes('alloc-bytes', 'from the used heap: within 5 % for 100 kB and more'),
    bytes('external-bytes', 'growth of external memory'),
  ];
}

function threadTier(probe: Probe | undefined, platform: string): Tier {
  const events = 'threads without JavaScript';
  if (platform !== 'linux') return { events, kind: 'not supported', how: 'needs Linux' };
  return probe?.taskClock.user === 0
    ? exact(events, 'a perf event per thread')
    : estimated(events, '/proc, CPU time only');
}

function exact(events: string, how: string): Tier {
  return { events, kind: 'exact', how };
}

function estimated(events: string, how: string): Tier {
  return { events, kind: 'estimated', how };
}
