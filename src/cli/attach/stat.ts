/** `taskperf stat -p PID`: counts a process that runs already, until Ctrl-C, its end, or that of a command. */
import { spawn } from 'node:child_process';
import { loadAddon } from '../../node/addon.ts';
import type { StatArguments } from '../arguments.ts';
import { imbalances } from '../document.ts';
import { LaunchError, exitStatus } from '../launch.ts';
import { NO_OTHERS } from '../os-rows.ts';
import type { Output } from '../output.ts';
import { ownersOf } from '../owners.ts';
import { RegionSession } from '../regions.ts';
import { Stacks } from '../stacks.ts';
import type { Ending, Report } from '../report.ts';
import type { Tally } from '../tally.ts';
import { follow, nowNs, print, shownEvents } from '../stat.ts';
import { attachOrRefuse, signalled } from './attach-to.ts';
import type { Attached } from './attach-to.ts';
import { nodeDescendants } from './target.ts';

const ALIVE_MS = 100;

/** Returns the exit status: 0, or that of the command that said how long. */
export async function statAttached(pid: number, options: StatArguments, output: Output): Promise<number> {
  const { asked, by, explicitEvents } = options;
  const { events } = asked;
  const stopped = signalled();
  const { blockedMs, stack } = options;
  const attached = await attachOrRefuse(pid, { events: asked.text, blockedMs, hasStacks: stack });
  const { directory, target } = attached;
  const session = new RegionSession({
    directory,
    session: process.pid,
    events,
    by,
    intervals: options.intervalMs !== undefined,
    blockedNs: blockedMs * 1e6,
    stacks: stack ? new Stacks(loadAddon()) : undefined,
  });
  const startNs = nowNs();
  const system = { processes: new Map(), ended: [] };
  const { intervals, stop } = follow(session, { options, output, system, startNs });
  const status = await untilEnd(attached, stopped, options.command);
  const endNs = nowNs();
  session.blocked?.endsAt(endNs);
  const elapsedNs = endNs - startNs;
  const hasLeft = attached.hasLeft();
  const hasLetGo = await attached.detach();
  stop();
  intervals?.next(elapsedNs, output.style);
  const tally = session.finish();
  const ended: Ending = { code: null, signal: null, forced: false, runsOn: attached.isAlive() };
  const report: Report = {
    command: target.command,
    pid,
    ended,
    elapsedNs,
    events: shownEvents(asked, tally, NO_OTHERS),
    explicitEvents,
    metricGroups: options.metricGroups,
    hidden: asked.hidden,
    by,
    tally,
    others: NO_OTHERS,
    groups: session.collector.groups,
    tasks: session.tasks(),
    owners: ownersOf(tally, NO_OTHERS, (owner) => session.nameOf(owner)),
    blocked: session.blocked && { log: session.blocked, startNs },
    notes: [...session.notes, ...notesOf(attached, tally, { hasLeft, hasLetGo })],
  };
  print({ ...report, notes: [...report.notes, ...imbalances(report)] }, intervals, { options, output });
  return status;
}

/** The exit status, when the user or the process has ended it, or the command if there is one. */
async function untilEnd(
  attached: Attached,
  stopped: Promise<number>,
  command: readonly string[],
): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const left = new Promise<number>((resolve) => {
    timer = setInterval(() => attached.hasLeft() && resolve(0), ALIVE_MS);
  });
  const child = command.length === 0 ? undefined : run(command, attached.env);
  try {
    return await Promise.race([stopped, left, ...(child === undefined ? [] : [child.ended])]);
  } catch (error) {
    await attached.detach();
    throw error;
  } finally {
    clearInterval(timer);
    child?.stop();
  }
}

interface Command {
  readonly ended: Promise<number>;
  /** It was there to say how long: that is over. */
  stop(): void;
}

/** The command only says how long: it is not counted. */
function run(command: readonly string[], env: NodeJS.ProcessEnv): Command {
  const [file, ...args] = command;
  const child = spawn(file!, args, { stdio: 'inherit', env });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => reject(new LaunchError(`cannot start '${file}': ${error.message}`, 127)));
    child.once('exit', (code, signal) => resolve(exitStatus({ code, signal, forced: false })));
  });
  const stop = (): void => {
    child.kill();
    child.unref();
  };
  return { ended, stop };
}

function notesOf(
  attached: Attached,
  tally: Tally,
  { hasLeft, hasLetGo }: { hasLeft: boolean; hasLetGo: boolean },
): string[] {
  const { pid } = attached.target;
  const notes = ['only threads that run JavaScript are counted of a process that was attached to'];
  if (hasLeft && attached.isAlive())
    notes.push(`process ${pid} let go of taskperf by itself, before the end`);
  if (!hasLetGo)
    notes.push(`process ${pid} is too busy to let go of taskperf; it will as soon as its event loop goes on`);
  // npm, npx, tsx and the like are programs of Node.js that start another.
  const children = tally.rows.size === 0 ? nodeDescendants(pid) : [];
  if (children.length > 0)
    notes.push(
      `no task ran in process ${pid}; it has started Node.js as process ${children.join(', ')}: use that`,
    );
  return notes;
}
