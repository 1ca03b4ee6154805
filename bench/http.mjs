// CPU per request of a Fastify server, with taskperf and with what it is measured beside: `npm run bench -- http`.
//
// One round starts a fresh server per variant, all pinned to one core, warms each up, and then sends requests to one
// after the other in small blocks, in a different order each time, the load generator on another core. A server waits
// without work while it is not its turn. CPU per request is what the server says of itself (user + system, all its
// threads) over its blocks; a round gives one pair (variant, base) per variant, and the base is a server without taskperf
// unless --base names another variant. Drift of the machine hits both sides of a pair alike, and fresh processes keep one
// lucky memory layout from deciding.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { COUNTING, countedRequests, countedVariants } from './http/taskperf.mjs';
import { installPeers } from './http/peers.mjs';
import { nodeBinaries, pinned, root, save, spread, twoCores } from './machine.mjs';
import { calibratedWork, start } from './process.mjs';

const CONNECTIONS = 10;
const BLOCKS = 6;
/**
 * Requests per round and variant. The first 20,000 cost up to three times as much as later ones, with taskperf and without:
 * the compilers (per 10,000 requests of Node 24: 40, 30, 15.5, 15.7 … us without, 76, 39, 22.0, 21.5 … us with).
 */
const ROUTES = {
  '/awaits': { warmUp: 24_000, measured: 18_000 },
  '/work': { warmUp: 60, measured: 480 },
};
const here = (name) => join(root, 'bench', 'http', name);
/** What each server is started with. */
const VARIANTS = {
  none: () => ({}),
  ...countedVariants,
  opentelemetry: () => ({ preload: here('with-opentelemetry.cjs') }),
  datadog: () => ({ preload: here('with-datadog.cjs') }),
  /** Counting, with `taskperf top` looking at it from the driver's core. */
  top: ({ directory }) => ({ ...countedVariants.counting({ directory }), isWatched: true }),
  'create-hook': () => ({ preload: here('with-create-hook.cjs') }),
};

/** Hardware events are the guest's (guest.mjs); `top` is compared with `counting`: --base counting --variants top. */
const DEFAULT_VARIANTS = Object.keys(VARIANTS).filter(
  (name) => !name.startsWith('hardware') && name !== 'top',
);

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    pairs: { type: 'string', default: '15' },
    variants: { type: 'string', default: DEFAULT_VARIANTS.join(',') },
    scale: { type: 'string', default: '1' },
    base: { type: 'string', default: 'none' },
    as: { type: 'string', default: 'http' },
    'no-save': { type: 'boolean', default: false },
  },
});
const cores = twoCores();
const scratch = mkdtempSync(join(tmpdir(), 'taskperf-bench-'));

try {
  await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function main() {
  const { base } = options;
  const variants = [base, ...options.variants.split(',').filter((name) => name !== base)];
  for (const name of variants)
    if (!Object.hasOwn(VARIANTS, name))
      throw new Error(`unknown variant ${name}; known: ${Object.keys(VARIANTS).join(', ')}`);
  if (variants.some((name) => VARIANTS[name]({ directory: scratch }).preload !== undefined)) installPeers();
  const load = await start(process.execPath, { cwd: scratch, core: cores.driver, file: here('load.mjs') });
  for (const node of nodeBinaries(options.node)) await measureNode({ node, variants, load });
  load.stop();
}

async function measureNode({ node, variants, load }) {
  const pairs = Number(options.pairs);
  const work = await calibratedWork(node, { core: cores.target, cwd: scratch });
  const samples = {};
  const began = Date.now();
  for (let round = 0; round < pairs; round++) {
    const order = [...variants.slice(round % variants.length), ...variants.slice(0, round % variants.length)];
    const costs = await measureRound({ node, order, load, work });
    for (const route of Object.keys(ROUTES))
      for (const name of variants) ((samples[route] ??= {})[name] ??= []).push(costs[route][name]);
    if (process.stderr.isTTY) process.stderr.write(`\r${node.version} round ${round + 1}/${pairs} `);
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  const result = { node: node.version, pairs, seconds, routes: summarise(samples, variants) };
  print(result);
  if (!options['no-save']) save(`${options.as}-${node.major}`, result);
}

/** { route: { variant: CPU µs per request } } */
async function measureRound({ node, order, load, work }) {
  const servers = new Map();
  const scale = Number(options.scale);
  const costs = {};
  try {
    for (const name of order) servers.set(name, await startVariant(node, name, work));
    for (const [route, { warmUp }] of Object.entries(ROUTES))
      for (const server of servers.values()) await send(load, server, route, Math.ceil(warmUp * scale));
    for (const [route, { measured }] of Object.entries(ROUTES)) {
      const requests = Math.ceil((measured * scale) / BLOCKS);
      costs[route] = await measureRoute(load, servers, { route, requests });
    }
    for (const [name, server] of servers) await requireProof(name, server);
  } finally {
    for (const server of servers.values()) {
      await load.ask({ command: 'disconnect', port: server.port });
      server.stop();
      await server.stopped;
      server.directory.remove();
    }
  }
  return costs;
}

/** In blocks, there and back again, so that a machine that gets slower or faster is shared out evenly. */
async function measureRoute(load, servers, block) {
  const names = [...servers.keys()];
  const costs = Object.fromEntries(names.map((name) => [name, 0]));
  for (let i = 0; i < BLOCKS; i++)
    for (const name of i % 2 === 0 ? names : names.toReversed())
      costs[name] += (await measureBlock(load, servers.get(name), block)) / BLOCKS;
  return costs;
}

async function measureBlock(load, server, { route, requests }) {
  const before = await server.ask({ command: 'cpu' });
  await send(load, server, route, requests);
  return ((await server.ask({ command: 'cpu' })) - before) / requests;
}

async function send(load, server, route, requests) {
  await load.ask({
    command: 'load',
    port: server.port,
    path: `${route}/42`,
    connections: CONNECTIONS,
    requests,
  });
  server.sent += requests;
}

async function startVariant(node, name, work) {
  const directory = temporaryDirectory(name);
  const { preload, env = {}, isWatched = false } = VARIANTS[name]({ directory: directory.path });
  const nodeOptions = [env.NODE_OPTIONS, preload === undefined ? undefined : `--require "${preload}"`];
  const server = await start(node.path, {
    core: cores.target,
    file: here('server.cjs'),
    env: { ...env, NODE_OPTIONS: nodeOptions.filter((part) => part !== undefined).join(' ') },
    cwd: directory.path,
  });
  Object.assign(server, { port: server.first, directory, sent: 0 });
  await server.ask({ command: 'work', count: work });
  if (isWatched) watch(server);
  return server;
}

/** `taskperf top` as a user starts it, but for the terminal, until the server ends. */
function watch({ pid, directory, stopped }) {
  const [command, ...args] = pinned(cores.driver, process.execPath);
  const env = { ...process.env, TASKPERF_DIR: directory.path };
  const cli = join(root, 'dist', 'cli', 'main.js');
  const top = spawn(command, [...args, cli, 'top', '-p', String(pid)], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let hasEnded = false;
  stopped.then(() => (hasEnded = true));
  top.once('exit', () => {
    if (!hasEnded) throw new Error('top ended before the server: its figures would be those of no top');
  });
}

/** A peer that did not start, or a taskperf that switched itself off, would be measured as free. */
async function requireProof(name, server) {
  if (name === 'none' || name === 'loaded') return;
  const proof = COUNTING.has(name)
    ? await countedRequests(server.directory.path)
    : await server.ask({ command: 'proof' });
  if (proof >= (COUNTING.has(name) ? server.sent : 1)) return;
  throw new Error(`variant ${name} saw ${proof} of ${server.sent} requests: its figures would be too low`);
}

/** In memory, so that no variant writes to a disk. */
function temporaryDirectory(name) {
  const path = mkdtempSync(join('/dev/shm', `taskperf-bench-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Per route and variant: CPU µs per request, what the variant adds, and the ratio of each pair. */
function summarise(samples, variants) {
  const of = (route, name) => {
    const mine = samples[route][name];
    const base = samples[route][options.base];
    return {
      microseconds: spread(mine),
      added: spread(mine.map((value, round) => value - base[round])),
      ratio: spread(mine.map((value, round) => value / base[round])),
      samples: mine.map((value) => Math.round(value * 100) / 100),
    };
  };
  return Object.fromEntries(
    Object.keys(ROUTES).map((route) => [
      route,
      Object.fromEntries(variants.map((name) => [name, of(route, name)])),
    ]),
  );
}

function print({ node, pairs, seconds, routes }) {
  console.log(`\n${node}, ${pairs} pairs, ${seconds} s`);
  for (const [route, variants] of Object.entries(routes))
    for (const [name, { microseconds, added, ratio }] of Object.entries(variants))
      console.log(
        `${route.padEnd(8)} ${name.padEnd(14)} ${microseconds.median.toFixed(1).padStart(8)} µs/request` +
          `  added ${added.median.toFixed(1).padStart(7)} µs  ratio ${ratio.median.toFixed(3)}` +
          `  [${ratio.q1.toFixed(3)} … ${ratio.q3.toFixed(3)}]`,
      );
}
