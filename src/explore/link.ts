/**
 * Makes runnable modules of compiled ones: transformed, evaluated in the order of their imports, and with every access
 * to shared memory going through one Memory. Each call gives a core of its own, so a mutant cannot touch another.
 */
import type { Memory } from './memory.ts';
import { YIELD } from './memory.ts';
import { type Module, readModule } from './syntax.ts';
import { type Site, Transformer } from './transform.ts';

/** Compiled modules by name: "core/slab.js", "explore/finish.js". */
export type Sources = ReadonlyMap<string, string>;
export type Exports = Readonly<Record<string, unknown>>;

export interface Linked {
  readonly modules: ReadonlyMap<string, Exports>;
  /** By number: where each access is in the source. */
  readonly sites: readonly Site[];
}

const GENERATOR = Object.getPrototypeOf(function* () {}).prototype as object;

/** Modules of the core are checked strictly. */
export function link(sources: Sources, memory: Memory): Linked {
  const parsed = new Map([...sources].map(([name, source]) => [name, readModule(name, source)] as const));
  const transformer = new Transformer(parsed);
  const modules = new Map<string, Exports>();
  const load = (name: string): Exports => {
    const known = modules.get(name);
    if (known !== undefined) return known;
    const module = parsed.get(name);
    if (module === undefined) throw new Error(`${name} is imported, but is not among the explored modules`);
    const { code } = transformer.transform(module, name.startsWith('core/'));
    const exports = evaluate(module, code, runtimeOf(memory, load));
    modules.set(name, exports);
    return exports;
  };
  for (const name of parsed.keys()) load(name);
  return { modules, sites: transformer.sites };
}

function evaluate(module: Module, code: string, runtime: Record<string, unknown>): Exports {
  try {
    // The text is our own compiled source, transformed: there is no other way to run it apart from the original.
    // oxlint-disable-next-line typescript/no-implied-eval
    const make = new Function(...Object.keys(runtime), code) as (...values: unknown[]) => Exports;
    return make(...Object.values(runtime));
  } catch (error) {
    throw new Error(`${module.name} does not run when transformed: ${String(error)}`, { cause: error });
  }
}

/** The names that transformed code uses. */
function runtimeOf(memory: Memory, require: (name: string) => Exports): Record<string, unknown> {
  function Generator(): void {}
  Generator.prototype = GENERATOR;
  return {
    $rd: memory.read,
    $wr: memory.write,
    $at: memory.atomic,
    $Y: YIELD,
    $Gen: Generator,
    $require: require,
    $new: construct,
    $each: each,
    $bulk: (object: unknown, method: string, values: unknown[], site: number) =>
      bulk(memory, { object, method, values, site }),
  };
}

interface Constructed {
  $construct?: (...values: unknown[]) => Generator<undefined, unknown>;
}

/** `new type(...values)`, stoppable. */
function* construct(
  type: new (...values: unknown[]) => unknown,
  values: unknown[],
): Generator<undefined, unknown> {
  const prototype = type.prototype as Constructed;
  if (prototype.$construct === undefined) return new type(...values);
  return yield* (Object.create(prototype) as Required<Constructed>).$construct(...values);
}

/** `array.method(callback)` for a callback that may stop: every result first, then the method on those. */
function* each(
  array: readonly unknown[],
  method: string,
  callback: (item: unknown, index: number) => Generator<undefined, unknown>,
): Generator<undefined, unknown> {
  if (method !== 'map' && method !== 'forEach' && method !== 'filter')
    throw new Error(`the explorer does not know ${method} with a callback that uses memory`);
  const results: unknown[] = [];
  for (const [index, item] of array.entries()) results.push(yield* callback(item, index));
  return method === 'filter' ? array.filter((_, index) => results[index]) : results;
}

/** Methods that write many elements: byte by byte when the array is the region's. */
function* bulk(
  memory: Memory,
  call: { object: unknown; method: string; values: unknown[]; site: number },
): Generator<undefined, unknown> {
  const { object, method, values, site } = call;
  if (!memory.isView(object)) {
    const target = object as Record<string, (...args: unknown[]) => unknown>;
    const result = target[method]!(...values);
    return isGenerator(result) ? yield* result : result;
  }
  const bytes = bytesOf(method, values);
  for (const [index, byte] of bytes) {
    if (memory.write(object, index, byte, site) === YIELD) yield;
  }
  return undefined;
}

function bytesOf(method: string, values: unknown[]): [number, number][] {
  if (method === 'set') {
    const [source, offset] = values as [ArrayLike<number>, number | undefined];
    return Array.from(source, (byte, i) => [(offset ?? 0) + i, byte]);
  }
  if (method === 'fill' && values.length === 3) {
    const [value, from, to] = values as [number, number, number];
    return Array.from({ length: to - from }, (_, i) => [from + i, value]);
  }
  throw new Error(`the explorer does not know ${method} with ${values.length} arguments on the region`);
}

function isGenerator(value: unknown): value is Generator<undefined, unknown> {
  return typeof value === 'object' && value !== null && GENERATOR.isPrototypeOf(value);
}
