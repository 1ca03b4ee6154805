/**
 * What a request is called while it runs. Its name is known for sure at its end, when a router has matched it; but one
 * that blocks the loop must be named while it does. So it begins with the name that the last request of its URL ended
 * with (one look-up, 60 ns), else with its folded path, as far as that is affordable:
 *
 *  - folding takes 1 to 2 µs, so it is done a limited number of times per second;
 *  - paths of all kinds must not fill the table of names: only so many are entered that no request ended with.
 *
 * The rest is called `(in flight)` until it ends.
 */
import { foldPath } from './routes/index.ts';
import type { Thread } from './thread.ts';

/** URLs remembered: twice that many at most. When the young ones are so many the old ones go. */
const GENERATION = 256;
/** Longer paths are data. */
const PATH_LENGTH_MAX = 128;
/** Folded at the start per second and thread: 0.04 % of it. */
const FOLDS_PER_SECOND = 200;
const SECOND_NS = 1e9;
/** Names entered for requests that have not ended, per thread: a fifth of the table. */
const PROVISIONAL_MAX = 200;

type Names = Map<string, Map<string, number>>;

export class RequestNames {
  readonly #thread: Thread;
  #young: Names = new Map();
  #old: Names = new Map();
  #size = 0;
  #foldsLeft = FOLDS_PER_SECOND;
  #foldsSince = 0;
  #provisional = 0;

  constructor(thread: Thread) {
    this.#thread = thread;
  }

  /** What a request that begins is called. */
  atStart(method: string, url: string): number {
    const path = pathOf(url);
    const name = this.#young.get(method)?.get(path);
    if (name !== undefined) return name;
    const before = this.#old.get(method)?.get(path) ?? this.#fold(method, path);
    if (before !== this.#thread.unnamed) this.#remember(method, path, before);
    return before;
  }

  /** What such a request was called at its end. */
  learn(method: string, url: string, name: number): void {
    this.#remember(method, pathOf(url), name);
  }

  #fold(method: string, path: string): number {
    const { names, unnamed, cpu } = this.#thread;
    if (cpu.now - this.#foldsSince > SECOND_NS) {
      this.#foldsSince = cpu.now;
      this.#foldsLeft = FOLDS_PER_SECOND;
    }
    if (this.#foldsLeft === 0) return unnamed;
    this.#foldsLeft--;
    const text = foldPath(method, path);
    if (!names.knows(text)) {
      if (this.#provisional === PROVISIONAL_MAX || !names.hasRoom) return unnamed;
      this.#provisional++;
    }
    return names.intern(text);
  }

  #remember(method: string, path: string, name: number): void {
    if (path.length > PATH_LENGTH_MAX) return;
    if (this.#size === GENERATION) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#size = 0;
    }
    let paths = this.#young.get(method);
    if (paths === undefined) {
      paths = new Map();
      this.#young.set(method, paths);
    }
    if (!paths.has(path)) this.#size++;
    paths.set(path, name);
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
