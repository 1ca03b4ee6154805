/**
 * One execution of a program: the threads as generators, each waiting before its next access to a shared word. Whoever
 * explores says which of them goes on.
 */
import { type Access, DEATH, MAX_THREADS, type Memory, NOBODY } from './memory.ts';

export type Body = Generator<undefined, unknown>;

/** What is to be explored: made anew for each schedule. */
export interface Program {
  readonly memory: Memory;
  /** For each thread: which one must be over before it begins, −1 none. */
  readonly after: readonly number[];
  /** Puts the start back and returns the threads. */
  begin(): readonly (() => Body)[];
  /** Looks at the end, and throws what is wrong. */
  end(run: Run): void;
}

export interface Failure {
  readonly error: Error;
  /** The thread that threw it, NOBODY when the end was found to be wrong. */
  readonly thread: number;
}

export interface Step {
  readonly access: Access;
  readonly result: number;
}

export class Run {
  readonly program: Program;
  /** Threads that can make a step, as bits. */
  enabled = 0;
  failure: Failure | undefined;
  readonly results: unknown[];
  readonly pending: (Access | undefined)[];
  readonly steps: Step[] = [];
  /** Threads that died, as bits. */
  dead = 0;
  readonly #threads: readonly (() => Body)[];
  readonly #bodies: (Body | undefined)[];

  constructor(program: Program) {
    this.program = program;
    const { memory, after } = program;
    memory.thread = NOBODY;
    memory.trail = [];
    this.#threads = program.begin();
    const count = this.#threads.length;
    this.results = Array.from({ length: count });
    this.pending = Array.from({ length: count });
    this.#bodies = Array.from({ length: count });
    const all = (1 << count) - 1;
    for (let t = 0; t < MAX_THREADS; t++) memory.concurrent[t] = all;
    after.forEach((before, t) => {
      if (before < 0) return;
      memory.concurrent[t]! &= ~(1 << before);
      memory.concurrent[before]! &= ~(1 << t);
    });
    for (let t = 0; t < count; t++) if (after[t]! < 0) this.#start(t);
  }

  /** Performs the access that thread t waits for, and lets it go on to its next one. */
  step(t: number): void {
    const { memory } = this.program;
    const access = this.pending[t]!;
    const result = memory.perform(access);
    this.steps.push({ access, result });
    this.#advance(t, result);
  }

  /** Every thread has come to its end (or one has failed): is the end right? */
  finish(): Failure | undefined {
    const { memory } = this.program;
    memory.thread = NOBODY;
    if (this.failure === undefined) {
      try {
        this.program.end(this);
      } catch (error) {
        this.failure = { error: error as Error, thread: NOBODY };
      }
    }
    return this.failure;
  }

  get trail(): readonly number[] {
    return this.program.memory.trail!;
  }

  #start(t: number): void {
    this.#bodies[t] = this.#threads[t]!();
    this.#advance(t, undefined);
  }

  #advance(t: number, value: number | undefined): void {
    const { memory } = this.program;
    const bit = 1 << t;
    memory.thread = t;
    memory.pending = undefined;
    this.enabled &= ~bit;
    try {
      const next = this.#bodies[t]!.next(value as undefined);
      memory.thread = NOBODY;
      if (next.done === true) {
        this.results[t] = next.value;
        this.#end(t);
      } else if (memory.pending === (DEATH as unknown)) {
        this.dead |= bit;
        this.#end(t);
      } else {
        this.pending[t] = memory.pending;
        this.enabled |= bit;
      }
    } catch (error) {
      memory.thread = NOBODY;
      this.failure = { error: error as Error, thread: t };
      this.enabled = 0;
    }
  }

  #end(t: number): void {
    this.pending[t] = undefined;
    this.program.after.forEach((before, waiting) => {
      if (before === t && this.failure === undefined) this.#start(waiting);
    });
  }
}
