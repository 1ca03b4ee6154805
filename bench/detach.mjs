// CPU per request of a server that taskperf was attached to and has let go, over what it was before:
// `npm run bench -- detach`, with ten awaits a request; `-- detach --route /work` with 1 ms of work in between.
//
// One pair is two fresh servers on one core, both warmed up. CPU per request is measured of both in blocks that take turns,
// then taskperf is attached to one of them, both serve, it is let go, and both are measured again. The result of the pair
// is (after / before) of the one over (after / before) of the other: what the compilers and the machine did meanwhile to
// both is in both, and a lucky memory layout of one is in its two figures.
//
// `--instead nothing` attaches to neither: that is the noise. `--instead promise-hook` has the one install V8's promise hooks
// (v8.promiseHooks, empty functions) and take them away again: what V8 alone keeps of them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { nodeBinaries, root, save, spread, twoCores } from './machine.mjs';
import { calibratedWork, start } from './process.mjs';

const CONNECTIONS = 10;
const BLOCKS = 6;
/**
 * Requests. `between`: while taskperf is attached, and between its end and the second measurement. Those of /awaits go before
 * those of /work, too: it is the same code, and the compilers need tens of thousands.
 */
const ROUTES = {
  '/awaits': { warmUp: 80_000, between: 80_000, measured: 150_000 },
  '/work': { warmUp: 600, between: 600, measured: 1_500 },
};

const { values: options } = parseArgs({
  options: {
    node: { type: 'string', multiple: true },
    pairs: { type: 'string', default: '15' },
    route: { type: 'string', default: '/awaits' },
    instead: { type: 'string' },
    'no-save': { type: 'boolean', default: false },
  },
});
const counts = ROUTES[options.route];
if (counts === undefined) throw new Error(`--route is one of ${Object.keys(ROUTES).join(', ')}`);
const ways = { undefined: attach, nothing: leaveAlone, 'promise-hook': hookPromises };
const begin = ways[options.instead];
if (begin === undefined) throw new Error('--instead is nothing or promise-hook');
const cores = twoCores();
const scratch = mkdtempSync(join(tmpdir(), 'taskperf-detach-'));
const here = (name) => join(root, 'bench', 'http', name);
const cli = join(root, 'dist', 'cli', 'main.js');

try {
  const load = await start(process.execPath, { cwd: scratch, core: cores.driver, file: here('load.mjs') });
  for (const node of nodeBinaries(options.node)) await measureNode(node, load);
  load.stop();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function measureNode(node, load) {
  const pairs = [];
  const work = await calibratedWork(node, { core: cores.target, cwd: scratch });
  const began = Date.now();
  for (let i = 0; i < Number(options.pairs); i++) pairs.push(await measurePair(node, load, work));
  const result = {
    node: node.version,
    pairs: pairs.length,
    seconds: Math.round((Date.now() - began) / 1000),
    before: spread(pairs.map(({ before }) => before)),
    ratio: spread(pairs.map(({ ratio }) => ratio)),
    samples: pairs.map(({ ratio }) => Math.round(ratio * 10_000) / 10_000),
  };
  const { median, q1, q3 } = result.ratio;
  console.log(
    `${node.version}, ${pairs.length} pairs, ${result.seconds} s: ${result.before.median.toFixed(1)} µs/request before; ` +
      `after ${options.instead ?? 'attaching and detaching'} × ${median.toFixed(4)}  [${q1.toFixed(4)} … ${q3.toFixed(4)}]`,
  );
  if (!options['no-save'])
    save(
      `detach${options.instead === undefined ? '' : `-${options.instead}`}${options.route.replace('/', '-')}-${node.major}`,
      result,
    );
}

async function measurePair(node, load, work) {
  const servers = [];
  for (let i = 0; i < 2; i++) {
    const server = await start(node.path, { cwd: scratch, core: cores.target, file: here('server.cjs') });
    servers.push(Object.assign(server, { port: server.first }));
    await server.ask({ command: 'work', count: work });
  }
  const [attached, plain] = servers;
  try {
    await warm(load, servers, 'warmUp');
    const before = await measure(load, servers);
    const detach = await begin(attached);
    await warm(load, servers, 'between');
    await detach();
    await warm(load, servers, 'between');
    const after = await measure(load, servers);
    const change = (server) => after.get(server) / before.get(server);
    return { before: before.get(attached), ratio: change(attached) / change(plain) };
  } finally {
    for (const server of servers) {
      await load.ask({ command: 'disconnect', port: server.port });
      server.stop();
      await server.stopped;
    }
  }
}

/** CPU µs per request of each, in blocks there and back again. */
async function measure(load, servers) {
  const requests = Math.ceil(counts.measured / BLOCKS);
  const costs = new Map(servers.map((server) => [server, 0]));
  for (let i = 0; i < BLOCKS; i++) {
    for (const server of i % 2 === 0 ? servers : servers.toReversed()) {
      const began = await server.ask({ command: 'cpu' });
      await send(load, server, requests);
      const used = (await server.ask({ command: 'cpu' })) - began;
      costs.set(server, costs.get(server) + used / requests / BLOCKS);
    }
  }
  return costs;
}

async function warm(load, servers, phase) {
  for (const route of new Set(['/awaits', options.route]))
    for (const server of servers) await send(load, server, ROUTES[route][phase], route);
}

async function send(load, { port }, requests, route = options.route) {
  await load.ask({ command: 'load', port, path: `${route}/42`, connections: CONNECTIONS, requests });
}

/** Settles when the process is being counted, with the function that ends that and proves that it counted. */
async function attach({ pid }) {
  const directory = join(scratch, 'regions');
  const tool = spawn(
    'taskset',
    ['-c', String(cores.driver), process.execPath, cli, 'stat', '--json', '-p', String(pid)],
    {
      env: { ...process.env, TASKPERF_DIR: directory },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let said = '';
  tool.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  const closed = once(tool, 'close');
  while (!existsSync(join(directory, String(pid)))) {
    if (tool.exitCode !== null) throw new Error(said);
    await delay(5);
  }
  return async () => {
    tool.kill('SIGINT');
    await closed;
    const counted = JSON.parse(said).tasks.reduce((sum, { count }) => sum + count, 0);
    if (counted < counts.between)
      throw new Error(`only ${counted} requests were counted: nothing would be measured`);
  };
}

async function leaveAlone() {
  return async () => {};
}

async function hookPromises(server) {
  await server.ask({ command: 'promiseHook', on: true });
  return () => server.ask({ command: 'promiseHook', on: false });
}
