/**
 * One Thread per JavaScript thread, whoever asks first: the preloaded bootstrap or a program's own `import 'taskperf'`.
 * Held in a global registry because the two may load different copies of this module.
 */
import { isMainThread, threadId } from 'node:worker_threads';
import { H_SESSION, LAYOUT_VERSION, TaskperfError } from '../core/index.ts';
import type { Owner } from '../core/index.ts';
import { loadAddon } from './addon.ts';
import type { Addon } from './addon.ts';
import { atExit, notAtExit } from './at-exit.ts';
import { ProcessRegion } from './process-region.ts';
import { Thread } from './thread.ts';
import { WorkerTasks, hasParent } from './worker-tasks.ts';

export interface AttachOptions {
  readonly addon: Addon | null;
  readonly directory: string | null;
  readonly session: number;
  /** Default: TASKPERF_SESSION_START. */
  readonly sessionStart?: string;
  readonly name: string;
  /** The task that started this process. */
  readonly owner?: Owner | null;
}

const REGISTRY = Symbol.for('taskperf.thread');
interface Entry {
  readonly version: number;
  readonly thread: Thread;
  readonly memory: ProcessRegion;
  readonly onExit: () => void;
}
type Registry = { [REGISTRY]?: Entry };

/** The thread's machinery, made at the first call. @throws TaskperfError when the region cannot be made. */
export function attachThread(options: AttachOptions): Thread {
  const entry = (globalThis as Registry)[REGISTRY];
  if (entry !== undefined) {
    if (entry.version === LAYOUT_VERSION) return entry.thread;
    throw new TaskperfError(
      'EINVAL',
      `another taskperf with region layout ${entry.version} is loaded in this thread; install one version only`,
      entry.version,
    );
  }
  const { memory, thread } = makeThread(options);
  if (memory.region.layout.threads > 1) thread.whileCounting(new WorkerTasks(thread));
  const onExit = (): void => {
    thread.finish();
    // A worker's slot is for the next worker; the main thread's ends with the process.
    if (!isMainThread) thread.shutdown();
    memory.noteExit();
  };
  const made: Entry = { version: LAYOUT_VERSION, thread, memory, onExit };
  Object.defineProperty(globalThis, REGISTRY, { value: made, configurable: true });
  atExit(onExit);
  return thread;
}

/** For which tool this thread counts, 0: for the program itself. Undefined: it is none of taskperf's. */
export function sessionOfThread(): number | undefined {
  return (globalThis as Registry)[REGISTRY]?.memory.region.i32[H_SESSION];
}

/** Gives this thread back as it was; its books stay in the region. A later `attachThread` begins anew. */
export function releaseThread(): void {
  const entry = (globalThis as Registry)[REGISTRY];
  if (entry === undefined) return;
  Reflect.deleteProperty(globalThis, REGISTRY);
  notAtExit(entry.onExit);
  entry.thread.detach();
  if (isMainThread) entry.memory.addon?.stopStacks();
  entry.memory.noteExit();
}

function makeThread(options: AttachOptions): { memory: ProcessRegion; thread: Thread } {
  const identity = { threadId, name: options.name };
  const memory = new ProcessRegion(options);
  try {
    return { memory, thread: new Thread(memory, identity) };
  } catch (error) {
    const isFull = error instanceof TaskperfError && error.code === 'ENOSPC';
    if (!isFull || options.directory !== null) throw error;
    const alone = new ProcessRegion({ ...options, isAlone: true });
    return { memory: alone, thread: new Thread(alone, identity) };
  }
}

/** For the library: the thread as it is, or one that nobody outside looks at. */
export function currentThread(): Thread {
  const registry = globalThis as { [REGISTRY]?: Entry };
  if (registry[REGISTRY] !== undefined) return registry[REGISTRY].thread;
  const thread = attachThread({
    addon: loadAddon(),
    directory: null,
    session: 0,
    name: isMainThread ? 'main' : `worker ${threadId}`,
  });
  // A task of another thread, which counts, has started this worker: it counts as long as it lives.
  if (hasParent(thread)) thread.count();
  return thread;
}
