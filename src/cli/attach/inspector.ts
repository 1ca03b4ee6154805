/** Node's inspector from outside: opened by SIGUSR1 where it is not open, and asked to evaluate one expression. */
import http from 'node:http';
import { WebSocket } from 'ws';

/** A conversation with the inspector of a process. */
export class Inspector {
  readonly #socket: WebSocket;
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => {}); // `close` follows
  }

  /** @throws Error when nobody answers there, or it is no inspector. */
  static async connect(host: string, port: number): Promise<Inspector> {
    const targets = JSON.parse(await get(host, port, '/json/list')) as { webSocketDebuggerUrl?: string }[];
    const id = new URL(targets[0]!.webSocketDebuggerUrl!).pathname;
    const url = `ws://${host.includes(':') ? `[${host}]` : host}:${port}${id}`;
    const socket = new WebSocket(url, { perMessageDeflate: false });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new Inspector(socket);
  }

  /** The expression's value, undefined when the connection ends before it is there. */
  async evaluate(expression: string): Promise<unknown> {
    const id = ++this.#last;
    const params = { expression, awaitPromise: true, returnByValue: true };
    const answer = new Promise<unknown>((resolve) => {
      this.#socket.on('close', () => resolve(undefined));
      this.#socket.on('message', (data: Buffer) => {
        const message = JSON.parse(data.toString('utf8')) as Answer;
        if (message.id === id) resolve(message.result?.result?.value);
      });
    });
    this.#socket.send(JSON.stringify({ id, method: 'Runtime.evaluate', params }));
    return await answer;
  }

  close(): void {
    this.#socket.terminate();
  }
}

interface Answer {
  readonly id?: number;
  readonly result?: { readonly result?: { readonly value?: unknown } };
}

function get(host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, path, agent: false, timeout: 2000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
  });
}
