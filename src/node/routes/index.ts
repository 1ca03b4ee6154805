/** The name of an HTTP request task: method and route pattern. */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { expressPattern } from './express.ts';
import { installFastify, uninstallFastify } from './fastify.ts';
import { foldSegments, pathOf } from './fold.ts';
import { installHono, uninstallHono } from './hono.ts';
import { sourceOf } from './link.ts';
import { installModuleHooks, uninstallModuleHooks } from './modules.ts';

/** The same name is the same string object, so that interning it finds its hash computed. */
const names = new Map<string, Map<string, string>>();
const MAX_NAMES = 2000;
let remembered = 0;
let installed = false;

function nameOf(method: string, pattern: string): string {
  let ofMethod = names.get(method);
  if (ofMethod === undefined) {
    if (names.size >= 64) return `${method} ${pattern}`;
    ofMethod = new Map();
    names.set(method, ofMethod);
  }
  let name = ofMethod.get(pattern);
  if (name === undefined) {
    name = `${method} ${pattern}`;
    if (remembered < MAX_NAMES) {
      ofMethod.set(pattern, name);
      remembered++;
    }
  }
  return name;
}

/**
 * Starts to note which framework serves a request. Call it before any module of the program is loaded. Express needs no
 * hook; Fastify is met through its diagnostics channel, Koa and Hono when their files are loaded. Idempotent.
 */
export function installRouteNames(): void {
  if (installed) return;
  installed = true;
  for (const install of [installHono, installFastify, installModuleHooks]) {
    try {
      install();
    } catch {
      // A frozen or patched runtime: that framework's requests are named by their folded path.
    }
  }
}

/** Takes every hook off again. Requests are named by their folded path from then on. */
export function uninstallRouteNames(): void {
  if (!installed) return;
  installed = false;
  uninstallModuleHooks();
  uninstallFastify();
  uninstallHono();
}

function patternOf(request: object, url: string, status: number): string | undefined {
  try {
    const source = sourceOf(request);
    return source === undefined ? expressPattern(request, url, status) : source.pattern(url, status);
  } catch {
    return undefined;
  }
}

/**
 * The name of a request task: `GET /users/:id`. The pattern is the framework's own where one is known and a route
 * matched, else the path with identifiers folded. Call it once, when the response has closed. Never throws.
 */
export function nameOfRequest(request: IncomingMessage | Http2ServerRequest, response: unknown): string {
  try {
    const { originalUrl } = request as { originalUrl?: unknown };
    const url = typeof originalUrl === 'string' ? originalUrl : (request.url ?? '/');
    const method = request.method ?? 'GET';
    const status = (response as { statusCode?: unknown } | undefined | null)?.statusCode;
    const pattern = patternOf(request, url, typeof status === 'number' ? status : 0);
    return pattern === undefined ? foldPath(method, url) : nameOf(method, pattern);
  } catch {
    return 'GET /';
  }
}

/** The name of a request that no framework knows: method and path, identifiers folded to `:id`, no query. */
export function foldPath(method: string, url: string): string {
  return nameOf(method, foldSegments(pathOf(url)));
}
