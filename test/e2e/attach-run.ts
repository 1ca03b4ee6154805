/** Programs that run without taskperf, and the tool attached to them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { H_SESSION } from '#core/layout.js';
import { root } from './run-stat.js';
import type { Document } from './run-stat.js';

export const cli: string = path.join(root, 'dist/cli/main.js');

/** A directory for regions, as the tool and no program is told. */
export const directory: string = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-attach-'));

/** A program that runs; `said` and `complained` are what it has written so far. */
export interface Program {
  readonly child: ChildProcess;
  readonly pid: number;
  /** That it listens on, 0 until it does. */
  readonly port: number;
  /** That its inspector would listen on. */
  readonly inspectorPort: number;
  readonly said: () => string;
  readonly complained: () => string;
  readonly kill: () => Promise<void>;
}

const PORT_MIN = 10_000;
/** From here on Linux gives ports to whoever asks for any, and to clients: one of those would not stay free for long. */
const PORTS_END = 32_768;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORTS_END - PORT_MIN));
    const server = net.createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue; // taken
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

export interface ProgramOptions {
  readonly file?: string;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Options of Node.js. */
  readonly node?: readonly string[];
}

/** Starts a program, and waits until it says `listening <port>` or `ready`. */
export async function start(words: readonly string[], options: ProgramOptions = {}): Promise<Program> {
  const inspectorPort = await freePort();
  // Two tests must not meet at the port that is the default.
  const node = options.file === undefined ? [`--inspect-port=${inspectorPort}`, ...(options.node ?? [])] : [];
  const child = spawn(options.file ?? process.execPath, [...node, ...words], {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [said, complained] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complained += chunk));
  while (!/listening \d+|ready/.test(said)) {
    assert.equal(child.exitCode, null, `the program ended: ${complained}`);
    await delay(5);
  }
  return {
    child,
    pid: child.pid!,
    port: Number(/listening (\d+)/.exec(said)?.[1] ?? 0),
    inspectorPort,
    said: () => said,
    complained: () => complained,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

export interface Tool {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly complained: () => string;
  /** It has ended, or ends after the signal if one is given. */
  ended(signal?: NodeJS.Signals): Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Tools that a failed test has left. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts the tool. */
export function taskperf(args: readonly string[], before: readonly string[] = []): Tool {
  const [file, ...words] = [...before, process.execPath, cli, ...args];
  const child = spawn(file!, words, {
    cwd: root,
    env: { ...process.env, TASKPERF_DIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  running.add(child);
  child.once('exit', () => running.delete(child));
  const closed = once(child, 'close') as Promise<[number | null]>;
  return {
    child,
    said: () => stdout,
    complained: () => stderr,
    ended: async (signal) => {
      if (signal !== undefined) child.kill(signal);
      const [code] = await closed;
      return { code, stdout, stderr };
    },
  };
}

/** Waits until the process has a region: it is being counted. */
export async function counted(pid: number, tool: Tool, where: string = directory): Promise<void> {
  const file = path.join(where, String(pid));
  // One that was there before is of a tool that was killed.
  while (sessionOf(file) !== tool.child.pid) {
    assert.equal(tool.child.exitCode, null, tool.complained());
    await delay(2);
  }
}

function sessionOf(region: string): number | undefined {
  try {
    const fd = fs.openSync(region, 'r');
    const words = new Int32Array(H_SESSION + 1);
    fs.readSync(fd, words, 0, words.byteLength, 0);
    fs.closeSync(fd);
    return words[H_SESSION];
  } catch {
    return undefined; // not yet
  }
}

/** Attaches with `stat --json`, calls `during` while it counts, and gives the document. */
export async function attached(
  pid: number,
  during: () => Promise<void>,
  args: readonly string[] = [],
): Promise<Document> {
  const tool = taskperf(['stat', '--json', '-p', String(pid), ...args]);
  await counted(pid, tool);
  await during();
  const { code, stderr } = await tool.ended('SIGINT');
  assert.equal(code, 0, stderr);
  return JSON.parse(stderr) as Document;
}

/** Starts a program, and ends it whatever `use` comes to. */
export async function withProgram(
  words: readonly string[],
  options: ProgramOptions,
  use: (program: Program) => Promise<void>,
): Promise<void> {
  const program = await start(words, options);
  try {
    await use(program);
  } finally {
    await program.kill();
  }
}

/** Pids of those that wait until they can close the inspector of the process. */
export function closersOf(pid: number): string[] {
  return fs.readdirSync('/proc').filter((one) => {
    try {
      const words = fs.readFileSync(`/proc/${one}/cmdline`, 'utf8');
      return words.includes(`close-later.js\0{"target":{"pid":${pid},`);
    } catch {
      return false;
    }
  });
}

export function descriptorsOf(pid: number): string[] {
  const fds = fs.readdirSync(`/proc/${pid}/fd`);
  return fds
    .flatMap((fd) => {
      try {
        return [`${fd} ${fs.readlinkSync(`/proc/${pid}/fd/${fd}`)}`];
      } catch {
        return []; // closed since it was listed
      }
    })
    .sort();
}

export function childrenOf(pid: number): number[] {
  return fs
    .readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

export function threadsOf(pid: number): number {
  return fs.readdirSync(`/proc/${pid}/task`).length;
}

/** What `look` sees becomes what is expected: connections close a moment after their last byte. */
export async function settled<T>(look: () => T, expected: T): Promise<void> {
  for (let left = 200; left > 0 && JSON.stringify(look()) !== JSON.stringify(expected); left--)
    await delay(10);
  assert.deepEqual(look(), expected);
}
