/** Express 4 and 5: the pattern from what routing leaves on the request. */
import { fitsEnd, isWildcard, joinPatterns, withFoldedMount } from './pattern.ts';
import { pathOf } from './fold.ts';
import { mountPattern, type Layer, type Mounted } from './express-mount.ts';

/** What Express, the `router` package and Restify leave on the raw request when a route matched. */
interface Routed {
  route?: unknown;
  baseUrl?: unknown;
  app?: unknown;
}

interface ExpressApp {
  parent?: unknown;
  mountpath?: unknown;
  _router?: unknown;
  router?: unknown;
}

const MAX_DEPTH = 16;

/** Per route: the mount layers above it and the router's app, or `null` when the tree does not show them. */
const mounts = new WeakMap<object, Layer[] | null>();
/** Per route: its whole pattern, when it is the same for every request. */
const patterns = new WeakMap<object, string>();

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function stackOf(router: unknown): Layer[] | undefined {
  const stack = isObject(router) ? (router as { stack?: unknown }).stack : undefined;
  return Array.isArray(stack) ? (stack as Layer[]) : undefined;
}

/** Depth first through mounted routers: the mount layers that lead to the route. */
function findMounts(stack: Layer[], route: object, depth: number): Layer[] | undefined {
  if (depth > MAX_DEPTH) return undefined;
  for (const layer of stack) {
    if (layer.route === route) return [];
    const below = stackOf(layer.handle);
    const found = below === undefined ? undefined : findMounts(below, route, depth + 1);
    if (found !== undefined) return [layer, ...found];
  }
  return undefined;
}

/** Express 4 keeps it in `_router`, and its `router` throws; Express 5 in `router`. */
function rootStack(app: unknown): Layer[] | undefined {
  if (!isObject(app)) return undefined;
  const { _router: router } = app as ExpressApp;
  return stackOf(router ?? (app as ExpressApp).router);
}

function mountsOf(app: unknown, route: object): Layer[] | null {
  const known = mounts.get(route);
  if (known !== undefined) return known;
  const stack = rootStack(app);
  const found = (stack === undefined ? undefined : findMounts(stack, route, 0)) ?? null;
  mounts.set(route, found);
  return found;
}

/** The patterns under which apps are mounted in apps. */
function appMount(app: unknown): string | undefined {
  let mount = '';
  let at = app;
  for (let depth = 0; depth < MAX_DEPTH && isObject(at); depth++) {
    const { parent, mountpath } = at as ExpressApp;
    if (!isObject(parent)) return mount;
    if (typeof mountpath !== 'string') return undefined;
    mount = joinPatterns(mountpath, mount);
    at = parent;
  }
  return mount;
}

/** One of the patterns of a route as text. A route may have several, and regular expressions. */
function textOf(routePath: unknown, path: string): string | undefined {
  if (typeof routePath === 'string') return routePath;
  if (routePath instanceof RegExp) return String(routePath);
  if (!Array.isArray(routePath)) return undefined;
  const texts = (routePath as unknown[]).flat(MAX_DEPTH).map(String);
  return texts.find((text) => fitsEnd(text, path)) ?? texts[0];
}

function join(mount: string, text: string): string {
  if (!text.startsWith('/^')) return joinPatterns(mount, text);
  return `${joinPatterns('', mount).replace(/^\/$/, '')}${text}`;
}

/** The pattern when all of its mount points are known. */
function wholePattern(request: Routed, route: object, text: string, path: string): Mounted | undefined {
  const outer = appMount(request.app);
  const layers = mountsOf(request.app, route);
  if (outer === undefined || layers === null) return undefined;
  const inner = outer === '' ? path : undefined;
  const mount = mountPattern(layers, inner);
  return mount && { pattern: join(joinPatterns(outer, mount.pattern), text), fixed: mount.fixed };
}

/**
 * The pattern of a request that Express 4 or 5 routed, from what it leaves on the request; nothing is hooked. The mount
 * points come from the layers of the router tree and not from `req.baseUrl`, which holds the real values and is reset
 * when a route fails.
 */
export function expressPattern(request: object, url: string, status: number): string | undefined {
  const { route } = request as Routed;
  if (!isObject(route)) return undefined;
  const routePath = (route as { path?: unknown }).path;
  const wildcard = typeof routePath === 'string' && isWildcard(routePath);
  if (wildcard && status === 404) return undefined;
  const known = patterns.get(route);
  if (known !== undefined) return known;

  const path = pathOf(url);
  const text = textOf(routePath, path);
  if (text === undefined) return undefined;
  const whole = wholePattern(request as Routed, route, text, path);
  if (whole === undefined) return partialPattern(request as Routed, text, path);
  if (whole.fixed && !Array.isArray(routePath)) patterns.set(route, whole.pattern);
  return whole.pattern;
}

/** A route in a router that is called by hand or mounted in a way the tree does not show. */
function partialPattern(request: Routed, text: string, path: string): string {
  const { baseUrl } = request;
  if (text.startsWith('/^') || typeof baseUrl !== 'string' || baseUrl === '')
    return withFoldedMount(text, path);
  const below = path.startsWith(baseUrl) ? path.slice(baseUrl.length) : path;
  return withFoldedMount(joinPatterns('', text), below === path ? path : baseUrl + joinPatterns('', below));
}
