/**
 * Processes that a task starts are its own: their environment says so (core/owner.ts). It is added where Node hands the
 * environment to the system, one place for spawn, exec, execFile, fork and cluster.fork and one for the synchronous ones, so
 * nothing that the program sees changes: not its `process.env`, not the options it passed, not the functions of
 * node:child_process, which need not even be loaded.
 */
import { fileURLToPath } from 'node:url';
import { K_F64_ID, NO_TASK, OWNER_VARIABLE, ownerIn, ownerToken } from '../core/index.ts';
import type { Owner } from '../core/index.ts';
import { Patches } from './patch.ts';
import type { Thread } from './thread.ts';

type Native = (this: unknown, ...args: unknown[]) => unknown;
interface Bindings {
  readonly Process?: { readonly prototype: { spawn?: unknown } };
  readonly spawn?: unknown;
}
/** What Node 20 and 22 give to the system in one object. */
interface SpawnOptions {
  envPairs?: unknown;
}

const BOOTSTRAP = fileURLToPath(new URL('bootstrap.cjs', import.meta.url));
const VARIABLE = `${OWNER_VARIABLE}=`;
/** Node 24 and 26 give file, arguments, directory, environment … to the system one by one. */
const ENVIRONMENT_ARGUMENT = 3;

export class ChildTasks {
  readonly #thread: Thread;
  /** Who started this process: so it owns what is started here by no task. */
  readonly #inherited: Owner | null;
  /** In the environment of every process of the command. */
  readonly #mark: string;
  readonly #patches = new Patches();

  constructor(thread: Thread, session: number) {
    this.#thread = thread;
    this.#inherited = ownerIn(thread.cpu.region);
    this.#mark = `TASKPERF_SESSION=${session}`;
  }

  install(): void {
    const later = binding('process_wrap')?.Process?.prototype;
    const now = binding('spawn_sync');
    if (typeof later?.spawn === 'function')
      this.#patches.replace(later, 'spawn', (original) => this.#owned(original as Native));
    if (typeof now?.spawn === 'function')
      this.#patches.replace(now, 'spawn', (original) => this.#owned(original as Native));
  }

  uninstall(): void {
    this.#patches.undo();
  }

  #owned(original: Native): Native {
    const addTo = (pairs: unknown): string[] | null => this.#withOwner(pairs);
    return function spawn(this: unknown, ...args: unknown[]): unknown {
      const first = args[0] as SpawnOptions | null;
      if (typeof first !== 'object' || first === null) {
        args[ENVIRONMENT_ARGUMENT] = addTo(args[ENVIRONMENT_ARGUMENT]) ?? args[ENVIRONMENT_ARGUMENT];
        return Reflect.apply(original, this, args);
      }
      const given = first.envPairs;
      const pairs = addTo(given);
      if (pairs === null) return Reflect.apply(original, this, args);
      first.envPairs = pairs;
      try {
        return Reflect.apply(original, this, args);
      } finally {
        // They may be the program's own: a ChildProcess can be used without spawn().
        first.envPairs = given;
      }
    };
  }

  /** The environment with the owner in it; null: it is to be left as it is. */
  #withOwner(pairs: unknown): string[] | null {
    try {
      if (!Array.isArray(pairs) || !this.#isCounted(pairs)) return null;
      const owner = this.#owner();
      if (owner === null) return null;
      return [...(pairs as string[]), VARIABLE + ownerToken(owner)];
    } catch (error) {
      this.#thread.switchOff(error);
      return null;
    }
  }

  /** Will a process with this environment be counted? One that does not load us would see the variable, and pass it on. */
  #isCounted(pairs: readonly unknown[]): boolean {
    const loadsUs = (pair: unknown): boolean =>
      typeof pair === 'string' && pair.startsWith('NODE_OPTIONS=') && pair.includes(BOOTSTRAP);
    return pairs.includes(this.#mark) && pairs.some(loadsUs);
  }

  #owner(): Owner | null {
    const thread = this.#thread;
    const task = thread.currentTask();
    if (task === thread.root) return this.#inherited;
    const { region } = thread.cpu;
    const id = task.ended ? NO_TASK : region.f64[region.taskF + (task.slot << 3) + K_F64_ID]!;
    return { pid: process.pid, task: id, name: thread.nameOf(task) };
  }
}

/**
 * Node's own binding, without a word: with --pending-deprecation the look itself would print a warning, so then there is none,
 * and processes have no owners.
 */
function binding(name: string): Bindings | undefined {
  const { binding: get } = process as unknown as { binding?: (name: string) => Bindings };
  if (typeof get !== 'function' || get.name !== 'binding') return undefined;
  try {
    return Reflect.apply(get, process, [name]);
  } catch {
    return undefined;
  }
}
