// Instructions per request in an emulated arm64 machine that counts them exactly, so without any noise of this one:
// `npm run bench -- guest --runner PATH`. What the runner is and needs: bench/guest/README.md.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { childVariables } from './http/taskperf.mjs';
import { root, save } from './machine.mjs';

const CC = 'aarch64-linux-gnu-gcc';

const { values: options } = parseArgs({
  options: {
    runner: { type: 'string' },
    work: { type: 'string', default: join(tmpdir(), 'taskperf-guest') },
    node: { type: 'string', default: '24' },
    variants: { type: 'string', default: 'none,loaded,counting,hardware' },
    connections: { type: 'string', default: '1,10' },
    short: { type: 'string', default: '2000' },
    long: { type: 'string', default: '6000' },
    repeats: { type: 'string', default: '1' },
    limit: { type: 'string', default: '600' },
    'no-save': { type: 'boolean', default: false },
  },
});

if (options.runner === undefined)
  throw new Error(
    'the guest needs --runner PATH, a program called with WORKDIR APPDIR: bench/guest/README.md',
  );
const app = mkdtempSync(join(tmpdir(), 'taskperf-guest-app-'));
try {
  stage();
  run();
} finally {
  rmSync(app, { recursive: true, force: true });
}

function run() {
  const work = resolve(options.work);
  const outcome = spawnSync('nice', ['bash', resolve(options.runner), work, app], {
    env: { ...process.env, NODE: options.node, LIMIT: options.limit },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const file = join(work, 'out', 'instructions.json');
  if (outcome.status !== 0 || !existsSync(file)) throw new Error(`the guest failed: ${outcome.status}`);
  const measured = JSON.parse(readFileSync(file, 'utf8'));
  const result = { ...measured, variants: ratios(measured.results) };
  print(result);
  if (!options['no-save']) save(`guest-${options.node}`, result);
}

/** Everything the guest needs, as the folder that becomes its /app. */
function stage() {
  copy('bench/guest/run.sh', 'run.sh');
  copy('bench/guest/drive.mjs', 'drive.mjs');
  copy('bench/machine.mjs');
  copy('bench/http');
  copy('package.json');
  for (const layer of ['core', 'node', 'cli']) copy(`dist/${layer}`);
  copyPackage('fastify', join(root, 'package.json'), new Set());
  compile(['-O2', join(root, 'bench', 'guest', 'count.c'), '-o', join(app, 'count')]);
  compileAddon();
  const variants = Object.fromEntries(
    options.variants.split(',').map((name) => [name, childVariables(name, '/dev/shm/taskperf', '/app')]),
  );
  const plan = {
    variants,
    connections: options.connections.split(',').map(Number),
    short: Number(options.short),
    long: Number(options.long),
    repeats: Number(options.repeats),
  };
  writeFileSync(join(app, 'plan.json'), JSON.stringify(plan));
}

function copy(from, to = from) {
  mkdirSync(dirname(join(app, to)), { recursive: true });
  cpSync(join(root, from), join(app, to), { recursive: true });
}

/** A package and all it depends on, as they are installed. */
function copyPackage(name, dependent, done) {
  const folder = packageFolder(name, dependent);
  if (folder === null || done.has(folder)) return;
  done.add(folder);
  cpSync(folder, join(app, folder.slice(root.length + 1)), { recursive: true });
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies))
    copyPackage(dependency, join(folder, 'package.json'), done);
}

function packageFolder(name, dependent) {
  for (const folder of createRequire(dependent).resolve.paths(name) ?? [])
    if (existsSync(join(folder, name, 'package.json'))) return join(folder, name);
  return null;
}

/** With the flags of scripts/build-native.mjs. */
function compileAddon() {
  const native = join(root, 'native');
  const sources = readdirSync(native).filter((name) => name.endsWith('.c'));
  const headers = createRequire(join(root, 'package.json'))('node-api-headers').include_dir;
  mkdirSync(join(app, 'dist', 'native'), { recursive: true });
  const flags = '-std=c11 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden -O2'.split(' ');
  const files = sources.map((name) => join(native, name));
  const output = join(app, 'dist', 'native', 'taskperf.node');
  compile([...flags, '-I', headers, ...files, '-o', output, '-ldl', '-lm']);
}

function compile(args) {
  const { status, error } = spawnSync(CC, args, { stdio: 'inherit' });
  if (error !== undefined) throw new Error(`${CC} is missing: install gcc-aarch64-linux-gnu`);
  if (status !== 0) throw new Error(`${CC} failed with ${status}`);
}

/** Every variant over "none" at the same number of connections; of repeats, the mean. */
function ratios(results) {
  const mean = (name, connections, mode) => {
    const values = results
      .filter((r) => r.name === name && r.connections === connections)
      .map((r) => r[mode]);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const keys = new Map(
    results.map(({ name, connections }) => [`${name}/${connections}`, { name, connections }]),
  );
  return [...keys.values()].map(({ name, connections }) => ({
    name,
    connections,
    user: Math.round(mean(name, connections, 'user')),
    kernel: Math.round(mean(name, connections, 'kernel')),
    ratio: mean(name, connections, 'user') / mean('none', connections, 'user'),
  }));
}

function print({ node, variants }) {
  console.log(`\n${node} (arm64, emulated): user instructions per request`);
  for (const { name, connections, user, kernel, ratio } of variants)
    console.log(
      `  ${name.padEnd(10)} ${String(connections).padStart(3)} connections ${String(user).padStart(8)}` +
        `  ratio ${ratio.toFixed(3)}  (kernel ${kernel})`,
    );
}
