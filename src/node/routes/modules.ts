/** Meets frameworks and pools that offer no other way in when their files are loaded, CommonJS or ESM. */
import { existsSync, promises, realpathSync } from 'node:fs';
import Module from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { instrumentPool, isPoolFile } from '../pools.ts';
import { instrumentHono, isHonoFile } from './hono.ts';
import { isKoaFile, patchKoa } from './koa.ts';

interface LoadResult {
  source?: unknown;
}

type NextLoad = (url: string, context: unknown) => LoadResult;

/** Parts of node:module that its types hide (`_compile`) or that older Node lacks (`registerHooks`, 22.15). */
interface ModuleInternals {
  _cache: Record<string, { exports: unknown } | undefined>;
  prototype: {
    _compile(this: { exports: unknown }, content: string, filename: string, ...rest: unknown[]): unknown;
  };
  registerHooks?(hooks: { load(url: string, context: unknown, next: NextLoad): LoadResult }): {
    deregister(): void;
  };
}

const internals = Module as unknown as ModuleInternals;
const undo: (() => void)[] = [];
let installed = false;

/** What is added to the source of a file, a path or a URL. */
function instrumentFor(file: string): ((source: string) => string) | undefined {
  if (isHonoFile(file)) return instrumentHono;
  return isPoolFile(file) ? instrumentPool : undefined;
}

function wrapKoa(exported: unknown): void {
  const unwrap = patchKoa(exported);
  if (unwrap !== undefined) undo.push(unwrap);
}

/**
 * Koa, piscina and a CommonJS Hono. Module.prototype._compile sees every CommonJS file, also those an ES module imports, on Node
 * 20 to 26.
 */
function installCommonJs(): void {
  const prototype = internals.prototype;
  const original = prototype._compile;
  const compile: typeof original = function _compile(content, filename, ...rest) {
    if (!installed) return original.call(this, content, filename, ...rest);
    const instrument = typeof content === 'string' ? instrumentFor(filename) : undefined;
    const source = instrument === undefined ? content : instrument(content);
    const result = original.call(this, source, filename, ...rest);
    if (isKoaFile(filename)) wrapKoa(this.exports);
    return result;
  };
  prototype._compile = compile;
  for (const filename of Object.keys(internals._cache)) {
    if (isKoaFile(filename)) wrapKoa(internals._cache[filename]?.exports);
  }
  undo.push(() => {
    if (prototype._compile === compile) prototype._compile = original;
  });
}

function has(name: string, folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'node_modules', name, 'package.json'))) return true;
    if (at === dirname(at)) return false;
  }
}

/**
 * Whether the program can import this framework. Its files are watched for in such programs only: the others keep a
 * loader nobody has touched, and stacks without a frame of ours.
 */
function isNear(name: string): boolean {
  const folders = [process.cwd()];
  const main = process.argv[1];
  try {
    if (main !== undefined) folders.push(dirname(realpathSync(main)));
  } catch {
    // `node app` for app.js: the file as typed does not exist, its folder does.
    if (main !== undefined) folders.push(dirname(resolve(main)));
  }
  return folders.some((folder) => has(name, folder));
}

function textOf(source: unknown): string | undefined {
  if (typeof source === 'string') return source;
  return source instanceof Uint8Array ? Buffer.from(source).toString('utf8') : undefined;
}

function installHooks(register: NonNullable<ModuleInternals['registerHooks']>): void {
  const hooks = register({
    load(url, context, next) {
      const result = next(url, context);
      const instrument = instrumentFor(url);
      if (instrument === undefined) return result;
      const text = textOf(result.source);
      return text === undefined ? result : { ...result, source: instrument(text) };
    },
  });
  undo.push(() => hooks.deregister());
}

/**
 * Node 20 has no hooks in the thread itself, and a loader thread is not ours to start. Its ESM loader reads every file
 * with `fs.promises.readFile(url)`, looked up at each call: that one call, with a URL of ours to instrument and no options, is answered
 * with the instrumented source.
 */
function installReadFile(): void {
  const original = promises.readFile;
  const readFile = function readFile(this: unknown, ...args: unknown[]): unknown {
    const reading: unknown = Reflect.apply(original, this, args);
    const [file] = args;
    const instrument =
      installed && args.length === 1 && file instanceof URL ? instrumentFor(file.href) : undefined;
    if (instrument === undefined) return reading;
    return (reading as Promise<Buffer>).then((bytes) => Buffer.from(instrument(bytes.toString('utf8'))));
  };
  Object.defineProperty(readFile, 'length', { value: original.length, configurable: true });
  const replacement = readFile as unknown as typeof original;
  promises.readFile = replacement;
  undo.push(() => {
    if (promises.readFile === replacement) promises.readFile = original;
  });
}

/** Watches the loading of Koa, Hono, piscina and tinypool. */
export function installModuleHooks(): void {
  installed = true;
  const isModule = isNear('hono') || isNear('tinypool');
  if (isModule || isNear('koa') || isNear('piscina')) installCommonJs();
  if (!isModule) return;
  const register = internals.registerHooks?.bind(Module);
  if (register === undefined) installReadFile();
  else installHooks(register);
}

/** Takes off every hook and patch, last one first. */
export function uninstallModuleHooks(): void {
  installed = false;
  for (const step of undo.splice(0).reverse()) step();
}
