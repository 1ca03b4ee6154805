/** Counting in this thread for a tool outside: the counters it asked for are opened, and HTTP requests become tasks. */
import { isMainThread, threadId } from 'node:worker_threads';
import { H_BLOCKED_MS, H_EVENTS } from '../core/index.ts';
import type { Owner } from '../core/index.ts';
import { loadAddon } from './addon.ts';
import { atExit, notAtExit } from './at-exit.ts';
import { attachThread } from './attach.ts';
import { calibrateSwitch } from './calibrate.ts';
import { parseEvents } from './events/parse.ts';
import { Http2Tasks } from './http2-tasks.ts';
import { HttpTasks } from './http-tasks.ts';
import { lineOf } from './lines.ts';
import type { Thread } from './thread.ts';

export interface CountingOptions {
  /** As in `-e`. */
  readonly events: string;
  /** Where the region goes. */
  readonly directory: string | null;
  /** Pid of the tool, and what else tells which process that is (identity.ts); default: TASKPERF_SESSION_START. */
  readonly session: number;
  readonly sessionStart?: string;
  /** The task that started this process. */
  readonly owner?: Owner | null;
  /** From how long on a stretch of JavaScript is noted as a blockage; 0: none is. */
  readonly blockedMs: number;
  /** Stacks of what blocks a loop can be asked for. */
  readonly hasStacks: boolean;
}

/** Without `blockedMs` the word of the process stays as it is. */
export type StartOptions = Omit<CountingOptions, 'blockedMs'> & Partial<Pick<CountingOptions, 'blockedMs'>>;

export interface Counting {
  readonly thread: Thread;
  /** Requests are no tasks any more, and nothing is called at the process's end: the first step of letting go. */
  readonly stop: () => void;
}

/** The events are opened on the thread's root task, and inherited by every request. */
export function startCounting(options: StartOptions): Counting {
  const { events, directory, session, sessionStart, owner } = options;
  const name = isMainThread ? 'main' : `worker ${threadId}`;
  const thread = attachThread({
    addon: loadAddon(),
    directory,
    session,
    ...(sessionStart === undefined ? {} : { sessionStart }),
    ...(owner === undefined ? {} : { owner }),
    name,
  });
  if (options.blockedMs !== undefined) thread.words[H_BLOCKED_MS] = options.blockedMs;
  thread.watchStacks(options.hasStacks);
  const groups = parseEvents(events);
  thread.sources.open(groups);
  for (const event of groups.flat()) {
    const counted = lineOf(thread, event);
    // The tool misses its bit in H_EVENTS, and says <not supported>.
    if (counted.errno !== 0) continue;
    thread.ownCounters.open(counted.line);
    Atomics.or(thread.words, H_EVENTS, 1 << counted.line);
  }
  for (const line of thread.sources.missedLines()) thread.ownCounters.open(line);
  thread.count();
  const calibrateAgain = calibrateSwitch(thread.cpu);
  if (isMainThread) atExit(calibrateAgain);
  const requests = [new HttpTasks(thread), new Http2Tasks(thread)];
  for (const tasks of requests) tasks.install();
  const stop = (): void => {
    notAtExit(calibrateAgain);
    calibrateAgain();
    for (const tasks of requests) tasks.uninstall();
  };
  return { thread, stop };
}
