/** Starts close-later.ts, and tells it when it is not needed. It is there before the signal is: we may be killed. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startTicksOf } from '../../node/identity.ts';
import { childrenByParent, givenTo } from '../os-proc.ts';
import { lockFileOf } from './lock.ts';
import { listenersOf } from './sockets.ts';

/** A process that opens its inspector because of us. */
export interface Signalled {
  readonly pid: number;
  readonly startTicks: number;
  /** Inodes of its sockets that listened before. */
  readonly sockets: readonly string[];
  /** There while a tool is attached to it: perhaps the next. */
  readonly lock: string;
}

export interface Errand {
  readonly target: Signalled;
  /** Of the cluster whose primary the target is: Node.js passes the signal on to them. */
  readonly workers: readonly Signalled[];
}

export interface Closer {
  /** The target has closed its inspector, or opened none. */
  done(): void;
  /** Close it as soon as that is possible. Our end means the same. */
  later(): void;
}

export const DONE = 'done';

export function startCloser(target: Signalled, directory: string): Closer {
  const file = fileURLToPath(new URL('./close-later.js', import.meta.url));
  const errand: Errand = { target, workers: clusterWorkers(target.pid, directory) };
  const words = [file, JSON.stringify(errand)];
  // What root's environment holds is not for the user whom it runs as.
  const child = spawn(process.execPath, words, {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: {},
  });
  const { stdin } = child;
  for (const one of [child, stdin]) one.on('error', () => {}); // no process can be started: nothing else can be done
  child.unref();
  (stdin as unknown as { unref(): void }).unref();
  return { done: () => stdin.end(DONE), later: () => stdin.end() };
}

/** Children of Node's module cluster. */
function clusterWorkers(primary: number, directory: string): Signalled[] {
  const children = childrenByParent().get(primary) ?? [];
  return children.flatMap((pid) => {
    const sockets = listenersOf(pid)?.map(({ inode }) => inode);
    const startTicks = startTicksOf(pid);
    const isWorker = givenTo(pid, 'NODE_UNIQUE_ID') !== undefined;
    return isWorker && sockets !== undefined && startTicks !== undefined
      ? [{ pid, startTicks, sockets, lock: lockFileOf(directory, pid) }]
      : [];
  });
}
