/**
 * Jobs as users of a thread's counts. Where nobody else counts, a job installs all that it needs, which takes 0.2 ms and
 * more; they come one after the other, so what the first has installed stays for a moment after the last.
 */
import { setTimeout } from 'node:timers';
import { outside } from './outside.ts';
import type { Thread } from './thread.ts';

const REST_MS = 50;

export class JobUsers {
  readonly #thread: Thread;
  /** Now, and since the start. */
  #running = 0;
  #begun = 0;
  #isCounting = false;
  #isWaiting = false;

  constructor(thread: Thread) {
    this.#thread = thread;
  }

  begin(): void {
    this.#running++;
    this.#begun++;
    if (this.#isCounting) return;
    this.#isCounting = true;
    this.#thread.count();
  }

  end(): void {
    this.#running--;
    if (this.#running === 0 && this.#thread.users > 1) this.#rest();
    else if (this.#running === 0 && !this.#isWaiting) this.#restSoon();
  }

  #rest(): void {
    this.#isCounting = false;
    this.#thread.uncount();
  }

  #restSoon(): void {
    this.#isWaiting = true;
    const seen = this.#begun;
    const look = (): void => {
      this.#isWaiting = false;
      if (!this.#isCounting || this.#running !== 0) return; // the end of those that run waits again
      if (this.#begun === seen) this.#rest();
      else this.#restSoon();
    };
    outside(() => setTimeout(look, REST_MS)).unref();
  }
}
