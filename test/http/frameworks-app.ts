/** Fixture apps as processes, and requests to them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Where a fixture lies, from the compiled test. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../../test/fixtures/${name}`, import.meta.url));
}

/** How to talk to a fixture app. */
export type Protocol = 'http' | 'https' | 'http2';

/** One request, as `METHOD /path`, with a JSON body when it is a POST. */
export interface Sent {
  method: string;
  path: string;
  body?: string;
}

const WAIT_MS = 10_000;

/** A fixture app as a process of its own, with the preload that reports the name of every closed response. */
export class App {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #protocol: Protocol;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #secureAgent = new https.Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  #session: http2.ClientHttp2Session | undefined;
  #port = 0;
  #stderr = '';

  private constructor(child: ChildProcess, protocol: Protocol) {
    if (child.stdout === null || child.stderr === null) throw new Error('stdout and stderr have to be pipes');
    this.#child = child;
    this.#protocol = protocol;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  /** Starts the app and waits until it listens. */
  static async start(file: string, protocol: Protocol): Promise<App> {
    const args = ['--require', fixture('route-names.cjs'), fixture(`apps/${file}`)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const app = new App(child, protocol);
    app.#port = Number((await app.#line('listening ')).trim());
    return app;
  }

  /** The next line of stdout with this prefix; the others are skipped. */
  async #line(prefix: string): Promise<string> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), WAIT_MS);
    try {
      for (;;) {
        const next = await this.#lines.next();
        if (next.done === true) throw new Error(`the app ended before "${prefix}": ${this.#stderr}`);
        if (next.value.startsWith(prefix)) return next.value.slice(prefix.length);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends one request, reads the whole response, and returns its status and the name its task would have. */
  async request(sent: Sent): Promise<{ status: number; name: string }> {
    const status = this.#protocol === 'http2' ? await this.#request2(sent) : await this.#request1(sent);
    return { status, name: await this.#line('name ') };
  }

  async #request1({ method, path, body }: Sent): Promise<number> {
    const secure = this.#protocol === 'https';
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const options = { host: '127.0.0.1', port: this.#port, method, path, headers };
    const request = secure
      ? https.request({ ...options, agent: this.#secureAgent })
      : http.request({ ...options, agent: this.#agent });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response.statusCode ?? 0;
  }

  async #request2({ method, path, body }: Sent): Promise<number> {
    this.#session ??= http2.connect(`http://127.0.0.1:${this.#port}`);
    const stream = this.#session.request({ ':method': method, ':path': path });
    stream.end(body);
    const [headers] = (await once(stream, 'response')) as [
      http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader,
    ];
    stream.resume();
    await once(stream, 'close');
    return headers[':status'] ?? 0;
  }

  /** SIGTERM, and how the app ended. */
  async stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }> {
    this.#agent.destroy();
    this.#secureAgent.destroy();
    this.#session?.close();
    const exited = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), WAIT_MS);
    await exited;
    clearTimeout(timer);
    return { code: this.#child.exitCode, signal: this.#child.signalCode, stderr: this.#stderr };
  }
}
