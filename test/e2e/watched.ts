/** A server under `taskperf stat`, in a directory of its own, for tests of what watches it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { root } from './run-stat.ts';

export const cli: string = path.join(root, 'dist/cli/main.js');

export interface Options {
  /** Another one's. */
  readonly directory?: string;
  /** For stat and the program. */
  readonly env?: Readonly<Record<string, string>>;
  readonly statArgs?: readonly string[];
}

export class Watched {
  readonly directory: string;
  readonly env: Record<string, string>;
  readonly #stat: ChildProcess;
  #ownsDirectory = true;
  port = 0;
  #said = '';

  private constructor(program: readonly string[], directory: string, { env = {}, statArgs = [] }: Options) {
    this.directory = directory;
    this.env = { TASKPERF_DIR: directory };
    this.#stat = spawn(
      process.execPath,
      [cli, 'stat', ...statArgs, '-o', `${directory}/table-${process.hrtime.bigint()}`, '--', ...program],
      {
        cwd: root,
        env: { ...process.env, ...this.env, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.#stat.stdout!.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
  }

  /** A program that prints `listening <port>`. */
  static async start(program: string, options: Options = {}): Promise<Watched> {
    const directory = options.directory ?? fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-test-'));
    const watched = new Watched([process.execPath, program], directory, options);
    watched.#ownsDirectory = options.directory === undefined;
    while (!/listening \d+/.test(watched.#said)) {
      assert.equal(watched.#stat.exitCode, null, 'the program ended before it listened');
      await Promise.race([once(watched.#stat.stdout!, 'data'), once(watched.#stat, 'exit')]);
    }
    watched.port = Number(/listening (\d+)/.exec(watched.#said)![1]);
    return watched;
  }

  get statPid(): number {
    return this.#stat.pid!;
  }

  /** Of the programs that have a region. */
  pids(): number[] {
    return fs.readdirSync(this.directory).flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  }

  async get(target: string): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.port}${target}`);
    await response.text();
  }

  /** Ends the program, and waits until stat has written its table. */
  async stop(): Promise<void> {
    if (this.#stat.exitCode === null && this.#stat.signalCode === null) {
      this.#stat.kill('SIGTERM');
      await once(this.#stat, 'exit');
    }
  }

  /** Two programs in one directory, ended with the test. */
  static async startTwo(t: TestContext, program: string): Promise<[Watched, Watched]> {
    const first = await Watched.start(program);
    const started = [first];
    t.after(async () => {
      // The first one's directory goes last.
      for (const one of started.reverse()) await one.dispose();
    });
    const second = await Watched.start(program, { directory: first.directory });
    started.push(second);
    return [first, second];
  }

  async dispose(): Promise<void> {
    if (this.#stat.exitCode === null && this.#stat.signalCode === null) {
      for (const pid of this.pids()) process.kill(pid, 'SIGKILL');
      await once(this.#stat, 'exit');
    }
    if (this.#ownsDirectory) fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
