/** Runs `taskperf stat` as a user does: a command, a bounded load on loopback, an end; then reads the document. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository, seen from dist/test/e2e. */
export const root: string = fileURLToPath(new URL('../../../', import.meta.url));
const cli = path.join(root, 'dist/cli/main.js');

export interface PerTask {
  min: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}
export interface CounterValue {
  value: number;
  enabledNs: number;
  runningNs: number;
  perTask: PerTask;
}
export interface Row {
  name: string;
  /** With --by task. */
  id?: number;
  /** With --by process, task and thread. */
  process?: number;
  children?: { processes: number; counters: Record<string, { value: number }> };
  count: number;
  live: number;
  counters: Record<string, CounterValue>;
}
export interface Document {
  schema: string;
  command: string[];
  exit: { code: number | null; signal: string | null };
  events: { name: string; kind: string; supported: boolean; reason: string | null }[];
  pid: number;
  processes: {
    pid: number;
    name: string;
    node: string | null;
    exited: boolean | null;
    owner: { pid: number; task: string; id: number | null } | null;
    counters: Record<string, { value: number }>;
    system?: { name: string; counters: Record<string, { value: number }> }[];
  }[];
  threads: {
    id: number;
    name: string;
    pid: number;
    javascript: boolean;
    counters: Record<string, { value: number }>;
  }[];
  tasks: Row[];
  system: { name: string; counters: Record<string, { value: number }> }[];
  conservation: Record<string, { threads: number; attributed: number; error: number }>;
  lost: { tasks: number; events: number; names: number };
  notes: string[];
}
export interface Result {
  document: Document;
  stdout: string;
  stderr: string;
  code: number | null;
}

export interface Options {
  events?: string;
  args?: string[];
  /** What is run with the words; default: this node. */
  command?: string;
  env?: Record<string, string>;
  /** Talks to the server; when it returns the program gets SIGTERM. */
  load?: (port: number, child: ChildProcess, said: string) => Promise<void>;
  /** How the load ends the program; default SIGTERM to the tool, as a service manager does. */
  end?: (child: ChildProcess) => void;
}

/** Runs a program that prints `listening <port>` (when there is a load) under stat and returns everything it said. */
export async function stat(program: string[], options: Options = {}): Promise<Result> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-test-'));
  const file = path.join(directory, 'out.json');
  const args = [
    'stat',
    '--json',
    '-o',
    file,
    ...(options.events === undefined ? [] : ['-e', options.events]),
  ];
  const child = spawn(
    process.execPath,
    [cli, ...args, ...(options.args ?? []), '--', options.command ?? process.execPath, ...program],
    {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const closed = once(child, 'close');
  try {
    if (options.load !== undefined) {
      const port = await listening(child, () => stdout);
      await options.load(port, child, stdout);
      if (options.end === undefined) child.kill('SIGTERM');
      else options.end(child);
    }
    const [code] = (await closed) as [number | null];
    assert.ok(fs.existsSync(file), `no document; stderr: ${stderr}`);
    const document = JSON.parse(fs.readFileSync(file, 'utf8')) as Document;
    const damaged = document.notes.filter((note) => note.startsWith('damaged region'));
    assert.deepEqual(damaged, [], 'what the core writes is never taken for damage');
    return { document, stdout, stderr, code };
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function listening(child: ChildProcess, said: () => string): Promise<number> {
  for (;;) {
    const match = /listening (\d+)/.exec(said());
    if (match !== null) return Number(match[1]);
    assert.equal(child.exitCode, null, 'the program ended before it listened');
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  }
}

/** Asserted at the end of every run: the books balance to the nanosecond, and no row is negative. */
export function assertBalanced(document: Document): void {
  assert.ok(Object.keys(document.conservation).length > 0, 'the document has a conservation section');
  for (const [event, { threads, attributed, error }] of Object.entries(document.conservation)) {
    assert.equal(error, 0, `${event}: threads ${threads}, attributed ${attributed}`);
    assert.equal(threads, attributed, event);
  }
  for (const row of [...document.tasks, ...document.system]) {
    for (const [event, counter] of Object.entries(row.counters))
      assert.ok(counter.value >= 0, `${row.name} ${event}`);
  }
}

export function rowOf(document: Document, name: string): Row {
  const row = document.tasks.find((candidate) => candidate.name === name);
  assert.ok(row, `a row "${name}" among ${document.tasks.map((task) => task.name).join(', ')}`);
  return row;
}
