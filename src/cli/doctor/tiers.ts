/** What each kind of event gets on this machine, from best to worst: exact, estimated, not supported. */
import { HEAP_TEXT, estimateText } from '../reasons.ts';
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
  const how = estimateOf(probe);
  if (how !== undefined) {
    return [
      estimated('task-clock, cpu-clock, late', how),
      exact('wall, task-switches, forks', HAPPENS),
      estimated('wait', INFERRED),
    ];
  }
  const tells = probe?.preemption === 'rseq' ? 'rseq' : 'a perf page';
  return [
    exact('task-clock', `clock, corrected when ${tells} tells`),
    exact('cpu-clock, wall, task-switches, forks, late', HAPPENS),
    estimated('wait', INFERRED),
  ];
}

/** Undefined where the clocks are exact. */
function estimateOf(probe: Probe | undefined): string | undefined {
  if (probe === undefined) return "by JavaScript's clocks";
  if (probe.boundariesLack.length > 0) return 'without the boundaries of the event loop';
  if (probe.preemption === 'nothing') return "the kernel's clock once per turn of the event loop, shared out";
  return undefined;
}

const HAPPENS = 'counted where it happens';

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
  if (probe === undefined) return estimated(events, estimateText('page-faults', false));
  const isPerf = probe.taskClock.all === 0;
  return exact(events, isPerf ? 'perf events, a read(2) per task switch' : 'getrusage per task switch');
}

function v8Tiers(probe: Probe | undefined): Tier[] {
  const gc = 'gc-time, gc-count, gc-minor, gc-major';
  const [alloc, external] = ['alloc-bytes', 'external-bytes'];
  if (probe === undefined)
    return [
      estimated(gc, estimateText('gc-time', false)),
      estimated(alloc, estimateText(alloc, false)),
      { events: external, kind: 'not supported', how: 'no native addon' },
    ];
  const unless = (lacked: string, tier: Tier): Tier =>
    probe.v8Lacks.includes(lacked)
      ? { events: tier.events, kind: 'not supported', how: 'V8 does not tell' }
      : tier;
  return [
    unless('gc', exact(gc, "V8's callbacks")),
    unless(alloc, estimated(alloc, HEAP_TEXT)),
    unless(external, estimated(external, 'growth of external memory')),
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
