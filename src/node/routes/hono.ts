/** Hono on @hono/node-server: one call added to its dispatch, which ties the raw request to the matched routes. */
import { linkRequest, sourceOf, type RouteSource } from './link.ts';
import { isWildcard, joinPatterns } from './pattern.ts';

interface Route {
  path: string;
  method: string;
}

/** `[[handler, route], params]` */
type Match = [[unknown, Route], unknown];

interface HonoContext {
  req: { routeIndex?: number };
}

/** Where the line added to Hono's source finds us. Registered, because every copy of Hono has to find the same one. */
const KEY = 'taskperf.hono.dispatch';

/** The methods of `app.use()` and `app.all()`. */
const ANY_METHOD = 'ALL';

class HonoSource implements RouteSource {
  #context: HonoContext;
  #matches: Match[];
  #outer: HonoSource | undefined;

  constructor(context: HonoContext, matches: Match[], outer: HonoSource | undefined) {
    this.#context = context;
    this.#matches = matches;
    this.#outer = outer;
  }

  pattern(url: string, status: number): string | undefined {
    const own = this.#ownPattern(status);
    const outer = this.#outer?.pattern(url, 0);
    if (outer === undefined || own === undefined) return own;
    return joinPatterns(outer.replace(/\/\*$/, ''), own); // app.mount('/outer/*', inner.fetch)
  }

  #ownPattern(status: number): string | undefined {
    const matches = this.#matches;
    // The handler that ran last is the one that answered, or a middleware that did not call the route after it.
    const reached = this.#context.req.routeIndex ?? 0;
    for (let i = reached; i < matches.length; i++) {
      const route = matches[i]?.[0][1];
      if (route !== undefined && route.method !== ANY_METHOD) return joinPatterns('', route.path);
    }
    const last = matches[reached]?.[0][1].path;
    if (last === undefined || isWildcard(last) || (status === 404 && last.endsWith('*'))) return undefined;
    return joinPatterns('', last);
  }
}

/** Called by Hono's own dispatch, with the environment that @hono/node-server made: `{ incoming, outgoing }`. */
function onDispatch(env: unknown, context: HonoContext, matches: Match[]): void {
  try {
    const incoming = (env as { incoming?: unknown } | undefined)?.incoming;
    if (typeof incoming !== 'object' || incoming === null) return;
    const outer = sourceOf(incoming);
    linkRequest(incoming, new HonoSource(context, matches, outer instanceof HonoSource ? outer : undefined));
  } catch {
    // A request that cannot be marked is named by its folded path.
  }
}

/** True for the file that holds Hono's dispatch, in every installed copy, CommonJS or ESM; for a path or a URL. */
export function isHonoFile(filename: string): boolean {
  return (
    filename.endsWith('hono-base.js') && /[\\/]hono[\\/]dist[\\/](?:cjs[\\/])?hono-base\.js$/.test(filename)
  );
}

/**
 * Adds one call to the source of Hono's dispatch, on a line of its own that exists already, so that line numbers stay. A
 * source that does not look as expected is returned as it is. No outside handle exists: the app, its router and the
 * context are reached from closures only.
 */
export function instrumentHono(source: string): string {
  // Hono 4.0 to 4.13: `const c = new Context(… matchResult … env …);`, then `if (matchResult[0].length === 1)`.
  const known =
    /const c = new [\w.$]*Context\([^;]*?\bmatchResult\b[^;]*?\benv\b[^;]*?\);(?=\s*if \(matchResult\[0\])/;
  return source.replace(
    known,
    (found) => `${found} globalThis[Symbol.for('${KEY}')]?.(env, c, matchResult[0]);`,
  );
}

/** Lets instrumented copies of Hono call us. */
export function installHono(): void {
  Object.defineProperty(globalThis, Symbol.for(KEY), {
    value: onDispatch,
    enumerable: false,
    configurable: true,
    writable: false,
  });
}

/** Instrumented copies of Hono call nobody any more. */
export function uninstallHono(): void {
  Reflect.deleteProperty(globalThis, Symbol.for(KEY));
}
