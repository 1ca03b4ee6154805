/**
 * Every HTTP/2 stream is a task, from its headers to its `close`. The server classes are not exported by node:http2, so
 * they are taken from instances that are never used.
 */
import type { EventEmitter } from 'node:events';
import type {
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2';
import { http2 } from './builtins.ts';
import { Patches } from './patch.ts';
import { RequestNames } from './request-names.ts';
import { foldPath, nameOfRequest } from './routes/index.ts';
import { stamp, taskOf, unstamp } from './stamp.ts';
import type { Task } from './task.ts';
import type { Thread } from './thread.ts';

type Emit = (this: EventEmitter, event: string | symbol, ...args: unknown[]) => boolean;

interface StreamState {
  readonly task: Task;
  readonly method: string;
  readonly path: string;
  readonly folded: string;
  request: Http2ServerRequest | null;
  response: Http2ServerResponse | null;
}

export class Http2Tasks {
  readonly #thread: Thread;
  readonly #patches = new Patches();
  readonly #streams = new WeakMap<object, StreamState>();
  readonly #names: RequestNames;
  #streamClassPatched = false;

  constructor(thread: Thread) {
    this.#thread = thread;
    this.#names = new RequestNames(thread);
  }

  install(): void {
    for (const server of [http2.createServer(), http2.createSecureServer()]) {
      const prototype = Object.getPrototypeOf(server) as object;
      this.#patches.replace(prototype, 'emit', (original) => this.#serverEmit(original as Emit));
    }
  }

  uninstall(): void {
    this.#patches.undo();
    this.#streamClassPatched = false;
  }

  #serverEmit(original: Emit): Emit {
    const tasks = this;
    return function emit(this: EventEmitter, ...args: [string | symbol, ...unknown[]]): boolean {
      if (args[0] === 'stream') return tasks.#emitStream(original, this, args);
      if (args[0] === 'request')
        tasks.#noteCompatibility(args[1] as Http2ServerRequest, args[2] as Http2ServerResponse);
      return Reflect.apply(original, this, args);
    };
  }

  #emitStream(original: Emit, server: EventEmitter, args: [string | symbol, ...unknown[]]): boolean {
    const thread = this.#thread;
    const stream = args[1] as ServerHttp2Stream;
    const headers = args[2] as IncomingHttpHeaders;
    const [method, path] = [String(headers[':method'] ?? 'GET'), String(headers[':path'] ?? '/')];
    const task = thread.fork(thread.root, this.#names.atStart(method, path));
    if (task === null) return Reflect.apply(original, server, args);
    const folded = foldPath(method, path);
    this.#streams.set(stream, { task, folded, method, path, request: null, response: null });
    stamp(stream, task);
    this.#patchStreamClass(stream);
    return thread.run(task, original as never, server, args) as boolean;
  }

  #noteCompatibility(request: Http2ServerRequest, response: Http2ServerResponse): void {
    const stream = (request as { stream?: object }).stream;
    const state = stream === undefined ? undefined : this.#streams.get(stream);
    if (state === undefined) return;
    state.request = request;
    state.response = response;
  }

  #patchStreamClass(stream: ServerHttp2Stream): void {
    if (this.#streamClassPatched) return;
    this.#streamClassPatched = true;
    const thread = this.#thread;
    const end = (ended: object): void => this.#end(ended);
    this.#patches.replace(Object.getPrototypeOf(stream) as object, 'emit', (original) => {
      const inner = original as Emit;
      return function emit(this: EventEmitter, ...args: [string | symbol, ...unknown[]]): boolean {
        const task = taskOf(this);
        if (task === null) return Reflect.apply(inner, this, args);
        try {
          return thread.run(task, inner as never, this, args) as boolean;
        } finally {
          if (args[0] === 'close') end(this);
        }
      };
    });
  }

  #end(stream: object): void {
    const state = this.#streams.get(stream);
    unstamp(stream);
    if (state === undefined || state.task.ended) return;
    const { task, request, response, folded, method, path } = state;
    const thread = this.#thread;
    const name = thread.names.intern(request === null ? folded : nameOfRequest(request, response));
    if (name !== task.name) this.#names.learn(method, path, name);
    thread.rename(task, name);
    thread.exitSoon(task);
  }
}
