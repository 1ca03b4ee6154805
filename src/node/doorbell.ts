/**
 * Wakes a thread for what others have asked of it. A thread on which one task runs alone switches to none, and one on which
 * nothing is counted has no hook: neither comes to a safepoint. A message on a BroadcastChannel is one. It keeps nothing
 * alive. A blocked thread hears it when it is free again.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { K_THREAD, taskWord } from '../core/index.ts';
import type { Cpu } from '../core/index.ts';

const NAME = 'taskperf';

export class Doorbell {
  readonly #cpu: Cpu;
  readonly #outside: <R>(fn: () => R) => R;
  #channel: BroadcastChannel | null = null;

  /** `outside` calls its argument in no task's context: what the channel calls later runs in the context it was made in. */
  constructor(cpu: Cpu, outside: <R>(fn: () => R) => R) {
    this.#cpu = cpu;
    this.#outside = outside;
  }

  /** From now on another thread may know of tasks of this one. */
  listen(): void {
    const cpu = this.#cpu;
    if (this.#channel !== null) return;
    const channel = this.#outside(() => new BroadcastChannel(NAME));
    channel.onmessage = (event: unknown): void => {
      if ((event as { data: unknown }).data === cpu.index) cpu.fold();
    };
    channel.unref();
    this.#channel = channel;
  }

  /** Something has been asked of the thread of this task. */
  ring(task: number): void {
    const { region } = this.#cpu;
    this.listen();
    this.#channel!.postMessage(region.i32[taskWord(region.layout, task - 1) + K_THREAD]!);
  }

  close(): void {
    this.#channel?.close();
    this.#channel = null;
  }
}
