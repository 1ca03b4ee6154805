/** `taskperf stat`: starts the command, reads its regions while it runs, and reports when it has ended. */
import { TaskperfError } from '../core/errors.ts';
import type { EventInfo } from '../core/events.ts';
import { loadAddon } from '../node/addon.ts';
import { parseStat, UsageError } from './arguments.ts';
import type { StatArguments } from './arguments.ts';
import type { AskedEvents } from './asked-events.ts';
import { messageOf, prepareDirectory, regionDirectory } from './directory.ts';
import { documentOf, imbalances } from './document.ts';
import { STAT_HELP } from './help.ts';
import { Intervals } from './interval.ts';
import type { IntervalOptions } from './interval.ts';
import { SESSION_MARK, childEnv, exitStatus, launch, usesPermissionModel } from './launch.ts';
import { osEvents } from './os-events.ts';
import { othersOf } from './os-rows.ts';
import type { Others } from './os-rows.ts';
import { OsThreads } from './os-threads.ts';
import { Output } from './output.ts';
import { ownersOf } from './owners.ts';
import { isPerfDeadly } from './doctor/machine.ts';
import { checkPermitted } from './preflight.ts';
import { printable } from './printable.ts';
import { sparePerf } from './reasons.ts';
import { RegionSession } from './regions.ts';
import { endingText, isCounted } from './report.ts';
import type { Ending, Report } from './report.ts';
import { removeStale } from './stale.ts';
import { Stacks } from './stacks.ts';
import { renderTable } from './table.ts';
import type { Tally } from './tally.ts';

const POLL_MS = 50;
/** When a ring fills faster than this share per poll, we poll again sooner. */
const RING_FULL_SHARE = 0.2;
const POLL_FAST_MS = 5;

/** Returns the exit status. Throws UsageError and LaunchError before anything has run. */
export async function stat(args: readonly string[]): Promise<number> {
  const options = parseStat(args);
  if (options.help) {
    process.stdout.write(STAT_HELP);
    return 0;
  }
  // Passed on to the program: it must not be killed for what we open in it.
  if (process.platform === 'linux' && isPerfDeadly()) sparePerf();
  checkPermitted(options.asked.named, loadAddon());
  const output = new Output(options.output, options.color, process.env);
  try {
    if (options.pid === undefined) return await run(options, output);
    // Loaded when it is wanted: what it needs takes as long to load as all the rest.
    const { statAttached } = await import('./attach/stat.ts');
    return await statAttached(options.pid, options, output);
  } finally {
    output.close();
  }
}

async function run(options: StatArguments, output: Output): Promise<number> {
  const { command, asked, by } = options;
  const { events } = asked;
  const directory = prepared();
  const session = new RegionSession({
    directory,
    session: process.pid,
    events,
    by,
    intervals: options.intervalMs !== undefined,
    blockedNs: options.blockedMs * 1e6,
    stacks: options.stack ? new Stacks(loadAddon()) : undefined,
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
  const { intervals, stop } = follow(session, { options, output, system, startNs });
  const ended = await child.ended;
  stop();
  const endNs = nowNs();
  session.blocked?.endsAt(endNs);
  const elapsedNs = endNs - startNs;
  system.stop();
  intervals?.next(elapsedNs, output.style);
  const report = reportOf(options, {
    ended,
    elapsedNs,
    startNs,
    pid: child.pid,
    session,
    system,
    dropped: intervals?.dropped ?? 0,
  });
  print({ ...report, notes: [...report.notes, ...imbalances(report)] }, intervals, { options, output });
  return exitStatus(ended);
}

/** A run that is over. */
interface Run {
  readonly pid: number;
  readonly ended: Ending;
  readonly startNs: number;
  readonly elapsedNs: number;
  readonly session: RegionSession;
  readonly system: OsThreads;
  readonly dropped: number;
}

function reportOf(options: StatArguments, run: Run): Report {
  const { command, asked, by, explicitEvents, metricGroups } = options;
  const { pid, ended, startNs, elapsedNs, session, system, dropped } = run;
  const tally = session.finish();
  const others = othersOf(system, tally, { command: pid, by, events: asked.events });
  return {
    command,
    pid,
    ended,
    elapsedNs,
    events: shownEvents(asked, tally, others),
    explicitEvents,
    metricGroups,
    hidden: asked.hidden,
    by,
    tally,
    others,
    groups: session.collector.groups,
    tasks: session.tasks(),
    owners: ownersOf(tally, others, (owner) => session.nameOf(owner)),
    blocked: session.blocked && { log: session.blocked, startNs },
    notes: notesOf(session, others, { ended, dropped }),
  };
}

/** Those that were asked for by name, and of the others what some process counted. */
export function shownEvents(
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

export function print(
  report: Report,
  intervals: Intervals | undefined,
  to: { options: StatArguments; output: Output },
): void {
  const { options, output } = to;
  if (options.json) {
    writeOut(output, `${JSON.stringify(documentOf(report, intervals?.kept), null, 2)}\n`);
  } else if (report.tally.processes.length > 0 || report.others.rows.length > 0) {
    writeOut(output, renderTable(report, output.style));
  } else {
    writeOut(output, report.notes.map((note) => `taskperf: ${printable(note)}\n`).join(''));
  }
}

/** Who is followed, from when on, and where intervals are printed. */
interface Following {
  readonly options: StatArguments;
  readonly output: Output;
  readonly system: IntervalOptions['system'];
  readonly startNs: number;
}

/** Polls the regions and prints what each interval added, until `stop`. */
export function follow(
  session: RegionSession,
  { options, output, system, startNs }: Following,
): { readonly intervals: Intervals | undefined; readonly stop: () => void } {
  const { asked, by, explicitEvents, intervalMs, json } = options;
  const collector = session.intervalCollector;
  const intervals =
    collector && new Intervals(session, collector, { ...asked, by, explicitEvents, system, startNs });
  const tick = (): void => {
    const block = intervals!.next(nowNs() - startNs, output.style);
    if (!json) writeOut(output, block);
  };
  return { intervals, stop: watch(session, tick, intervalMs) };
}

/** Polls the regions, and calls `tick` every `intervalMs`, until the returned function is called. */
function watch(session: RegionSession, tick: () => void, intervalMs: number | undefined): () => void {
  let timer: NodeJS.Timeout;
  const poll = (): void => {
    const fullest = session.poll();
    timer = setTimeout(poll, fullest > RING_FULL_SHARE ? POLL_FAST_MS : POLL_MS);
  };
  timer = setTimeout(poll, POLL_MS);
  const ticker = intervalMs === undefined ? undefined : setInterval(tick, intervalMs);
  return () => {
    clearTimeout(timer);
    clearInterval(ticker);
  };
}

function envFor({ command, asked, blockedMs, stack }: StatArguments, directory: string): NodeJS.ProcessEnv {
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

function notesOf(session: RegionSession, others: Others, run: { ended: Ending; dropped: number }): string[] {
  const notes = [...new Set([...session.notes, ...others.notes])];
  if (session.tally().processes.length === 0 && session.notes.length === 0) {
    if (others.hasUncountedNode) {
      notes.push(
        'no task was counted, though node ran: the command must not clear NODE_OPTIONS and not use --permission',
      );
    } else if (others.rows.length === 0) {
      notes.push(
        `nothing was counted: no Node.js process of the command showed up (the command ${run.ended.signal === null ? '' : 'was '}${endingText(run.ended)}); ` +
          'it must start node, not clear NODE_OPTIONS and not use --permission',
      );
    }
  }
  if (session.tally().processes.length > 0 && others.uncountedNode > 0)
    notes.push(uncountedText(others.uncountedNode));
  if (run.dropped > 0) notes.push(`${run.dropped} intervals are missing in the document; use a longer -I`);
  return notes;
}

function uncountedText(processes: number): string {
  const subject = processes === 1 ? '1 process of Node.js is' : `${processes} processes of Node.js are`;
  return (
    `${subject} not counted by task, only as a whole: they were started with an environment that lacks taskperf's ` +
    'NODE_OPTIONS, or with --permission; add to NODE_OPTIONS instead of setting it'
  );
}

/** The program has run: a table that cannot be written is said, but its exit status stays the program's. */
export function writeOut(output: Output, text: string): void {
  try {
    output.write(text);
  } catch (error) {
    process.stderr.write(
      `taskperf: cannot write to '${printable(output.name)}' (${messageOf(error)}); nothing more was written\n`,
    );
  }
}

export function nowNs(): number {
  return Number(process.hrtime.bigint());
}
