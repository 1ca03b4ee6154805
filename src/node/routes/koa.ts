/** Koa with @koa/router or koa-router: from the raw request to the context, and the route in it. */
import { pathOf } from './fold.ts';
import { linkRequest, type RouteSource } from './link.ts';
import { isWildcard, withFoldedMount } from './pattern.ts';

interface RouterLayer {
  path: unknown;
  methods: string[];
}

/** The parts of a Koa context that @koa/router and koa-router leave behind. */
interface KoaContext {
  method?: unknown;
  _matchedRoute?: unknown;
  matched?: unknown;
}

interface KoaPrototype {
  createContext(this: unknown, request: object, response: object): object;
}

class KoaSource implements RouteSource {
  #context: KoaContext;

  constructor(context: KoaContext) {
    this.#context = context;
  }

  pattern(url: string, status: number): string | undefined {
    const pattern = matchedPath(this.#context);
    if (pattern === undefined) return undefined;
    if (pattern instanceof RegExp) return String(pattern);
    if (status === 404 && isWildcard(pattern)) return undefined;
    return withFoldedMount(pattern, pathOf(url));
  }
}

/**
 * `_matchedRoute` names the layer that ran last, which is a `router.use()` when that one refused the request (401). The
 * route it would have reached is then the last layer that has a method.
 */
function matchedPath(context: KoaContext): string | RegExp | undefined {
  const ran = context._matchedRoute;
  const layers = Array.isArray(context.matched) ? (context.matched as RouterLayer[]) : [];
  const method = typeof context.method === 'string' ? context.method : '';
  let reachable: unknown;
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i];
    if (!Array.isArray(layer?.methods) || !layer.methods.includes(method)) continue;
    if (layer.path === ran) return asPath(ran);
    reachable ??= layer.path;
  }
  return asPath(reachable ?? ran);
}

function asPath(path: unknown): string | RegExp | undefined {
  return typeof path === 'string' || path instanceof RegExp ? path : undefined;
}

function isKoaPrototype(value: unknown): value is KoaPrototype {
  const prototype = value as
    | Partial<Record<'createContext' | 'handleRequest' | 'callback', unknown>>
    | undefined;
  return typeof prototype?.createContext === 'function' && typeof prototype.callback === 'function';
}

/** True for the file that holds Koa's Application, in every installed copy. */
export function isKoaFile(filename: string): boolean {
  return /[\\/]koa[\\/]lib[\\/]application\.js$/.test(filename);
}

/**
 * Wraps Application.prototype.createContext, the only place where Koa ties the raw request to its context.
 * @returns the function that takes the wrapper off again, `undefined` when this is no Koa.
 */
export function patchKoa(exported: unknown): (() => void) | undefined {
  const prototype: unknown = typeof exported === 'function' ? exported.prototype : undefined;
  if (!isKoaPrototype(prototype)) return undefined;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'createContext');
  const original = prototype.createContext;
  if (descriptor?.configurable !== true) return undefined;
  const createContext = function createContext(this: unknown, request: object, response: object): object {
    const context = original.call(this, request, response);
    try {
      linkRequest(request, new KoaSource(context));
    } catch {
      // A request that cannot be marked is named by its folded path.
    }
    return context;
  };
  Object.defineProperty(prototype, 'createContext', { ...descriptor, value: createContext });
  return () => {
    if (prototype.createContext === createContext)
      Object.defineProperty(prototype, 'createContext', descriptor);
  };
}
