/**
 * Counting a command from its start to its end, for whoever wants to know: starts it, reads its regions while it runs, and
 * says at the end what was found.
 */
import { TaskperfError } from '../core/errors.ts';
import type { EventInfo } from '../core/events.ts';
import { loadAddon } from '../node/addon.ts';
import type { RunArguments } from './arguments.ts';
import type { AskedEvents } from './asked-events.ts';
import { prepareDirectory, regionDirectory } from './directory.ts';
import { isPerfDeadly } from './doctor/machine.ts';
import { SESSION_MARK, childEnv, exitStatus, launch, usesPermissionModel } from './launch.ts';
import { UsageError } from './options.ts';
import { osEvents } from './os-events.ts';
import { othersOf } from './os-rows.ts';
import type { Others } from './os-rows.ts';
import { OsThreads } from './os-threads.ts';
import { ownersOf } from './owners.ts';
import { checkPermitted } from './preflight.ts';
import { sparePerf } from './reasons.ts';
import { RegionSession } from './regions.ts';
import type { OnExit } from './ring.ts';
import { endingText, isCounted } from './report.ts';
import type { Ending, Report } from './report.ts';
import { removeStale } from './stale.ts';
import { Stacks } from './stacks.ts';
import type { By, Grouping, Tally } from './tally.ts';

const POLL_MS = 50;
/** When a ring fills faster than this share per poll, we poll again sooner. */
const RING_FULL_SHARE = 0.2;
const POLL_FAST_MS = 5;

/** Who wants to know what a program uses. */
export interface Observer {
  readonly by: Grouping;
  /** Also keep the spread of the current interval. */
  readonly intervals: boolean;
  /** Is told of every task that has ended. */
  readonly onExit?: OnExit;
  /** The program runs, and its regions are read from now on. */
  begin(run: Followed): void;
  /** What there was has been read. */
  polled?(): void;
  /** The program is not counted any more; its regions will be read for the last time. */
  end?(elapsedNs: number): void;
}

export interface Followed {
  readonly session: RegionSession;
  /** Processes that make no region. */
  readonly system: Pick<OsThreads, 'processes' | 'ended'>;
  readonly pid: number;
  readonly command: readonly string[];
  /** CLOCK_MONOTONIC. */
  readonly startNs: number;
}

/** All that was found, in the rows that the observer wanted. */
export interface Found extends Omit<Report, 'by'> {
  /** `others` is as the observer wanted; this as others may want it later. */
  readonly othersBy: (by: By) => Others;
}

export interface Measured {
  readonly found: Found;
  /** What the tool has to exit with. */
  readonly status: number;
}

/** Counts what the arguments say. Throws UsageError and LaunchError before anything has run. */
export async function measure(options: RunArguments, observer: Observer): Promise<Measured> {
  if (options.pid === undefined) return await measureCommand(options, observer);
  // Loaded when it is wanted: what it needs takes as long to load as all the rest.
  const { measureAttached } = await import('./attach/measure.ts');
  return await measureAttached(options.pid, options, observer);
}

/** Throws UsageError for an event that may not be counted here. */
export function checkEvents({ asked }: RunArguments): void {
  // Passed on to the program: it must not be killed for what we open in it.
  if (process.platform === 'linux' && isPerfDeadly()) sparePerf();
  checkPermitted(asked.named, loadAddon());
}

async function measureCommand(options: RunArguments, observer: Observer): Promise<Measured> {
  const { command, asked } = options;
  const directory = prepared();
  const session = new RegionSession({
    ...sessionOptions(options, observer, directory),
    hostPid: (inner) => system.hostPidOf(inner),
    takeOwners: () => system.takeOwners(),
  });
  const env = envFor(options, directory);
  const system = new OsThreads({
    addon: loadAddon(),
    events: osEvents(asked.sources),
    regions: () => session.threads(),
    mark: SESSION_MARK,
  });
  const startNs = nowNs();
  const child = await launch({
    command,
    env,
    morePids: () => pidsOf(session, system),
    onProcess: (pid, isHeld) => system.begin(pid, command[0]!, isHeld),
  });
  system.follow(child.before);
  const { pid } = child;
  const stop = follow({ session, system, pid, command, startNs }, observer);
  const ended = await child.ended;
  stop();
  const endNs = nowNs();
  session.blocked?.endsAt(endNs);
  const elapsedNs = endNs - startNs;
  system.stop();
  observer.end?.(elapsedNs);
  const tally = session.finish();
  const othersBy = (by: Grouping): Others =>
    othersOf(system, tally, { command: pid, by, events: asked.events });
  const others = othersBy(observer.by);
  const notes = notesOf(session, others, ended);
  const run = { command, pid, ended, elapsedNs, startNs, session, tally, others, othersBy, notes };
  return { found: foundIn(options, run), status: exitStatus(ended) };
}

/** What both ways of counting give the session. */
export function sessionOptions(
  { asked, blockedMs, stack }: RunArguments,
  { by, intervals, onExit }: Observer,
  directory: string,
): ConstructorParameters<typeof RegionSession>[0] {
  return {
    directory,
    session: process.pid,
    events: asked.events,
    by,
    intervals,
    onExit,
    blockedNs: blockedMs * 1e6,
    stacks: stack ? new Stacks(loadAddon()) : undefined,
  };
}

/** A run that is over. */
export interface Run
  extends Pick<Found, 'command' | 'pid' | 'ended' | 'elapsedNs' | 'tally' | 'others' | 'othersBy' | 'notes'> {
  readonly session: RegionSession;
  readonly startNs: number;
}

export function foundIn(
  { asked, explicitEvents, metricGroups }: RunArguments,
  { session, startNs, ...run }: Run,
): Found {
  const { tally, others } = run;
  return {
    ...run,
    events: shownEvents(asked, tally, others),
    explicitEvents,
    metricGroups,
    hidden: asked.hidden,
    groups: session.collector.groups,
    tasks: session.tasks(),
    owners: ownersOf(tally, others, (owner) => session.nameOf(owner)),
    blocked: session.blocked && { log: session.blocked, startNs },
  };
}

/** Those that were asked for by name, and of the others what some process counted. */
function shownEvents(
  { events, optional }: AskedEvents,
  { processes }: Tally,
  { lines }: Others,
): EventInfo[] {
  return events.filter((event) => {
    return !optional.has(event) || isCounted(event, processes) || lines.includes(event.id);
  });
}

/** Of the Node processes of the command that run now. */
function pidsOf(session: RegionSession, system: OsThreads): number[] {
  system.look();
  session.poll();
  return session.pids().filter((pid) => system.owns(pid));
}

/** Polls the regions until the returned function is called. */
export function follow(run: Followed, observer: Observer): () => void {
  const { session } = run;
  observer.begin(run);
  let timer: NodeJS.Timeout;
  const poll = (): void => {
    const fullest = session.poll();
    observer.polled?.();
    timer = setTimeout(poll, fullest > RING_FULL_SHARE ? POLL_FAST_MS : POLL_MS);
  };
  timer = setTimeout(poll, POLL_MS);
  return () => clearTimeout(timer);
}

function envFor({ command, asked, blockedMs, stack }: RunArguments, directory: string): NodeJS.ProcessEnv {
  if (usesPermissionModel(command, process.env)) return process.env;
  const env = childEnv(process.env, asked.text, directory);
  return { ...env, TASKPERF_BLOCKED_MS: String(blockedMs), ...(stack ? { TASKPERF_STACK: '1' } : {}) };
}

function prepared(): string {
  const directory = regionDirectory(process.env);
  try {
    prepareDirectory(directory);
  } catch (error) {
    if (error instanceof TaskperfError) throw new UsageError(error.message);
    throw error;
  }
  removeStale(directory);
  return directory;
}

function notesOf(session: RegionSession, others: Others, ended: Ending): string[] {
  const notes = [...new Set([...session.notes, ...others.notes])];
  if (session.tally().processes.length === 0 && session.notes.length === 0) {
    if (others.hasUncountedNode) {
      notes.push(
        'no task was counted, though node ran: the command must not clear NODE_OPTIONS and not use --permission',
      );
    } else if (others.rows.length === 0) {
      notes.push(
        `nothing was counted: no Node.js process of the command showed up (the command ${ended.signal === null ? '' : 'was '}${endingText(ended)}); ` +
          'it must start node, not clear NODE_OPTIONS and not use --permission',
      );
    }
  }
  if (session.tally().processes.length > 0 && others.uncountedNode > 0)
    notes.push(uncountedText(others.uncountedNode));
  return notes;
}

function uncountedText(processes: number): string {
  const subject = processes === 1 ? '1 process of Node.js is' : `${processes} processes of Node.js are`;
  return (
    `${subject} not counted by task, only as a whole: they were started with an environment that lacks taskperf's ` +
    'NODE_OPTIONS, or with --permission; add to NODE_OPTIONS instead of setting it'
  );
}

export function nowNs(): number {
  return Number(process.hrtime.bigint());
}
