/** Express 4 and 5: the pattern of the mount points above a route. */
import { foldSegments } from './fold.ts';
import { joinPatterns, segmentsOf } from './pattern.ts';

/** A layer of an Express router's stack. Which fields exist depends on the version. */
export interface Layer {
  route?: unknown;
  handle?: unknown;
  /** router ≥ 2.3 (Express 5): as given to `use()`. */
  rawPath?: unknown;
  /** Express 4: path-to-regexp 0.1's product. */
  regexp?: unknown;
  keys?: unknown;
  /** router 2.0-2.2 leaves the parameters and the matched path here. */
  params?: unknown;
  path?: unknown;
  match?(path: string): unknown;
}

/** A pattern, and whether every request through the same layers has the same one. */
export interface Mounted {
  pattern: string;
  fixed: boolean;
}

interface Matched extends Mounted {
  /** Characters of the real path that the layer took; -1 where that was not needed. */
  taken: number;
}

/** What path-to-regexp 0.1 makes of `:name`: `(?:\/([^/]+?))`, `(?:((?:(?!\/|-).)+?))`; `?` behind it when optional. */
const PARAMETER = /\(\?:(\\\/)?\((?:\[\^\\?\/\]|\(\?:\(\?![^)]*\)\.\))\+\?\)\)(\??)/g;

/** Express 4: `^\/users(?:\/([^/]+?))\/?(?=\/|$)` back to `/users/:id`; `undefined` when something else is in it. */
function unregexp(regexp: RegExp, keys: unknown): string | undefined {
  const names = Array.isArray(keys) ? keys.map((key: { name?: unknown }) => String(key.name)) : [];
  let next = 0;
  const text = regexp.source
    .replace(/^\^/, '')
    .replace(/\\\/\?\(\?=\\\/\|\$\)$/, '')
    .replaceAll(PARAMETER, (_group, slash: string | undefined, optional: string) => {
      return `${slash === undefined ? '' : '/'}:${names[next++] ?? 'id'}${optional}`;
    })
    .replaceAll(/\\([/.-])/g, '$1');
  return /[\\^$()[\]|+*]/.test(text) ? undefined : text;
}

/** A value no program has in a path: the parameter that takes it on is the one at its place. */
const PROBE = 'taskperf-probe';

interface Answer {
  path: string;
  params: Record<string, unknown>;
}

/** Asks the layer, as its router does. It answers with a value (router ≥ 2.3) or leaves one behind. */
function ask(layer: Layer, path: string): Answer | undefined {
  const answer = layer.match?.(path);
  if (answer === undefined || answer === false) return undefined;
  const from = typeof answer === 'object' && answer !== null ? (answer as Layer) : layer;
  if (typeof from.path !== 'string') return undefined;
  return { path: from.path, params: (from.params ?? {}) as Record<string, unknown> };
}

/** The name of the parameter at place i of the path that the layer took. */
function parameterAt(layer: Layer, segments: readonly string[], i: number): string | undefined {
  const answer = ask(layer, `/${segments.with(i, PROBE).join('/')}`);
  return Object.entries(answer?.params ?? {}).find(([, value]) => value === PROBE)?.[0];
}

/** For layers that do not tell their pattern (router 2.0 to 2.2, regular expressions): each segment in turn is probed. */
function askLayer(layer: Layer, rest: string): Matched | undefined {
  const answer = ask(layer, rest);
  if (answer === undefined) return undefined;
  const taken = answer.path.length;
  const names = Object.keys(answer.params);
  if (names.length === 0) return { pattern: answer.path, fixed: true, taken };
  const segments = segmentsOf(answer.path);
  const probed = segments.map((_, i) => parameterAt(layer, segments, i));
  const pattern = segments
    .map((segment, i) => (probed[i] === undefined ? segment : `:${probed[i]}`))
    .join('/');
  // A regular expression may refuse the probe (digits only): then its values are folded, request by request.
  if (probed.filter((name) => name !== undefined).length === names.length)
    return { pattern, fixed: true, taken };
  return { pattern: foldSegments(joinPatterns('', answer.path)), fixed: false, taken };
}

function layerPattern(layer: Layer, rest: string | undefined): Matched | undefined {
  if (typeof layer.rawPath === 'string') return { pattern: layer.rawPath, fixed: true, taken: -1 };
  if (layer.regexp instanceof RegExp) {
    if ((layer.regexp as { fast_slash?: unknown }).fast_slash === true)
      return { pattern: '', fixed: true, taken: 0 };
    const pattern = unregexp(layer.regexp, layer.keys);
    if (pattern !== undefined) return { pattern, fixed: true, taken: -1 };
  }
  return rest === undefined ? undefined : askLayer(layer, rest);
}

/**
 * The pattern of a chain of mount layers.
 * @param path the real path, for layers that do not tell their pattern; `undefined` when it is not known
 */
export function mountPattern(layers: readonly Layer[], path: string | undefined): Mounted | undefined {
  let pattern = '';
  let fixed = true;
  let rest = path;
  for (const layer of layers) {
    const matched = layerPattern(layer, rest);
    if (matched === undefined) return undefined;
    pattern = joinPatterns(pattern, matched.pattern);
    fixed &&= matched.fixed;
    rest = rest === undefined ? undefined : restAfter(layer, matched, rest);
  }
  return { pattern, fixed };
}

/** What the next layer sees: the path without the part this one took. */
function restAfter(layer: Layer, matched: Matched, rest: string): string | undefined {
  const taken = matched.taken >= 0 ? matched.taken : askLayer(layer, rest)?.taken;
  return taken === undefined ? undefined : joinPatterns('', rest.slice(taken));
}
