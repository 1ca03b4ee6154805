// Builds the addon and the launcher with the system's C compiler: `node scripts/build-native.mjs
// [--sanitize] [--into FOLDER]`.
//
// taskperf works without the addon (on JavaScript's clocks), so a missing compiler or another platform is one line of
// notice and success. A compile ERROR of an existing compiler is a failure: that is a bug, not a fact of the machine.
// --sanitize builds dist/native/taskperf-asan.node with AddressSanitizer and UndefinedBehaviorSanitizer beside it.
// --into, with CC naming a cross compiler, builds for another machine (scripts/guest) instead of into dist/native.
// native/launcher/ is a program of its own, dist/native/taskperf-exec: without it the tool starts commands by itself.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { sanitize, into } = parseArgs({
  options: { sanitize: { type: 'boolean', default: false }, into: { type: 'string' } },
}).values;
const outputFolder = resolve(into ?? join(root, 'dist', 'native'));
const addon = {
  folder: join(root, 'native'),
  output: join(outputFolder, sanitize ? 'taskperf-asan.node' : 'taskperf.node'),
};
const launcher = {
  folder: join(root, 'native', 'launcher'),
  output: join(outputFolder, sanitize ? 'taskperf-exec-asan' : 'taskperf-exec'),
};

const warnings = ['-std=c11', '-Wall', '-Wextra', '-Werror'];
const shape = ['-shared', '-fPIC', '-fvisibility=hidden'];
const optimised = ['-O2'];
const sanitized = [
  '-O1',
  '-g',
  '-fno-omit-frame-pointer',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
];

process.exitCode = build();

function build() {
  const sources = sourceFiles(addon.folder);
  const starter = sourceFiles(launcher.folder);
  const stale = [
    { target: addon, sources },
    { target: launcher, sources: starter },
  ].filter((one) => !upToDate(one.target.output, one.sources));
  if (stale.length === 0) return 0;
  const obstacle = obstacleToBuilding(sources);
  if (obstacle !== null) {
    console.log(
      `taskperf: native addon not built (${obstacle}); times will be estimated from JavaScript's clocks.`,
    );
    // What an older source tree left must not be used instead.
    for (const { target } of stale) rmSync(target.output, { force: true });
    return 0;
  }
  return Math.max(...stale.map((one) => compile(one.target, one.sources)));
}

function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => join(folder, name));
}

/** The fact of this machine that prevents building, as part of a sentence, or null. */
function obstacleToBuilding(sources) {
  if (process.platform !== 'linux') return `it needs Linux, this is ${process.platform}`;
  if (sources.length === 0) return 'the native/ folder is not part of this installation';
  if (headers() === null) return 'node-api-headers is not installed';
  if (compiler() === null) return 'no C compiler: install gcc or clang, or set CC, then run npm run build';
  return null;
}

function headers() {
  try {
    return createRequire(import.meta.url)('node-api-headers').include_dir;
  } catch {
    return null;
  }
}

/** The compiler command and its leading arguments: CC may hold some, as make allows ("ccache gcc"). */
function compiler() {
  const named = process.env.CC?.trim();
  const candidates = named ? [named] : ['cc', 'gcc', 'clang'];
  for (const candidate of candidates) {
    const command = candidate.split(/\s+/);
    if (spawnSync(command[0], [...command.slice(1), '--version'], { stdio: 'ignore' }).status === 0)
      return command;
  }
  return null;
}

function upToDate(output, sources) {
  // An installed package: the dates of its files say nothing, and the shipped binaries must stay.
  if (!existsSync(join(root, 'src'))) return existsSync(output) || existsSync(addon.output);
  if (sources.length === 0 && output === launcher.output) return true;
  if (!existsSync(output)) return false;
  const built = statSync(output).mtimeMs;
  return [...sources, fileURLToPath(import.meta.url)].every((file) => statSync(file).mtimeMs <= built);
}

/** Compiles to a temporary name first: a running process may have the old file mapped. */
function compile({ output }, sources) {
  mkdirSync(dirname(output), { recursive: true });
  const temporary = `${output}.${process.pid}`;
  const files = sources.filter((file) => file.endsWith('.c'));
  const flags = [...warnings, ...(sanitize ? sanitized : optimised), ...files, '-o', temporary];
  const status = output === addon.output ? compileAddon(flags) : compileLauncher(flags);
  if (status !== 0) {
    rmSync(temporary, { force: true });
    console.error(`taskperf: ${compiler()[0]} could not build ${basename(output)} (exit ${status}).`);
    return 1;
  }
  renameSync(temporary, output);
  return 0;
}

function compileAddon(flags) {
  return run([...shape, '-I', headers(), ...flags, '-ldl', '-lm', '-pthread']);
}

/** Static, so that LD_PRELOAD does not load anything into it; where there is no static C library, or with ASan, dynamic. */
function compileLauncher(flags) {
  if (!sanitize && run(['-static', ...flags], 'ignore') === 0) return 0;
  return run(flags);
}

/** The exit status of the compiler, or the signal that ended it. */
function run(flags, stdio = 'inherit') {
  const [command, ...first] = compiler();
  const { status, signal } = spawnSync(command, [...first, ...flags], { stdio });
  return status ?? signal;
}
