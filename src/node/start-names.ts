/**
 * What a request is called while it runs. Its name is the route, which is known for sure only when its response has
 * closed; but a request that blocks the thread must have a name before. So it begins with what requests of its path were
 * called last time, else with the folded path, and is renamed at its end if the route says otherwise.
 *
 * Names of folded paths that are no routes stay in the region's table: only a share of it is given to them. A path that
 * is known costs two look-ups, one that is not is folded.
 */
import { pathOf } from './routes/fold.ts';
import { foldPath } from './routes/index.ts';

const PATHS_MAX = 1000;
/** Of the region's names. */
const SHARE = 0.2;

/** Of a thread. */
export interface NameTable {
  readonly names: { intern(text: string): number };
  /** The name of a request that has no better one. */
  readonly unnamed: number;
  /** How many names there is room for. */
  readonly nameSlots: number;
}

export class StartNames {
  readonly #thread: NameTable;
  /** By method and path, and by the folded name. */
  readonly #byPath: Map<string, Map<string, number>> = new Map();
  readonly #byFolded: Map<string, number> = new Map();
  #paths = 0;
  /** How many names may still be taken that are perhaps no routes. */
  #left: number;

  constructor(thread: NameTable) {
    this.#thread = thread;
    this.#left = thread.nameSlots * SHARE;
  }

  of(method: string, url: string): number {
    const path = pathOf(url);
    const known = this.#byPath.get(method)?.get(path);
    if (known !== undefined) return known;
    const name = this.#ofFolded(foldPath(method, url));
    this.#remember(method, path, name);
    return name;
  }

  /** A request that began as `began` turned out to be called `name`. */
  learn(method: string, url: string, { began, name }: { began: number; name: number }): void {
    if (began === name) return;
    const path = pathOf(url);
    const ofMethod = this.#byPath.get(method);
    if (ofMethod?.has(path) === true) ofMethod.set(path, name);
    const folded = foldPath(method, url);
    if (this.#byFolded.has(folded)) this.#byFolded.set(folded, name);
  }

  #ofFolded(folded: string): number {
    const known = this.#byFolded.get(folded);
    if (known !== undefined) return known;
    if (this.#left <= 0) return this.#thread.unnamed;
    this.#left--;
    const name = this.#thread.names.intern(folded);
    this.#byFolded.set(folded, name);
    return name;
  }

  #remember(method: string, path: string, name: number): void {
    if (this.#paths >= PATHS_MAX || name === this.#thread.unnamed) return;
    this.#paths++;
    let ofMethod = this.#byPath.get(method);
    if (ofMethod === undefined) this.#byPath.set(method, (ofMethod = new Map()));
    ofMethod.set(path, name);
  }
}
