/** A server under `taskperf stat` and `taskperf top` on a terminal. */
import type { TestContext } from 'node:test';
import { Terminal } from './tmux.ts';
import type { Size } from './tmux.ts';
import { Watched, cli } from './watched.ts';
import type { Options } from './watched.ts';

export const SERVER = 'test/fixtures/programs/top-server.cjs';
export const WIDE: Size = { width: 120, height: 40 };

export interface Started {
  readonly server: Watched;
  readonly terminal: Terminal;
}

export interface Wanted extends Options {
  readonly size?: Size;
  /** Of top. */
  readonly args?: readonly string[];
}

/** Both ended with the test. */
export async function started(
  t: TestContext,
  { size = WIDE, args = [], ...options }: Wanted = {},
): Promise<Started> {
  const server = await Watched.start(SERVER, options);
  t.after(() => server.dispose());
  return { server, terminal: top(t, server, { size, args }) };
}

export function top(
  t: TestContext,
  server: Watched,
  { size = WIDE, args = [], env = {} }: Wanted = {},
): Terminal {
  const terminal = new Terminal([process.execPath, cli, 'top', ...args], size, { ...server.env, ...env });
  t.after(() => terminal.kill());
  return terminal;
}
