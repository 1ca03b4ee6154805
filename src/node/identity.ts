/**
 * Which process is it? A pid alone does not tell: it is given to another process once its own has ended, and in another
 * pid namespace (a container) it is another process's all along. The moment a process started, in clock ticks after the
 * boot, is the same seen from every namespace, and with the pid it is never given twice.
 */
import fs from 'node:fs';

export interface Identity {
  readonly pid: number;
  /** 0: unknown (there is no /proc). */
  readonly startTicks: number;
  /** Inode of the pid namespace; 0: unknown. */
  readonly namespace: number;
}

/** How a tool hands its own on to the programs that it starts: TASKPERF_SESSION_START. */
export function encodeIdentity({ startTicks, namespace }: Identity): string {
  return `${startTicks}:${namespace}`;
}

/** Zeros where nothing, or nothing sensible, was handed on. */
export function decodeIdentity(pid: number, text: string | undefined): Identity {
  const match = /^(\d{1,15}):(\d{1,15})$/.exec(text ?? '');
  return { pid, startTicks: Number(match?.[1] ?? 0), namespace: Number(match?.[2] ?? 0) };
}

export function ownIdentity(): Identity {
  return { pid: process.pid, startTicks: startTicksOf('self') ?? 0, namespace: ownNamespace() };
}

/** Is the process that began then there? Of one that cannot be looked at it is not said that it is gone. */
export function runsStill(pid: number, startTicks: number): boolean {
  const found = startTicksOf(pid);
  return found === 0 || startTicks === 0 ? found !== undefined : found === startTicks;
}

/** 0 where that cannot be told (no /proc, no descriptor left to read it with), undefined where this process is gone (or a zombie: it only waits to be waited for). */
export function startTicksOf(pid: number | 'self'): number | undefined {
  try {
    // After the command name, which may hold spaces and brackets, the state is field 3 and the start is field 22.
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return Number(fields[19]) || 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return (code === 'ENOENT' || code === 'ESRCH') && hasProc() ? undefined : 0;
  }
}

function ownNamespace(): number {
  try {
    return Number(/\d+/.exec(fs.readlinkSync('/proc/self/ns/pid'))?.[0] ?? 0);
  } catch {
    return 0;
  }
}

function hasProc(): boolean {
  return fs.existsSync('/proc/self/stat');
}
