/**
 * Every HTTP/1 request is a task, from the parsed head to the response's `close` (for an upgraded connection: to the
 * socket's). Starts are seen through Node's diagnostics channel, so no frame of ours is on the stack of a handler.
 *
 * Node ≥ 24 emits a request's body events, `finish` and `close` in the socket's context, Node 20 partly so. They belong
 * to the request: the classes' `emit` re-enters its task around the listeners.
 */
import diagnosticsChannel from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { http } from './builtins.ts';
import { Patches } from './patch.ts';
import { RequestNames } from './request-names.ts';
import { foldPath, installRouteNames, nameOfRequest, uninstallRouteNames } from './routes/index.ts';
import { stamp, taskOf, unstamp } from './stamp.ts';
import type { Task } from './task.ts';
import type { Thread } from './thread.ts';

interface RequestStart {
  request: IncomingMessage;
  response: ServerResponse;
}
type Emit = (this: EventEmitter, event: string | symbol, ...args: unknown[]) => boolean;

export class HttpTasks {
  readonly #thread: Thread;
  readonly #patches = new Patches();
  readonly #watched = new WeakSet<object>();
  /** Of the sockets of upgraded connections that are open. */
  readonly #upgraded = new Set<Patches>();
  readonly #names: RequestNames;

  constructor(thread: Thread) {
    this.#thread = thread;
    this.#names = new RequestNames(thread);
  }

  install(): void {
    installRouteNames();
    this.#patches.onUndo(uninstallRouteNames);
    this.#subscribe('http.server.request.start', (message) => this.#onRequest(message as RequestStart));
    this.#subscribe('net.server.socket', (message) =>
      this.#onConnection((message as { socket: Socket }).socket),
    );
    this.#patches.replace(http.IncomingMessage.prototype, 'emit', (original) =>
      requestEmit(this.#thread, original as Emit),
    );
    this.#patches.replace(http.ServerResponse.prototype, 'emit', (original) =>
      this.#responseEmit(original as Emit),
    );
  }

  uninstall(): void {
    this.#patches.undo();
    for (const patches of this.#upgraded) patches.undo();
    this.#upgraded.clear();
  }

  #subscribe(channel: string, onMessage: (message: unknown) => void): void {
    const listener = (message: unknown): void => {
      try {
        onMessage(message);
      } catch (error) {
        this.#thread.switchOff(error);
      }
    };
    diagnosticsChannel.subscribe(channel, listener);
    this.#patches.onUndo(() => diagnosticsChannel.unsubscribe(channel, listener));
  }

  #onRequest({ request, response }: RequestStart): void {
    const thread = this.#thread;
    const name = this.#names.atStart(request.method ?? 'GET', request.url ?? '/');
    const task = thread.fork(thread.root, name);
    // Also of nobody: looking for a stamp that is not there costs microseconds.
    stamp(request, task);
    stamp(response, task);
    if (task !== null) thread.enter(task);
  }

  #responseEmit(original: Emit): Emit {
    const thread = this.#thread;
    const end = (response: ServerResponse, task: Task): void => this.#end(response, task);
    return function emit(this: EventEmitter, ...args: [string | symbol, ...unknown[]]): boolean {
      const task = taskOf(this);
      if (task === null) return call(original, this, args);
      try {
        // Most events have no listener: nothing of the program runs then.
        if (this.listenerCount(args[0]) === 0) return call(original, this, args);
        return thread.run(task, original as never, this, args) as boolean;
      } finally {
        if (args[0] === 'close') end(this as unknown as ServerResponse, task);
      }
    };
  }

  #end(response: ServerResponse, task: Task): void {
    const thread = this.#thread;
    unstamp(response);
    if (task.ended) return;
    const name = thread.names.intern(nameOfRequest(response.req, response));
    if (name !== task.name) this.#learn(response.req, name);
    thread.rename(task, name);
    thread.exitSoon(task);
  }

  #learn(request: IncomingMessage & { originalUrl?: unknown }, name: number): void {
    const { method, url, originalUrl } = request;
    this.#names.learn(method ?? 'GET', typeof originalUrl === 'string' ? originalUrl : (url ?? '/'), name);
  }

  /** A server that listens for upgrades emits them to user code: those emissions, and only on such servers, are tasks. */
  #onConnection(socket: Socket): void {
    const server = (socket as Socket & { server?: Server }).server;
    if (server === undefined || this.#watched.has(server)) return;
    if (server.listenerCount('upgrade') + server.listenerCount('connect') === 0) return;
    this.#watched.add(server);
    this.#patches.replace(server, 'emit', (original) => this.#upgradeEmit(original as Emit));
  }

  #upgradeEmit(original: Emit): Emit {
    const start = (request: IncomingMessage, socket: Socket): Task | null =>
      this.#startUpgrade(request, socket);
    const thread = this.#thread;
    return function emit(this: EventEmitter, ...args: [string | symbol, ...unknown[]]): boolean {
      if (args[0] !== 'upgrade' && args[0] !== 'connect') return Reflect.apply(original, this, args);
      const task = start(args[1] as IncomingMessage, args[2] as Socket);
      if (task === null) return Reflect.apply(original, this, args);
      return thread.run(task, original as never, this, args) as boolean;
    };
  }

  #startUpgrade(request: IncomingMessage, socket: Socket): Task | null {
    const thread = this.#thread;
    const name = thread.names.intern(foldPath(request.method ?? 'GET', request.url ?? '/'));
    const task = thread.fork(thread.root, name);
    if (task === null) return null;
    stamp(request, task);
    stamp(socket, task);
    const patches = new Patches();
    const onClose = (): void => {
      this.#upgraded.delete(patches); // what was replaced ends with the socket
      unstamp(socket);
      thread.exitSoon(task);
    };
    patches.replace(socket, 'emit', (original) => upgradedSocketEmit(thread, original as Emit, onClose));
    this.#upgraded.add(patches);
    return task;
  }
}

/** IncomingMessage's `emit`: what a request emits runs in its task. What a client received has no method, and no task. */
function requestEmit(thread: Thread, original: Emit): Emit {
  return function emit(this: EventEmitter, ...args: [string | symbol, ...unknown[]]): boolean {
    const task = (this as unknown as IncomingMessage).method === null ? null : taskOf(this);
    if (task === null || this.listenerCount(args[0]) === 0) return call(original, this, args);
    return thread.run(task, original as never, this, args) as boolean;
  };
}

/** Reflect.apply for few arguments, without reading them back from an array. */
function call(emit: Emit, emitter: EventEmitter, args: [string | symbol, ...unknown[]]): boolean {
  if (args.length === 1) return emit.call(emitter, args[0]);
  if (args.length === 2) return emit.call(emitter, args[0], args[1]);
  return Reflect.apply(emit, emitter, args);
}

function upgradedSocketEmit(thread: Thread, original: Emit, onClose: () => void): Emit {
  return function emit(this: EventEmitter, ...args: [string | symbol, ...unknown[]]): boolean {
    const task = taskOf(this);
    if (task === null) return Reflect.apply(original, this, args);
    try {
      return thread.run(task, original as never, this, args) as boolean;
    } finally {
      if (args[0] === 'close') onClose();
    }
  };
}
