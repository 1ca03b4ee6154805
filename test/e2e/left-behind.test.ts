/** What stays when the tool is killed, too: one file per process, shown by `top --last`, removed by the next run. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './run-stat.js';

const main = path.join(root, 'dist', 'cli', 'main.js');
const base = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-left-'));
after(() => fs.rmSync(base, { recursive: true }));
/** Without the addon the file is as of the last copy, of which there is one every 100 ms. */
const FLUSHED_MS = process.env['TASKPERF_NO_ADDON'] === '1' ? 500 : 0;

function envOf(directory: string): NodeJS.ProcessEnv {
  return { ...process.env, TASKPERF_DIR: directory, NODE_OPTIONS: '', COLUMNS: '100' };
}

interface Started {
  readonly tool: ChildProcess;
  readonly port: number;
  readonly pid: number;
}

/** A server under stat that is in the middle of two requests. */
async function started(directory: string): Promise<Started> {
  const program = path.join(root, 'test/fixtures/programs/dying.mjs');
  const tool = spawn(process.execPath, [main, 'stat', '--', process.execPath, program], {
    env: envOf(directory),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  tool.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  while (!/listening \d+/.test(said)) await Promise.race([once(tool.stdout, 'data'), once(tool, 'exit')]);
  const port = Number(/listening (\d+)/.exec(said)![1]);
  const [response] = (await once(http.get({ port, path: '/work', agent: false }), 'response')) as [
    http.IncomingMessage,
  ];
  response.resume();
  await once(response, 'end');
  for (let i = 0; i < 2; i++) http.get({ port, path: `/hang/${i}`, agent: false }).on('error', () => {});
  const [file] = fs.readdirSync(directory);
  await inFlight(directory, file!);
  return { tool, port, pid: Number(file) };
}

async function inFlight(directory: string, pid: string): Promise<void> {
  for (;;) {
    await sleep(FLUSHED_MS);
    const { stdout } = last(directory, pid);
    if (stdout.includes('tasks that had not ended: 2\n')) return;
  }
}

function last(directory: string, pid: string): { stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, 'top', '--last', pid], {
    encoding: 'utf8',
    env: envOf(directory),
  });
}

function kill(pid: number): void {
  process.kill(pid, 'SIGKILL');
}

test('tool and program are killed: the region stays, tells the last state, and the next run removes it', async () => {
  const directory = path.join(base, 'both');
  const { tool, pid } = await started(directory);
  assert.match(last(directory, String(pid)).stdout, /which runs\n/);
  // The tool first, or it would print its table and remove the region.
  kill(tool.pid!);
  await once(tool, 'exit');
  kill(pid);
  while (fs.existsSync(`/proc/${pid}/exe`)) await sleep(10);
  assert.deepEqual(fs.readdirSync(directory), [String(pid)]);
  const { stdout, stderr } = last(directory, String(pid));
  assert.match(stdout, /never said that it ended:\s+it\s+was\s+killed,\s+or\s+it\s+crashed/, stderr);
  assert.match(stdout, /tasks that had not ended: 2\n/);
  assert.match(stdout, /GET \/work +1 +0 /);
  assert.equal(
    spawnSync(process.execPath, [main, 'stat', '--', 'true'], { env: envOf(directory) }).status,
    0,
  );
  assert.deepEqual(fs.readdirSync(directory), []);
});

test('the program goes on without its tool: its region stays as long as it runs', async () => {
  const directory = path.join(base, 'tool');
  const { tool, port, pid } = await started(directory);
  kill(tool.pid!);
  await once(tool, 'exit');
  assert.equal(
    spawnSync(process.execPath, [main, 'stat', '--', 'true'], { env: envOf(directory) }).status,
    0,
  );
  assert.deepEqual(fs.readdirSync(directory), [String(pid)]);
  const [response] = (await once(http.get({ port, path: '/work', agent: false }), 'response')) as [
    http.IncomingMessage,
  ];
  assert.equal(response.statusCode, 200);
  kill(pid);
});

test('tools that start at once leave each other their files', async () => {
  const directory = path.join(base, 'many');
  const runs = Array.from({ length: 6 }, async () => {
    const tool = spawn(
      process.execPath,
      [main, 'stat', '--json', '--', process.execPath, '-e', 'setTimeout(() => {}, 50)'],
      {
        env: envOf(directory),
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    let said = '';
    tool.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await once(tool, 'close');
    return JSON.parse(said) as { processes: { node: string | null }[]; notes: string[] };
  });
  for (const { processes, notes } of await Promise.all(runs)) {
    const counted = processes.filter(({ node }) => node !== null);
    assert.deepEqual([counted.length, notes], [1, []]);
  }
  assert.deepEqual(fs.readdirSync(directory), []);
});
