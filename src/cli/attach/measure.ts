/** Counting a process that runs already (-p PID), until Ctrl-C, its end, or that of a command. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { RunArguments } from '../arguments.ts';
import { messageOf } from '../directory.ts';
import { LaunchError, exitStatus } from '../launch.ts';
import { follow, foundIn, nowNs, sessionOptions } from '../measure.ts';
import type { Measured, Observer } from '../measure.ts';
import { NO_OTHERS } from '../os-rows.ts';
import { RegionSession } from '../regions.ts';
import type { Ending } from '../report.ts';
import type { Tally } from '../tally.ts';
import { attachOrRefuse, signalled } from './attach-to.ts';
import type { Attached } from './attach-to.ts';
import { nodeDescendants } from './target.ts';

const ALIVE_MS = 100;

/** The exit status is 0, or that of the command that said how long. */
export async function measureAttached(
  pid: number,
  options: RunArguments,
  observer: Observer,
): Promise<Measured> {
  const { asked, blockedMs, stack } = options;
  const stopped = signalled();
  const attached = await attachOrRefuse(pid, { events: asked.text, blockedMs, hasStacks: stack });
  const { command } = attached.target;
  const child = await started(options.command, attached);
  const session = new RegionSession(sessionOptions(options, observer, attached.directory));
  const startNs = nowNs();
  const system = { processes: new Map(), ended: [] };
  const stop = follow({ session, system, pid, command, startNs }, observer);
  const status = await untilEnd(attached, stopped, child);
  const endNs = nowNs();
  session.blocked?.endsAt(endNs);
  const elapsedNs = endNs - startNs;
  const hasLeft = attached.hasLeft();
  const hasLetGo = await attached.detach();
  stop();
  observer.end?.(elapsedNs);
  const tally = session.finish();
  const ended: Ending = { code: null, signal: null, forced: false, runsOn: attached.isAlive() };
  const notes = [...session.notes, ...notesOf(attached, tally, { hasLeft, hasLetGo })];
  const others = { others: NO_OTHERS, othersBy: () => NO_OTHERS };
  const run = { command, pid, ended, elapsedNs, startNs, session, tally, ...others, notes };
  return { found: foundIn(options, run), status };
}

/** The exit status, when the user or the process has ended it, or the command if there is one. */
async function untilEnd(
  attached: Attached,
  stopped: Promise<number>,
  child: Command | undefined,
): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const left = new Promise<number>((resolve) => {
    timer = setInterval(() => attached.hasLeft() && resolve(0), ALIVE_MS);
  });
  try {
    return await Promise.race([stopped, left, ...(child === undefined ? [] : [child.ended])]);
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

/** The command only says how long: it is not counted. @throws LaunchError when there is none, and the process is let go. */
async function started(command: readonly string[], attached: Attached): Promise<Command | undefined> {
  const [file, ...args] = command;
  if (file === undefined) return undefined;
  const child = spawn(file, args, { stdio: 'inherit', env: attached.env });
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => resolve(exitStatus({ code, signal, forced: false })));
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    await attached.detach();
    attached.remove();
    throw new LaunchError(`cannot start '${file}': ${messageOf(error)}`, 127);
  }
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
