/**
 * Worker threads of a process that was started without taskperf: those that run, and those that it starts later. Node's
 * inspector reaches them from within, without a port. A worker begins its program without waiting for us, as always: one
 * whose creator blocks until it answers (Atomics.wait) would never answer.
 */
import { Session } from 'node:inspector';
import { attachExpression } from './attach-expression.ts';
import type { AttachmentOptions } from './attached.ts';

interface AttachedMessage {
  readonly params: { readonly sessionId: string };
}
/** The domain NodeWorker, which its types lack. */
interface WorkerSession {
  connect(): void;
  disconnect(): void;
  on(event: 'NodeWorker.attachedToWorker', listener: (message: AttachedMessage) => void): void;
  post(method: string, params: object): void;
}

export class WorkerWatch {
  readonly #session: WorkerSession = new Session() as unknown as WorkerSession;

  constructor(options: AttachmentOptions) {
    const message = JSON.stringify({
      id: 1,
      method: 'Runtime.evaluate',
      params: { expression: attachExpression(options, false) },
    });
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', ({ params: { sessionId } }) =>
      this.#session.post('NodeWorker.sendMessageToWorker', { sessionId, message }),
    );
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  stop(): void {
    this.#session.disconnect();
  }
}
