/** Does the event loop of a process answer, as far as that can be seen without asking it? */
import fs from 'node:fs';
import { threadsOf } from '../os-proc.ts';

/** epoll_wait, epoll_pwait, epoll_pwait2: the numbers are the machine's. */
const WAITS: Readonly<Record<string, readonly number[]>> = { x64: [232, 281, 441], arm64: [22, 441] };

/**
 * Does the main thread wait for events in its own loop? false also where that cannot be seen. `execSync` waits in a loop
 * made for that: the main loop's descriptor is the one after that of Node's timer thread, which was made before it
 * (Node 20 to 26).
 */
export function isLoopIdle(pid: number): boolean {
  const own = awaited(pid, pid);
  if (own === undefined) return false;
  const others = (threadsOf(pid) ?? [])
    .filter((tid) => tid !== pid)
    .flatMap((tid) => awaited(pid, tid) ?? []);
  const timers = Math.min(...others);
  const loops = pollers(pid).filter((fd) => fd > timers);
  return own === Math.min(...loops);
}

/** The epoll descriptor that the thread waits for. */
function awaited(pid: number, tid: number): number | undefined {
  try {
    const [call, fd] = fs.readFileSync(`/proc/${pid}/task/${tid}/syscall`, 'utf8').split(' ').map(Number);
    return WAITS[process.arch]?.includes(call!) === true ? fd : undefined;
  } catch {
    return undefined;
  }
}

function pollers(pid: number): number[] {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      return fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === 'anon_inode:[eventpoll]' ? [Number(fd)] : [];
    });
  } catch {
    return [];
  }
}
