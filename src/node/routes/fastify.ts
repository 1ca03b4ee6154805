/** Fastify: the route of each request, through a root hook. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { linkRequest, type RouteSource } from './link.ts';
import { isWildcard, joinPatterns } from './pattern.ts';

interface FastifyRequest {
  raw: object;
  is404?: boolean;
  routeOptions?: { url?: unknown };
}

interface FastifyInstance {
  addHook(
    name: 'onRequest',
    hook: (request: FastifyRequest, reply: unknown, done: () => void) => void,
  ): unknown;
}

const INITIALIZATION = 'fastify.initialization';
const HANDLER = 'tracing:fastify.request.handler:start';
let active = false;

class FastifySource implements RouteSource {
  #request: FastifyRequest;

  constructor(request: FastifyRequest) {
    this.#request = request;
  }

  pattern(_url: string, status: number): string | undefined {
    if (this.#request.is404 === true) return undefined;
    const url = this.#request.routeOptions?.url;
    if (typeof url !== 'string' || (status === 404 && isWildcard(url))) return undefined;
    return joinPatterns('', url);
  }
}

function onRequest(request: FastifyRequest, _reply: unknown, done: () => void): void {
  if (active) {
    try {
      linkRequest(request.raw, new FastifySource(request));
    } catch {
      // A request that cannot be marked is named by its folded path.
    }
  }
  done();
}

/**
 * A root hook and not `tracing:fastify.request.handler`, because that channel is silent for requests that end before the
 * handler: refused by a hook (401), malformed (400, 415) or invalid (400). It also costs a store and four publications.
 */
function onInitialization(message: unknown): void {
  try {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRequest', onRequest);
  } catch {
    // Not a Fastify we know: its requests are named by their folded path.
  }
}

/** Marks the requests of every Fastify server created from now on. */
export function installFastify(): void {
  active = true;
  subscribe(INITIALIZATION, onInitialization);
}

/** Later servers are left alone; the hook in those that exist does nothing any more. */
export function uninstallFastify(): void {
  active = false;
  unsubscribe(INITIALIZATION, onInitialization);
}

function onHandler(message: unknown): void {
  try {
    const { request } = message as { request: FastifyRequest };
    linkRequest(request.raw, new FastifySource(request));
  } catch {
    // Not a Fastify we know.
  }
}

/** Servers that exist take no hook any more: of them the requests that reach their handler are marked, at a higher price. */
export function followFastify(): () => void {
  subscribe(HANDLER, onHandler);
  return () => unsubscribe(HANDLER, onHandler);
}
