/**
 * Starts a command through native/launcher, which waits for our word before it becomes the command: between the two the
 * process exists, and whoever wants to count it from its first instruction can. Nothing of this is left for the command to
 * see. Where the launcher was not built, or is of another machine (what was built with it does not load: libuv would run
 * it as a shell script), there is none, and commands are started as always. So they are when the launcher is a dynamic
 * executable, and libraries are preloaded: these would be loaded, and do what they do, in the launcher as well.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getSystemErrorName } from 'node:util';
import { loadAddon } from '../node/addon.ts';
import { USAGE_BYTES, noUsage } from './os-usage.ts';
import type { Usage } from './os-usage.ts';

/** The file to start, undefined when there is none. `env` is that of the command. */
export function launcherFile(env: NodeJS.ProcessEnv): string | undefined {
  if (loadAddon() === null) return undefined;
  const file = fileURLToPath(new URL('../native/taskperf-exec', import.meta.url));
  try {
    fs.accessSync(file, fs.constants.X_OK);
    const isPreloaded = Boolean(env['LD_PRELOAD'] ?? '') || Boolean(env['LD_AUDIT'] ?? '');
    return isPreloaded && isDynamic(fs.readFileSync(file)) ? undefined : file;
  } catch {
    return undefined;
  }
}

const PT_INTERP = 3;

/** Does a 64-bit ELF file ask for a dynamic linker? */
export function isDynamic(elf: Buffer): boolean {
  const isLittle = elf[5] === 1;
  const u16 = (at: number): number => (isLittle ? elf.readUInt16LE(at) : elf.readUInt16BE(at));
  const u32 = (at: number): number => (isLittle ? elf.readUInt32LE(at) : elf.readUInt32BE(at));
  // The table of segments is in the first 4 GB.
  const at = u32(isLittle ? 32 : 36);
  const size = u16(54);
  return Array.from({ length: u16(56) }, (_, index) => u32(at + index * size)).includes(PT_INTERP);
}

/** The launcher's process, which does nothing until `release`. */
export function startHeld(
  launcher: string,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): ChildProcess {
  return spawn(launcher, [...command], { stdio: ['inherit', 'inherit', 'inherit', 'pipe'], env });
}

export interface Released {
  /** What the process had used before it became the command. */
  readonly before: Usage;
  /** Why it could not, as `spawn` would have said it. */
  readonly error: NodeJS.ErrnoException | undefined;
}

/** Gives the word. Settles when the command runs, cannot be run, or the process has ended before. */
export async function release(child: ChildProcess, file: string): Promise<Released> {
  const socket = child.stdio[3] as Duplex;
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A process that was killed meanwhile: how it ended is told by its `exit`.
    socket.on('error', () => resolve());
    socket.on('close', () => resolve());
    socket.write('x');
  });
  const said = Buffer.concat(chunks);
  const before = noUsage();
  if (said.length >= USAGE_BYTES) before.forEach((_, i) => (before[i] = Number(said.readBigInt64LE(i * 8))));
  const hasError = said.length >= USAGE_BYTES + 4;
  return { before, error: hasError ? systemError(said.readInt32LE(USAGE_BYTES), file) : undefined };
}

function systemError(errno: number, file: string): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`spawn ${file} ${code}`), { errno: -errno, code });
}
