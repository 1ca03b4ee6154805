/**
 * What Linux tells about the threads of other processes, read from /proc. Everything can be gone at any moment, or hidden
 * from us (another user's process): then a function says so with `undefined` or an empty list, and never throws.
 */
import fs from 'node:fs';
import path from 'node:path';

/** What the scheduler knows of a thread. */
export interface SchedStat {
  /** CPU time in ns, as the kernel accounts for it; of a running thread as of the last scheduler tick. */
  readonly cpuNs: number;
  /** How often it was given a core. */
  readonly turns: number;
}

/** Is there anything to read at all? */
export function hasProc(): boolean {
  return schedStatOf(process.pid, process.pid) !== undefined;
}

/** Threads of a process, undefined when it is gone. A process that has ended keeps its first until it is waited for. */
export function threadsOf(pid: number): number[] | undefined {
  try {
    return fs.readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return undefined;
  }
}

export function schedStatOf(pid: number, tid: number): SchedStat | undefined {
  const text = readSmall(`/proc/${pid}/task/${tid}/schedstat`);
  if (text === undefined || text === '') return undefined;
  const [cpu, , turns] = text.split(' ');
  return { cpuNs: Number(cpu), turns: Number(turns) };
}

/** Minor and major page faults of a thread. */
export function faultsOf(pid: number, tid: number): [number, number] | undefined {
  const fields = statOf(`/proc/${pid}/task/${tid}/stat`);
  return fields === undefined ? undefined : [Number(fields[7]), Number(fields[9])];
}

/** How often a thread gave up its core, and how often it lost it. */
export function switchesOf(pid: number, tid: number): [number, number] | undefined {
  const text = readSmall(`/proc/${pid}/task/${tid}/status`) ?? '';
  const found = /^voluntary_ctxt_switches:\s*(\d+)\nnonvoluntary_ctxt_switches:\s*(\d+)/m.exec(text);
  return found === null ? undefined : [Number(found[1]), Number(found[2])];
}

/** Processes that the thread has started and that are still its children. */
export function childrenOf(pid: number, tid: number): number[] {
  return numbersOf(readSmall(`/proc/${pid}/task/${tid}/children`) ?? '');
}

/** Does this kernel list children? (CONFIG_PROC_CHILDREN) */
export function listsChildren(): boolean {
  return fs.existsSync(`/proc/self/task/${process.pid}/children`);
}

/** All children by parent: the slow way, a look at every process of the machine. */
export function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const pid of processes()) {
    const parent = Number(statOf(`/proc/${pid}/stat`)?.[1] ?? 0);
    const known = children.get(parent);
    if (known === undefined) children.set(parent, [pid]);
    else known.push(pid);
  }
  return children;
}

/** Was this variable in its environment when it was started, or in that of the process it was forked from? */
export function wasGiven(pid: number, variable: string): boolean {
  return readSmall(`/proc/${pid}/environ`)?.split('\0').includes(variable) ?? false;
}

/** All processes of the machine that we may see. */
export function processes(): number[] {
  try {
    return numbersOf(fs.readdirSync('/proc').join(' '));
  } catch {
    return [];
  }
}

/** The name of a thread, at most 15 bytes, as top shows it. */
export function nameOf(pid: number, tid: number): string | undefined {
  const text = readSmall(`/proc/${pid}/task/${tid}/comm`);
  if (text === undefined || text === '') return undefined;
  return text.replace(/\n$/, '').replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD');
}

/** The file name of the program that a process runs, '' when that is hidden from us. */
export function programOf(pid: number): string {
  try {
    return path.basename(fs.readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '');
  } catch {
    return '';
  }
}

/** The fields after the name, which may hold spaces and brackets: state, ppid … */
function statOf(file: string): string[] | undefined {
  return readSmall(file)?.split(') ').at(-1)!.split(' ');
}

function numbersOf(text: string): number[] {
  return text
    .split(' ')
    .map(Number)
    .filter((pid) => pid > 0);
}

const buffer = Buffer.alloc(16 * 1024);

/** `fs.readFileSync` of a file that is small as a rule; it is called for every thread, many times a second. */
function readSmall(file: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, 'r');
    let text = '';
    // /proc gives a page at a time.
    for (let read = buffer.length; read > 0; ) {
      read = fs.readSync(fd, buffer, 0, buffer.length, null);
      text += buffer.toString('utf8', 0, read);
      if (read > 0 && buffer[read - 1] === NEWLINE) break;
    }
    return text;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

const NEWLINE = 10;
