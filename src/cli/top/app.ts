/** The live table on a terminal: looks at each interval, and draws at each look and each key. */
import type { TopArguments } from './arguments.ts';
import { press } from './keys.ts';
import type { LiveTasks } from './live-tasks.ts';
import type { Observer } from './observer.ts';
import { choicesOf, pageOf } from './pages.ts';
import type { Frame } from './pages.ts';
import { pollRings } from './poll.ts';
import { Screen } from './screen.ts';
import { initialState } from './state.ts';
import type { State } from './state.ts';

const SIGNALS = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const;

/** Until the user leaves, or as many refreshes as asked have been shown. Resolves to the exit status. */
export async function runScreen(observer: Observer, options: TopArguments): Promise<number> {
  const { promise, resolve, reject } = withResolvers();
  const guarded =
    <Args extends unknown[]>(run: (...args: Args) => void) =>
    (...args: Args): void => {
      try {
        run(...args);
      } catch (error) {
        reject(error);
      }
    };
  const app = new App(observer, options, { done: resolve, guarded });
  const timer = setInterval(
    guarded(() => app.refresh()),
    options.delayMs,
  );
  const stopPolling = pollRings(observer, reject);
  for (const signal of SIGNALS) process.once(signal, app.stop);
  // The terminal has gone.
  process.stdout.once('error', app.stop);
  try {
    app.open();
    return await promise;
  } finally {
    clearInterval(timer);
    stopPolling();
    for (const signal of SIGNALS) process.removeListener(signal, app.stop);
    process.stdout.removeListener('error', app.stop);
    app.close();
  }
}

interface Surroundings {
  readonly done: (status: number) => void;
  /** What the terminal calls fails as runScreen does, which gives back the terminal and what was attached to. */
  readonly guarded: <Args extends unknown[]>(run: (...args: Args) => void) => (...args: Args) => void;
}

class App {
  readonly #observer: Observer;
  readonly #options: TopArguments;
  readonly #screen: Screen;
  readonly #done: (status: number) => void;
  #state: State;
  #frame: Frame;
  #shown = 0;

  constructor(observer: Observer, options: TopArguments, { done, guarded }: Surroundings) {
    this.#observer = observer;
    this.#options = options;
    this.#done = done;
    this.#state = initialState(options.sort, options.byProcess);
    this.#screen = new Screen(options.color, {
      onKey: guarded(this.#key),
      onResize: guarded(() => this.#draw()),
    });
    this.#frame = this.#look();
  }

  readonly stop = (): void => {
    this.#done(0);
  };

  open(): void {
    this.#screen.open();
    this.#draw();
  }

  close(): void {
    this.#screen.close();
  }

  /** Frozen, it goes on counting: what passed while it was is in the next window and in the sums. */
  refresh(): void {
    if (!this.#state.isFrozen) this.#frame = this.#look();
    this.#draw();
    this.#shown++;
    if (this.#shown === this.#options.iterations) this.stop();
  }

  #look(): Frame {
    const view = this.#observer.refresh();
    return { view, tasks: this.#tasksFor(this.#state) };
  }

  #tasksFor({ page, cameFrom, selected }: State): LiveTasks | undefined {
    const shown = page === 'help' ? cameFrom : page;
    return shown === 'table' || selected === undefined ? undefined : this.#observer.liveTasks(selected);
  }

  readonly #key = (name: string): void => {
    if (name === 'CTRL_L') this.#screen.forget();
    if (name === 'CTRL_Z') {
      this.#screen.suspend();
      return;
    }
    const before = this.#state;
    const next = press(before, name, choicesOf(this.#frame, before, this.#screen.size));
    if (next === 'quit') {
      this.stop();
      return;
    }
    this.#state = next;
    this.#follow(next);
    if (next.page === 'name' && before.page === 'table') {
      // Frozen: of that moment it is not known, and of now it would be another one.
      this.#frame = { ...this.#frame, tasks: next.isFrozen ? undefined : this.#tasksFor(next) };
    }
    this.#draw();
  };

  /** Rows by process or not: what is frozen stays as it is until it goes on. The window goes on, too. */
  #follow({ byProcess, isFrozen }: State): void {
    if (isFrozen || byProcess === this.#frame.view.byProcess) return;
    this.#observer.showByProcess(byProcess);
    this.#frame = { ...this.#frame, view: this.#observer.view() };
  }

  #draw(): void {
    const size = { ...this.#screen.size, blockedNs: this.#options.blockedNs };
    this.#screen.draw(pageOf(this.#frame, this.#state, size));
  }
}

function withResolvers(): {
  promise: Promise<number>;
  resolve: (status: number) => void;
  reject: (error: unknown) => void;
} {
  let resolve!: (status: number) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<number>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
}
