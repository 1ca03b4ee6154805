// Regenerates what README.md and docs/ show as output: `node scripts/docs-output.mjs [PAGE …]`, after `npm run build`.
//
// Every block between `<!-- output: NAME -->` and `<!-- /output -->` is replaced by what the run of that name prints
// now, with the Node that runs this script. Nothing in a block is written by hand.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const PAGES = [
  'README.md',
  ...['doctor', 'exploration', 'processes', 'record', 'simulation', 'stat', 'top', 'troubleshooting'].map(
    (name) => join('docs', `${name}.md`),
  ),
];
const pages = process.argv.length > 2 ? process.argv.slice(2) : PAGES;
const taskperf = join('dist', 'cli', 'main.js');
const shop = 'examples/shop/server.mjs';
const cluster = 'test/fixtures/programs/cluster.mjs';
const parent = 'test/fixtures/programs/parent.mjs';
const CONNECTIONS = 4;
const ROUNDS = 100;

/** What each block shows. */
const OUTPUTS = {
  demo: async () => {
    const { printed, said } = await underStat([], shop, { load: shopLoad });
    return `$ taskperf stat -- node ${shop}\n${said}${printed}`;
  },
  fastify: () => appTable('test/fixtures/apps/fastify.mjs'),
  express: () => appTable('test/fixtures/apps/express5.mjs'),
  cluster: async () => {
    const { printed } = await underStat(['--by', 'process'], cluster, { load: clusterLoad, columns: 90 });
    return `$ taskperf stat --by process -- node ${cluster}\n${printed}`;
  },
  children: async () => {
    const { printed } = await underStat([], parent, { load: childrenLoad });
    return `$ taskperf stat -- node ${parent}\n${printed}`;
  },
  blocked: async () => {
    const server = 'test/fixtures/programs/blocking-server.mjs';
    const how = { load: blockingLoad, columns: 100 };
    const { printed } = await underStat(['-I', '1000', '--stack'], server, how);
    return printed
      .split('\n')
      .filter((line) => /^ (blocked|waits)|^ +(\d.*(GET|loop|task)|at |no stack)/.test(line) || line === '')
      .filter((line) => !line.endsWith('%') && !line.includes(' elapsed, '))
      .join('\n')
      .replaceAll(/\n{2,}/g, '\n\n')
      .replaceAll(`${root}/`, '/app/')
      .replaceAll('file://', '');
  },
  record: async () => {
    const directory = mkdtempSync(join(tmpdir(), 'taskperf-docs-'));
    const file = join(directory, 'taskperf.jsonl');
    const { printed } = await underTool(['record', '-o', file], shop, { load: shopLoad });
    const lines = readFileSync(file, 'utf8').split('\n');
    const report = run([taskperf, 'report', '--by', 'task', file]).split('\n');
    rmSync(directory, { recursive: true });
    const shown = [
      `$ taskperf record -- node ${shop}`,
      printed.trim().replaceAll(file, 'taskperf.jsonl').replace('report taskperf.jsonl', 'report'),
      '$ taskperf report --by task',
      ...report.slice(0, 10),
      '…',
      "$ grep '^{.task' taskperf.jsonl | head -n 2",
      ...lines.filter((line) => line.startsWith('{"task')).slice(0, 2),
    ];
    return shown.join('\n');
  },
  'record-help': () => run([taskperf, 'record', '--help']),
  'report-help': () => run([taskperf, 'report', '--help']),
  'job-queue': () => run(['dist/examples/job-queue/main.js']),
  list: () => {
    const groups = ['clock', 'task', 'v8', 'software', 'hardware'];
    return `$ taskperf list ${groups.join(' ')}\n${run([taskperf, 'list', ...groups])}`;
  },
  doctor: () => `$ taskperf doctor\n${run([taskperf, 'doctor'])}`,
  help: () => run([taskperf, 'stat', '--help']),
  top: async () =>
    `$ taskperf top --blocked 20ms\n${await topScreen({ until: /last \d[^]*! GET \/report #/, keys: [] })}`,
  'top-name': () => topScreen({ until: /^ GET \/report$[^]*last \d[^]*live tasks/m, keys: ['Enter'] }),
  'top-help': () => run([taskperf, 'top', '--help']),
  'sim-run': () => `$ npm run sim -- 0x1f\n${run(['scripts/sim.mjs', '0x1f'])}`,
  'sim-coverage': () =>
    `$ node scripts/sim.mjs 1 --runs 500\n${run(['scripts/sim.mjs', '1', '--runs', '500'])}`,
  json: jsonSample,
  explore: () => run(['scripts/explore.mjs']),
  'explore-failure': () =>
    run(['scripts/explore.mjs', 'exit-attach-fresh', '--mutant', 'exit-leaves-nothing']),
  'explore-mutants': () => run(['scripts/explore.mjs', '--mutants']),
  estimated: async () => {
    const how = { load: requests, env: { TASKPERF_NO_ADDON: '1' } };
    return (await underStat(['-e', 'task-clock'], 'test/fixtures/apps/fastify.mjs', how)).printed;
  },
};

await main();

async function main() {
  const outputs = new Map();
  for (const page of pages) {
    let markdown = readFileSync(join(root, page), 'utf8');
    for (const [, name] of markdown.matchAll(/^<!-- output: (\S+) -->$/gm)) {
      if (!outputs.has(name)) outputs.set(name, await outputOf(name));
      markdown = replaceBlock(markdown, name, outputs.get(name));
    }
    writeFileSync(join(root, page), markdown);
  }
  console.log(`regenerated with Node ${process.version}: ${[...outputs.keys()].join(', ')}`);
}

async function outputOf(name) {
  const output = OUTPUTS[name];
  if (output === undefined) throw new Error(`no output is called ${name}`);
  return (await output()).replace(/^\n+|\s+$/g, '');
}

function replaceBlock(markdown, name, output) {
  const block = new RegExp(`(<!-- output: ${name} -->\\n\`\`\`\\w*\\n)[\\s\\S]*?(\`\`\`\\n<!-- /output -->)`);
  if (!block.test(markdown)) throw new Error(`the block ${name} has no fence or no end`);
  return markdown.replace(block, (_, before, after) => `${before}${output}\n${after}`);
}

async function appTable(app) {
  const { printed } = await underStat(['-e', 'task-clock,wall'], app, { load: requests, columns: 100 });
  return `$ taskperf stat -e task-clock,wall -- node ${app}\n${printed}`;
}

/** A document with one of its tasks and one counter, else as it is. */
async function jsonSample() {
  const args = ['-e', 'task-clock', '--json'];
  const { printed } = await underStat(args, 'test/fixtures/apps/fastify.mjs', { load: requests });
  const document = JSON.parse(printed);
  return JSON.stringify({ ...document, tasks: document.tasks.slice(0, 1) }, null, 2);
}

async function underStat(options, server, how) {
  return await underTool(['stat', ...options], server, how);
}

/** Runs a server under taskperf, loads it once it listens, and ends it in its own way. */
async function underTool(words, server, { load, columns = 80, env = {} }) {
  const tool = start([taskperf, ...words, '--', 'node', server], { ...env, COLUMNS: String(columns) });
  const printed = text(tool.stderr);
  let said = '';
  for await (const line of createInterface(tool.stdout)) {
    const port = /^listening (\d+)\b/.exec(line)?.[1];
    if (port === undefined) continue;
    said = await load(Number(port));
    tool.kill('SIGTERM');
  }
  return { printed: await printed, said };
}

/** The first screen of `taskperf top` on the shop under load that shows what is wanted, after the keys. */
async function topScreen({ until, keys }) {
  const directory = mkdtempSync(join(tmpdir(), 'taskperf-docs-'));
  const socket = `taskperf-docs-${process.pid}`;
  const tmux = (...args) =>
    spawnSync('tmux', ['-u', '-f', '/dev/null', '-L', socket, ...args], { encoding: 'utf8' }).stdout;
  let screen = '';
  const load = async (port) => {
    const size = ['-x', '120', '-y', '22'];
    const top = ['node', taskperf, 'top', '--blocked', '20ms'];
    tmux('new-session', '-d', '-e', `TASKPERF_DIR=${directory}`, '-c', root, ...size, ...top);
    const loaded = shopLoad(port);
    // Two windows, so that the figures are of a server that has been warmed up.
    await sleep(2500);
    if (keys.length > 0) tmux('send-keys', ...keys);
    for (let tries = 0; tries < 50 && !until.test(screen); tries++) {
      await sleep(100);
      screen = tmux('capture-pane', '-p');
    }
    tmux('kill-server');
    return await loaded;
  };
  await underStat([], shop, { load, env: { TASKPERF_DIR: directory } });
  rmSync(directory, { recursive: true });
  return screen.replace(/ +$/gm, '');
}

async function shopLoad(port) {
  const load = start(['examples/shop/load.mjs', String(port)], {});
  return await text(load.stdout);
}

/** Routes that block the loop, while others come in. */
async function blockingLoad(port) {
  const get = (path) => send({ port, agent: undefined, method: 'GET', path });
  await get('/fast');
  const burning = get('/burn?ms=2600');
  await new Promise((resolve) => setTimeout(resolve, 200));
  await Promise.all([burning, ...Array.from({ length: 20 }, () => get('/fast'))]);
  await get('/exec?ms=400');
  return '';
}

/** The same requests in the same order: most succeed, some are refused, unknown or fail on purpose. */
async function requests(port) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  let round = 0;
  const client = async () => {
    while (round < ROUNDS) {
      const n = round++;
      for (const [method, path, body] of roundOf(n)) await send({ port, agent, method, path }, body);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  agent.destroy();
  return '';
}

/** A new connection for each: they are dealt out in turns. */
async function clusterLoad(port) {
  for (let n = 0; n < ROUNDS; n++)
    await send({ port, agent: false, method: 'GET', path: n % 5 === 0 ? '/heavy' : '/' });
  return '';
}

/** Requests that start processes: Node.js, a shell, and a shell that starts Node.js. */
async function childrenLoad(port) {
  for (const path of ['/fork', '/fork', '/fork', '/exec-sync', '/shell', '/shell', '/nothing'])
    await send({ port, agent: false, method: 'GET', path });
  return '';
}

function roundOf(n) {
  return [
    ['GET', '/'],
    ['GET', `/users/${n}`],
    ['POST', '/orders', JSON.stringify({ item: n })],
    ['GET', `/api/users/${n}/posts/${n + 1}`],
    ...(n % 10 === 0 ? [['GET', `/nothing/${n}/here`]] : []),
    ...(n % 20 === 0 ? [['GET', '/fail']] : []),
  ];
}

async function send({ port, agent, method, path }, body) {
  const headers = { 'content-type': 'application/json', 'content-length': body?.length ?? 0 };
  const request = http.request({ host: '127.0.0.1', port, agent, method, path, headers });
  request.end(body);
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
}

/** With this script's Node as `node`. */
function environment(extra) {
  const PATH = dirname(process.execPath) + delimiter + (process.env.PATH ?? '');
  return { ...process.env, NO_COLOR: '1', ...extra, PATH };
}

function start(args, extra) {
  return spawn('node', args, { cwd: root, env: environment(extra), stdio: ['ignore', 'pipe', 'pipe'] });
}

function run(args) {
  return spawnSync('node', args, { cwd: root, env: environment({}), encoding: 'utf8' }).stdout;
}
