/**
 * Wakes a thread for what others have asked of it. A thread on which one task runs alone switches to none, and one on which
 * nothing is counted has no hook: neither comes to a safepoint. A message on a BroadcastChannel is one. It keeps nothing
 * alive. A blocked thread hears it when it is free again.
 */
import { BroadcastChannel } from 'node:worker_threads';
import { H_F64_START_MONO } from '../core/index.ts';
import type { Cpu } from '../core/index.ts';
import { outside } from './outside.ts';

export class Doorbell {
  readonly #cpu: Cpu;
  #channel: BroadcastChannel | null = null;
  #isClosed = false;

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
  }

  /** From now on another thread may know of tasks of this one. */
  listen(): void {
    const cpu = this.#cpu;
    if (this.#channel !== null || this.#isClosed) return;
    // All threads of a region have it, and nobody else: the program may have channels of its own.
    const name = `taskperf doorbell ${process.pid} ${cpu.region.f64[H_F64_START_MONO]!}`;
    const channel = outside(() => new BroadcastChannel(name));
    channel.onmessage = (event: unknown): void => {
      if ((event as { data: unknown }).data === cpu.index) cpu.fold();
    };
    channel.unref();
    this.#channel = channel;
  }

  /** Something has been asked of the thread. */
  ring(thread: number): void {
    this.listen();
    this.#channel?.postMessage(thread);
  }

  close(): void {
    this.#isClosed = true;
    this.#channel?.close();
    this.#channel = null;
  }
}
