/** Node's inspector from outside: opened by SIGUSR1 where it is not open, and asked to evaluate one expression. */
import http from 'node:http';
import { WebSocket } from 'ws';

const ANSWER_MS = 2000;

/** Somebody answers there, and it is no inspector that can be talked to. */
export class NotInspector extends Error {}

/** A conversation with the inspector of a process. */
export class Inspector {
  readonly #socket: WebSocket;
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => {}); // `close` follows
  }

  /** @throws NotInspector; another Error when nobody answers there. */
  static async connect(host: string, port: number): Promise<Inspector> {
    const id = idIn(await get(host, port, '/json/list'));
    const url = `ws://${host.includes(':') ? `[${host}]` : host}:${port}${id}`;
    const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: ANSWER_MS });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new Inspector(socket);
  }

  /** The expression's value, undefined when the connection ends before it is there. */
  async evaluate(expression: string): Promise<unknown> {
    if (this.#socket.readyState !== WebSocket.OPEN) return undefined;
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

function idIn(text: string): string {
  try {
    const targets = JSON.parse(text) as { webSocketDebuggerUrl: string }[];
    return new URL(targets[0]!.webSocketDebuggerUrl).pathname;
  } catch {
    throw new NotInspector('no inspector');
  }
}

function get(host: string, port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, path, agent: false, timeout: ANSWER_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', reject);
  });
}
