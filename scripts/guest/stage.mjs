// Prepares the folder that becomes /app of the guest: taskperf as it is built here, with its native parts for arm64, and what a
// test or benchmark brings. Files are linked, not copied: the boot packs what links point to.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CC = 'aarch64-linux-gnu-gcc';
const WARNINGS = ['-std=c11', '-Wall', '-Wextra', '-Werror', '-O2'];
const ADDON = ['-shared', '-fPIC', '-fvisibility=hidden'];

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const require = createRequire(join(root, 'package.json'));

/** The package as npm would install it, at /app: a program there may import it as 'taskperf'. */
export function stageTaskperf(app) {
  if (!existsSync(join(root, 'dist', 'cli', 'main.js')))
    throw new Error('dist/ is missing: run npm run build');
  for (const path of ['package.json', 'dist/core', 'dist/node', 'dist/cli']) stage(app, path);
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) stagePackage(app, name);
  const into = join(app, 'dist', 'native');
  const args = [join(root, 'scripts', 'build-native.mjs'), '--into', into];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, CC } });
  if (status !== 0 || !existsSync(join(into, 'taskperf.node')))
    throw new Error(`the addon could not be built with ${CC}`);
}

/** A file or folder of the repository. */
export function stage(app, path, to = path) {
  mkdirSync(dirname(join(app, to)), { recursive: true });
  symlinkSync(join(root, path), join(app, to));
}

/** An installed package and all it depends on, where they are installed. */
export function stagePackage(app, name, dependent = join(root, 'package.json')) {
  const folder = packageFolder(name, dependent);
  if (folder === null) return;
  const at = folder.slice(root.length + 1);
  if (existsSync(join(app, at))) return;
  stage(app, at);
  const manifest = join(folder, 'package.json');
  const { dependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8'));
  for (const dependency of Object.keys(dependencies)) stagePackage(app, dependency, manifest);
}

function packageFolder(name, dependent) {
  for (const folder of createRequire(dependent).resolve.paths(name) ?? [])
    if (existsSync(join(folder, name, 'package.json'))) return join(folder, name);
  return null;
}

/** Builds a program for the guest from sources of the repository. */
export function compileProgram(app, to, sources) {
  compile([...WARNINGS, ...paths(sources), '-o', outputFile(app, to)]);
}

/** Builds a Node-API addon for the guest. */
export function compileAddon(app, to, sources) {
  const headers = require('node-api-headers').include_dir;
  compile([...WARNINGS, ...ADDON, '-I', headers, ...paths(sources), '-o', outputFile(app, to)]);
}

function paths(sources) {
  return sources.map((source) => join(root, source));
}

function outputFile(app, to) {
  mkdirSync(dirname(join(app, to)), { recursive: true });
  return join(app, to);
}

function compile(args) {
  const { status, error } = spawnSync(CC, args, { stdio: 'inherit' });
  if (error !== undefined) throw new Error(`${CC} is missing: install gcc-aarch64-linux-gnu`);
  if (status !== 0) throw new Error(`${CC} failed with ${status}`);
}
