/**
 * Worker threads of a process that was started without taskperf: those that run, and those that it starts later. Node's
 * inspector reaches them from within, without a port. A worker begins its program without waiting for us, as always: one
 * whose creator blocks until it answers (Atomics.wait) would never answer.
 */
import { Session } from 'node:inspector';
import { READY_MS, attachExpression } from './attach-expression.ts';
import type { AttachAnswer } from './attach-expression.ts';
import type { AttachmentOptions } from './attached.ts';

interface SessionMessage {
  readonly params: { readonly sessionId: string };
}
interface WorkerMessage {
  readonly params: { readonly sessionId: string; readonly message: string };
}
/** The domain NodeWorker, which its types lack. */
interface WorkerSession {
  connect(): void;
  disconnect(): void;
  on(event: 'NodeWorker.attachedToWorker', listener: (message: SessionMessage) => void): void;
  on(event: 'NodeWorker.receivedMessageFromWorker', listener: (message: WorkerMessage) => void): void;
  post(method: string, params: object): void;
}
interface Evaluated {
  readonly result?: { readonly result?: { readonly value?: unknown }; readonly exceptionDetails?: object };
}

export class WorkerWatch {
  readonly #session: WorkerSession = new Session() as unknown as WorkerSession;
  readonly #expression: string;
  #isStopped = false;

  constructor(options: AttachmentOptions) {
    this.#expression = attachExpression(options, 'within');
    const session = this.#session;
    session.connect();
    session.on('NodeWorker.attachedToWorker', ({ params }) => this.#evaluate(params.sessionId));
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }) => {
      const { result } = JSON.parse(params.message) as Evaluated;
      // A worker that is being terminated throws "illegal access", at anything.
      if (result?.exceptionDetails === undefined) this.#onAnswer(params.sessionId, result?.result?.value);
    });
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  stop(): void {
    this.#isStopped = true;
    this.#session.disconnect();
  }

  #onAnswer(worker: string, value: unknown): void {
    if (typeof value !== 'string' || (JSON.parse(value) as AttachAnswer).isEarly === true)
      setTimeout(() => this.#evaluate(worker), READY_MS).unref();
  }

  #evaluate(worker: string): void {
    if (this.#isStopped) return;
    const params = { expression: this.#expression, awaitPromise: true, returnByValue: true };
    const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params });
    try {
      this.#session.post('NodeWorker.sendMessageToWorker', { sessionId: worker, message });
    } catch {
      // It has ended.
    }
  }
}
