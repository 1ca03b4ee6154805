// In the guest: instructions per request of the Fastify server, counted from start to end of its process. The difference
// of a long and a short run, over the difference of their requests, leaves start-up and exit out.
import { fork } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { disconnect, load } from './bench/http/load.mjs';

const { variants, connections, short, long, repeats } = JSON.parse(readFileSync('plan.json', 'utf8'));
const FILE = '/tmp/count';
const DIRECTORY = '/dev/shm/taskperf';

const results = [];
for (const name of Object.keys(variants)) {
  for (const count of connections) {
    for (let repeat = 0; repeat < repeats; repeat++) {
      const few = await run(variants[name], count, short);
      const many = await run(variants[name], count, long);
      const perRequest = (mode) => (many[mode] - few[mode]) / (long - short);
      results.push({
        name,
        connections: count,
        user: perRequest('user'),
        kernel: perRequest('kernel'),
        few,
        many,
      });
      console.log(name, count, Math.round(perRequest('user')), Math.round(perRequest('kernel')));
    }
  }
}
writeFileSync('/tmp/out/instructions.json', JSON.stringify({ node: process.version, short, long, results }));

/** Instructions of one whole life of a server that answers so many requests. */
async function run(env, connectionCount, requests) {
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(DIRECTORY, { mode: 0o700 });
  const child = fork('bench/http/server.cjs', [], {
    execPath: './count',
    execArgv: [FILE, process.execPath],
    env: { ...process.env, ...env },
  });
  const port = await new Promise((resolve, reject) => {
    child.once('message', ({ reply }) => resolve(reply));
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  await load({ port, path: '/awaits/42', connections: connectionCount, requests });
  disconnect(port);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  const code = await ended;
  if (code !== 0) throw new Error(`the server ended with ${code}`);
  const [user, kernel] = readFileSync(FILE, 'utf8').trim().split(' ').map(Number);
  return { user, kernel, counted: await counted() };
}

/** Requests in the region, null when there is none. */
async function counted() {
  const names = readdirSync(DIRECTORY);
  for (const name of names.filter((entry) => entry.endsWith('.error')))
    throw new Error(readFileSync(`${DIRECTORY}/${name}`, 'utf8'));
  if (names.length === 0) return null;
  const { countedRequests } = await import('./bench/http/taskperf.mjs');
  return countedRequests(DIRECTORY);
}
