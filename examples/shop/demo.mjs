// The demo: runs the shop under `taskperf stat`, loads it for some seconds, stops it, and shows the table.
//
//     node examples/shop/demo.mjs [options of taskperf stat …]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { delimiter, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const START_TIMEOUT_MS = 30_000;

const taskperf = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const server = 'examples/shop/server.mjs';
const load = fileURLToPath(new URL('load.mjs', import.meta.url));

const command = [taskperf, 'stat', ...process.argv.slice(2), '--', 'node', server];
console.log(`$ taskperf stat ${[...process.argv.slice(2), '--'].join(' ')} node ${server}`);
// Standard error, where the table goes, is this terminal's.
// `node` in the command is the Node that runs the demo.
const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`;
const stat = spawn(process.execPath, command, {
  cwd: root,
  env: { ...process.env, PATH },
  stdio: ['ignore', 'pipe', 'inherit'],
});
const ended = once(stat, 'exit');
const timer = setTimeout(() => stat.kill('SIGKILL'), START_TIMEOUT_MS);

let loaded = false;
for await (const line of createInterface(stat.stdout)) {
  const port = /^listening (\d+)$/.exec(line)?.[1];
  if (port === undefined) {
    console.log(line);
    continue;
  }
  clearTimeout(timer);
  const [code] = await once(spawn(process.execPath, [load, port], { stdio: 'inherit' }), 'exit');
  loaded = code === 0;
  stat.kill('SIGINT');
}

clearTimeout(timer);
const [code, signal] = await ended;
if (!loaded) console.error('demo: the load failed or the server did not start');
process.exitCode = loaded ? (code ?? 128 + constants.signals[signal]) : 1;
