/**
 * Goes through schedules, one whole execution each, from the start every time.
 *
 * Two accesses of different threads are dependent when they touch a word in common and one writes it (every
 * compare-and-exchange counts as a write). Schedules that differ only in the order of independent accesses have the same
 * end, so one of each class is enough: dynamic partial-order reduction with source sets and sleep sets (Abdulla,
 * Aronis, Jonsson, Sagonas: Optimal dynamic partial order reduction, POPL 2014, algorithm 1). Where a race is seen, the
 * other order is put on the list of the node before it.
 *
 * With `reduce: false` every order of the shared accesses is tried: slow, and the reference for the tests of the above.
 */
import { type Access, MAX_THREADS } from './memory.ts';
import { type Failure, type Program, Run } from './run.ts';

export interface SearchOptions {
  readonly reduce?: boolean;
  /** Stops the search; asked after each schedule. */
  readonly isEnough?: (schedules: number) => boolean;
  /** Told of every complete execution. */
  readonly visit?: (run: Run) => void;
}

export interface Found {
  readonly failure: Failure;
  /** The thread of every access, in order. */
  readonly trail: readonly number[];
}

export interface Summary {
  schedules: number;
  /** Executions given up since they would have ended as one seen already. */
  redundant: number;
  /** Scheduled accesses, of all executions. */
  steps: number;
  /** Were all schedules gone through? */
  isComplete: boolean;
  found: Found | undefined;
}

/** A state, and what was done there. */
interface Node {
  readonly enabled: number;
  sleep: number;
  backtrack: number;
  thread: number;
  access: Access;
  /** How many events of each thread happen before or are this one. */
  clock: Int32Array;
}

export function search(program: Program, options: SearchOptions = {}): Summary {
  const summary = { schedules: 0, redundant: 0, steps: 0, isComplete: false, found: undefined };
  const search = new Search(program, options, summary);
  search.all();
  return summary;
}

class Search {
  readonly #program: Program;
  readonly #options: SearchOptions;
  readonly #summary: Summary;
  readonly #nodes: Node[] = [];

  constructor(program: Program, options: SearchOptions, summary: Summary) {
    this.#program = program;
    this.#options = options;
    this.#summary = summary;
  }

  all(): void {
    const { memory } = this.#program;
    for (;;) {
      memory.grew = false;
      const run = this.#execute();
      if (run.failure !== undefined) {
        this.#summary.found = { failure: run.failure, trail: [...run.trail] };
        return;
      }
      // What was not scheduled so far would have had to be.
      if (memory.grew) this.#restart();
      else if (!this.#backtrack()) {
        this.#summary.isComplete = true;
        return;
      }
      if (this.#options.isEnough?.(this.#summary.schedules) === true) return;
    }
  }

  #restart(): void {
    this.#nodes.length = 0;
    this.#summary.schedules = 0;
    this.#summary.redundant = 0;
  }

  /** From the start along the known nodes, then on to the end. */
  #execute(): Run {
    const run = new Run(this.#program);
    const nodes = this.#nodes;
    for (let i = 0; i < nodes.length - 1; i++) run.step(nodes[i]!.thread);
    const last = nodes.at(-1);
    let sleep = last === undefined ? 0 : this.#step(run, nodes.length - 1);
    while (run.enabled !== 0 && run.failure === undefined) {
      const awake = run.enabled & ~sleep;
      if (awake === 0) {
        this.#summary.redundant++;
        this.#summary.steps += nodes.length;
        return run;
      }
      const thread = lowest(awake);
      const backtrack = this.#options.reduce === false ? run.enabled : 1 << thread;
      nodes.push({
        enabled: run.enabled,
        sleep,
        backtrack,
        thread,
        access: run.pending[thread]!,
        clock: new Int32Array(0),
      });
      sleep = this.#step(run, nodes.length - 1);
    }
    this.#summary.schedules++;
    this.#summary.steps += nodes.length;
    run.finish();
    this.#options.visit?.(run);
    return run;
  }

  /** Makes the step chosen at node i; returns who sleeps after it. */
  #step(run: Run, i: number): number {
    const node = this.#nodes[i]!;
    const { thread } = node;
    const access = run.pending[thread]!;
    node.access = access;
    let sleep = 0;
    if (this.#options.reduce !== false) {
      this.#findRaces(i);
      for (let q = 0; q < MAX_THREADS; q++) {
        if ((node.sleep & (1 << q)) === 0 || q === thread) continue;
        if (!areDependent(run.pending[q]!, access)) sleep |= 1 << q;
      }
    }
    run.step(thread);
    return sleep;
  }

  /** The clock of event i, and for each race that it ends: somebody else must be tried first at its beginning. */
  #findRaces(i: number): void {
    const nodes = this.#nodes;
    const node = nodes[i]!;
    const clock = this.#clockBefore(i, node.thread);
    clock[node.thread]!++;
    node.clock = clock;
    const races: number[] = [];
    for (let j = i - 1; j >= 0; j--) {
      const earlier = nodes[j]!;
      const q = earlier.thread;
      if (q === node.thread || clock[q]! >= earlier.clock[q]!) continue;
      if (!areDependent(earlier.access, node.access)) continue;
      races.push(j);
      for (let t = 0; t < MAX_THREADS; t++) clock[t] = Math.max(clock[t]!, earlier.clock[t]!);
    }
    for (const j of races) this.#addBacktrack(j, i);
  }

  /** What happens before thread t's next event because of t's own past. */
  #clockBefore(i: number, t: number): Int32Array {
    for (let j = i - 1; j >= 0; j--)
      if (this.#nodes[j]!.thread === t) return Int32Array.from(this.#nodes[j]!.clock);
    const before = this.#program.after[t]!;
    return before < 0 ? new Int32Array(MAX_THREADS) : this.#clockBefore(i, before);
  }

  /** Events j and i race. Whoever can begin what is independent of j, or i's own thread, has to be tried before j. */
  #addBacktrack(j: number, i: number): void {
    const nodes = this.#nodes;
    const node = nodes[j]!;
    const own = node.clock[node.thread]!;
    const first = new Int32Array(MAX_THREADS); // first event of each thread among those considered, 0 none
    let initials = 0;
    for (let k = j + 1; k <= i; k++) {
      const event = nodes[k]!;
      if (k !== i && event.clock[node.thread]! >= own) continue; // happens after j
      if (first[event.thread] !== 0) continue;
      let isInitial = true;
      for (let t = 0; t < MAX_THREADS; t++)
        if (first[t] !== 0 && event.clock[t]! >= first[t]!) isInitial = false;
      first[event.thread] = event.clock[event.thread]!;
      if (isInitial) initials |= 1 << event.thread;
    }
    if ((initials & node.backtrack) !== 0) return;
    const own1 = 1 << nodes[i]!.thread;
    node.backtrack |= (initials & own1) !== 0 ? own1 : 1 << lowest(initials);
  }

  /** To the last node where something is left to try. */
  #backtrack(): boolean {
    const nodes = this.#nodes;
    for (;;) {
      const node = nodes.at(-1);
      if (node === undefined) return false;
      node.sleep |= 1 << node.thread;
      const left = node.backtrack & ~node.sleep;
      if (left !== 0) {
        node.thread = lowest(left);
        return true;
      }
      nodes.pop();
    }
  }
}

export function areDependent(a: Access, b: Access): boolean {
  return (a.writes || b.writes) && a.first <= b.last && b.first <= a.last;
}

function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
