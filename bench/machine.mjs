// What every benchmark needs to know: which Node binaries there are, which cores to pin to, what the machine is, and
// how a list of figures becomes a median with its quartiles.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const results = join(root, 'bench', 'results');

/** `{ path, version, major }` of each: what --node names (repeatable), else this Node and those of the CI folder. */
export function nodeBinaries(named) {
  const folder = join(root, '.ci', 'nodes', 'node_modules');
  const found = existsSync(folder)
    ? readdirSync(folder).map((name) => join(folder, name, 'bin', 'node'))
    : [];
  const paths = named?.length > 0 ? named.map((path) => resolve(path)) : [process.execPath, ...found];
  const nodes = new Map();
  for (const path of paths.filter((candidate) => existsSync(candidate))) {
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim();
    const major = Number(version.slice(1).split('.')[0]);
    if (!nodes.has(major)) nodes.set(major, { path, version, major });
  }
  if (nodes.size === 0) throw new Error(`no node binary at ${paths.join(', ')}`);
  return [...nodes.values()].sort((a, b) => a.major - b.major);
}

/** Two cores this process may use: one for what is measured, one for what drives it. One core if there is only one. */
export function twoCores() {
  const allowed = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  const cores = allowed.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return { target: cores[0], driver: cores.at(-1) };
}

/** The command that runs `node` on one core, as [program, ...arguments]. */
export function pinned(core, node) {
  if (spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status !== 0)
    throw new Error('taskset is missing: install util-linux');
  return ['taskset', '--cpu-list', String(core), node];
}

export function machine() {
  const cpus = os.cpus();
  return {
    cpu: cpus[0].model.trim(),
    cores: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    os: /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os.type(),
    virtual: /^flags.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')),
  };
}

/** Median and quartiles, by linear interpolation. */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => {
    const position = share * (sorted.length - 1);
    const low = Math.floor(position);
    return sorted[low] + (sorted[Math.ceil(position)] - sorted[low]) * (position - low);
  };
  return {
    median: at(0.5),
    q1: at(0.25),
    q3: at(0.75),
    min: sorted[0],
    max: sorted.at(-1),
    count: sorted.length,
  };
}

/** Writes bench/results/<name>.json, from which report.mjs makes the page. */
export function save(name, result) {
  mkdirSync(results, { recursive: true });
  const file = join(results, `${name}.json`);
  const stamped = { date: new Date().toISOString().slice(0, 16), machine: machine(), ...result };
  writeFileSync(file, `${JSON.stringify(stamped, null, 2)}\n`);
  spawnSync(join(root, 'node_modules', '.bin', 'biome'), ['format', '--write', file], { stdio: 'ignore' });
}

/** All saved results whose name begins so, oldest Node first. */
export function saved(prefix) {
  if (!existsSync(results)) return [];
  return readdirSync(results)
    .filter((name) => name.startsWith(prefix) && name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(results, name), 'utf8')));
}
