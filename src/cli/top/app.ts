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
  const app = new App(observer, options, resolve);
  const guarded =
    (run: () => void) =>
    (...args: [string?]): void => {
      try {
        run.apply(undefined, args as []);
      } catch (error) {
        reject(error);
      }
    };
  const timer = setInterval(
    guarded(() => app.refresh()),
    options.delayMs,
  );
  const stopPolling = pollRings(observer);
  for (const signal of SIGNALS) process.once(signal, app.stop);
  try {
    app.open();
    return await promise;
  } finally {
    clearInterval(timer);
    stopPolling();
    for (const signal of SIGNALS) process.removeListener(signal, app.stop);
    app.close();
  }
}

class App {
  readonly #observer: Observer;
  readonly #options: TopArguments;
  readonly #screen: Screen;
  readonly #done: (status: number) => void;
  #state: State;
  #frame: Frame;
  #shown = 0;

  constructor(observer: Observer, options: TopArguments, done: (status: number) => void) {
    this.#observer = observer;
    this.#options = options;
    this.#done = done;
    this.#state = initialState(options.sort, options.byProcess);
    this.#screen = new Screen(options.color, { onKey: this.#key, onResize: () => this.#draw() });
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
    if (next.byProcess !== before.byProcess) {
      this.#observer.showByProcess(next.byProcess);
      this.#frame = this.#look();
    } else if (next.page === 'name' && before.page === 'table') {
      this.#frame = { ...this.#frame, tasks: this.#tasksFor(next) };
    }
    this.#draw();
  };

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
