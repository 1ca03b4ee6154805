/** A terminal for tests: tmux, with keys in and the screen out. Every test has a server of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Why tests that need it are skipped, or false. */
export const noTmux: string | false =
  spawnSync('tmux', ['-V']).status === 0 ? false : 'tmux is not installed';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Other work on the machine may hold everything up for seconds. */
const PATIENCE_MS = 30_000;
let serial = 0;

export class Terminal {
  readonly #socket = `taskperf-test-${process.pid}-${serial++}`;

  /** Runs a command in a shell; when that ends `cat` keeps the screen. */
  constructor(
    command: readonly string[],
    { width, height }: Size,
    env: Readonly<Record<string, string>> = {},
  ) {
    const words = command.map(quoted).join(' ');
    const settings = Object.entries({ NO_COLOR: '', ...env }).flatMap(([name, value]) => [
      '-e',
      `${name}=${value}`,
    ]);
    const size = ['-x', String(width), '-y', String(height)];
    // The shell's own words are on the screen only once the command has given it back.
    const script = `echo before; ${words}; echo "status $?"; stty -a | grep -o -e '-icanon' -e ' icanon'; cat`;
    this.#tmux('new-session', '-d', ...settings, ...size, 'sh', '-c', script);
  }

  /** Text and names of keys, as tmux takes them. */
  press(...keys: string[]): void {
    this.#tmux('send-keys', ...keys);
  }

  resize({ width, height }: Size): void {
    this.#tmux('resize-window', '-x', String(width), '-y', String(height));
  }

  /** The screen's lines. */
  screen(): string[] {
    return this.#tmux('capture-pane', '-p').split('\n').slice(0, -1);
  }

  /** With its colours, as escape sequences. */
  coloredScreen(): string {
    return this.#tmux('capture-pane', '-p', '-e');
  }

  /** The first screen on which all patterns are. */
  async shows(...patterns: RegExp[]): Promise<string[]> {
    return await this.waitFor((lines) => {
      const text = lines.join('\n');
      return patterns.every((pattern) => pattern.test(text));
    }, patterns.join(' and '));
  }

  async waitFor(isSo: (lines: string[]) => boolean, what: string): Promise<string[]> {
    const untilMs = Date.now() + PATIENCE_MS;
    let lines: string[] = [];
    while (Date.now() < untilMs) {
      lines = this.screen();
      if (isSo(lines)) return lines;
      await sleep(50);
    }
    return assert.fail(`${what} never came on the screen:\n${lines.join('\n')}`);
  }

  /** Of the program with this word in its command line that runs in the terminal. */
  pidOf(word: string): number {
    const shell = Number(this.#tmux('display-message', '-p', '#{pane_pid}'));
    const children = fs.readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ');
    const found = children.find((pid) => fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word));
    assert.ok(found, `${word} runs in the terminal`);
    return Number(found);
  }

  kill(): void {
    spawnSync('tmux', ['-L', this.#socket, 'kill-server']);
  }

  #tmux(...args: string[]): string {
    // Without its own configuration; -u: the screen is UTF-8 whatever the locale is.
    const run = spawnSync('tmux', ['-u', '-f', '/dev/null', '-L', this.#socket, ...args], {
      encoding: 'utf8',
    });
    assert.equal(run.status, 0, `tmux ${args.join(' ')}: ${run.stderr}`);
    return run.stdout;
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
