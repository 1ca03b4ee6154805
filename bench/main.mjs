// `npm run bench` measures everything that needs no emulator; `npm run bench -- http --pairs 3` one benchmark with its
// own options; `npm run bench -- report` only writes docs/benchmarks.md anew from bench/results/.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './machine.mjs';

const ALL = ['switch', 'http', 'top-cost', 'report'];
const KNOWN = [...ALL, 'guest', 'collector', 'detach', 'top'];
const TOP_COST = ['--base', 'counting', '--variants', 'top', '--as', 'top', '--scale', '2'];
const USAGE = `npm run bench [-- ${KNOWN.join('|')} [options]]`;

process.exitCode = main(process.argv.slice(2));

function main([name, ...options]) {
  if (name !== undefined && !KNOWN.includes(name)) {
    console.error(`unknown benchmark "${name}"; usage: ${USAGE}`);
    return 129;
  }
  for (const benchmark of name === undefined ? ALL : [name, 'report']) {
    const status = run(benchmark, benchmark === name ? options : []);
    if (status !== 0) return status;
  }
  return 0;
}

function run(benchmark, options) {
  // What `taskperf top` costs a server: pairs of the http benchmark that have their own base.
  if (benchmark === 'top-cost') return run('http', [...TOP_COST, ...options]);
  const compiled = join(root, 'dist', 'bench', `${benchmark}.js`);
  const source = join(root, 'bench', `${benchmark}.mjs`);
  const file = existsSync(source) ? source : compiled;
  const { status } = spawnSync(process.execPath, [file, ...options], { stdio: 'inherit' });
  return status ?? 1;
}
