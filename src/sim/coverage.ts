/** What a run reached: operations and how they ended, and which were under way to a thread while it did which other. */
import type { ModelRequest } from './model-owner.ts';

export class Coverage {
  /** Name, then outcome ('' is success), then times. */
  readonly outcomes: Map<string, Map<string, number>> = new Map();
  /** `asked > did`: a request of the first kind was waiting for the thread when it did the second. */
  readonly pairs: Map<string, number> = new Map();
  /** States that counters were seen in, and other situations. */
  readonly states: Map<string, number> = new Map();

  operation(name: string, pending: readonly ModelRequest[]): void {
    for (const { kind } of pending) add(this.pairs, `${kind} > ${name}`, 1);
  }

  outcome(name: string, code: string): void {
    let codes = this.outcomes.get(name);
    if (codes === undefined) this.outcomes.set(name, (codes = new Map()));
    add(codes, code, 1);
  }

  state(name: string, times: number = 1): void {
    add(this.states, name, times);
  }

  /** Adds what another run reached. */
  merge(other: Coverage): void {
    for (const [name, codes] of other.outcomes) {
      for (const [code, times] of codes) {
        this.outcome(name, code);
        add(this.outcomes.get(name)!, code, times - 1);
      }
    }
    for (const [pair, times] of other.pairs) add(this.pairs, pair, times);
    for (const [state, times] of other.states) add(this.states, state, times);
  }
}

function add(to: Map<string, number>, key: string, times: number): void {
  to.set(key, (to.get(key) ?? 0) + times);
}
