/**
 * What Linux tells about the threads of other processes, read from /proc. Everything can be gone at any moment, or hidden
 * from us (another user's process): then a function says so with `undefined` or an empty list, and never throws.
 */
import fs from 'node:fs';
import { constants } from 'node:os';
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
  return readSmall(`/proc/self/task/${process.pid}/schedstat`) !== undefined;
}

/** Threads of a process, undefined when it is gone. A process that has ended keeps its first until it is waited for. */
export function threadsOf(pid: number): number[] | undefined {
  try {
    return fs.readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return undefined;
  }
}

export function schedStatFile(pid: number, tid: number): ProcFile {
  return new ProcFile(`/proc/${pid}/task/${tid}/schedstat`);
}

/** Undefined when the thread has gone. */
export function schedStatIn(file: ProcFile): SchedStat | undefined {
  const text = file.read();
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

/** Does the thread sleep, in a system call? Undefined when it has gone. */
export function isAsleep(pid: number, tid: number): boolean | undefined {
  const state = statOf(`/proc/${pid}/task/${tid}/stat`)?.[0];
  return state === undefined ? undefined : state === 'S' || state === 'D';
}

/** Names the processes that the thread has started and that are still its children. */
export function childrenFile(pid: number, tid: number): ProcFile {
  return new ProcFile(`/proc/${pid}/task/${tid}/children`);
}

export function childrenIn(file: ProcFile): number[] {
  const text = file.read();
  return text === undefined || text === '' ? [] : numbersOf(text);
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
  return environOf(pid).includes(variable);
}

function environOf(pid: number): string[] {
  return readSmall(`/proc/${pid}/environ`)?.split('\0') ?? [];
}

/** The same variable's value; undefined where it has none, or the process is hidden from us. */
export function givenTo(pid: number, name: string): string | undefined {
  const start = `${name}=`;
  return environOf(pid)
    .find((one) => one.startsWith(start))
    ?.slice(start.length);
}

/** The words of its command line. */
export function commandOf(pid: number): string[] {
  return (readSmall(`/proc/${pid}/cmdline`) ?? '').split('\0');
}

/** What a thread calls itself: it has another number than here when it is in a pid namespace of its own. */
export function innerIdOf(pid: number, tid: number): number {
  const text = readSmall(`/proc/${pid}/task/${tid}/status`) ?? '';
  return Number(/^NSpid:.*\s(\d+)$/m.exec(text)?.[1] ?? tid);
}

export function statusFile(pid: number): ProcFile {
  return new ProcFile(`/proc/${pid}/status`);
}

/** Does it ignore SIGCHLD? Then its children end without a trace: nobody is told what they used. */
export function ignoresChildrenIn(file: ProcFile): boolean {
  const mask = /^SigIgn:\s*([\da-f]+)$/m.exec(file.read() ?? '')?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals.SIGCHLD - 1)) & 1n) === 1n;
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

/**
 * A small file that is read many times a second: it stays open, since to open one in /proc costs 10 us and to read it 2.
 * What it says is of the thread it was opened for: another with the same number is not mistaken for it.
 */
export class ProcFile {
  static #open = 0;
  readonly #path: string;
  #fd: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined when the thread has gone. */
  read(): string | undefined {
    if (this.#fd === undefined && !this.#keep()) return readSmall(this.#path);
    return readAll(this.#fd!);
  }

  close(): void {
    if (this.#fd === undefined) return;
    ProcFile.#open--;
    fs.closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** false: there are too many, or it is not there. */
  #keep(): boolean {
    if (ProcFile.#open >= openFilesMax() / 4) return false;
    this.#fd = openSmall(this.#path);
    if (this.#fd === undefined) return false;
    ProcFile.#open++;
    return true;
  }
}

let filesMax: number | undefined;

/** Descriptors that this process may have. */
export function openFilesMax(): number {
  filesMax ??= Number(/^Max open files\s+(\d+)/m.exec(readSmall('/proc/self/limits') ?? '')?.[1] ?? 256);
  return filesMax;
}

const buffer = Buffer.alloc(16 * 1024);
const NEWLINE = 10;

function readSmall(file: string): string | undefined {
  const fd = openSmall(file);
  if (fd === undefined) return undefined;
  try {
    return readAll(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function openSmall(file: string): number | undefined {
  try {
    return fs.openSync(file, 'r');
  } catch {
    return undefined;
  }
}

function readAll(fd: number): string | undefined {
  try {
    let text = '';
    // /proc gives a page at a time.
    for (let read = buffer.length, at = 0; read > 0; at += read) {
      read = fs.readSync(fd, buffer, 0, buffer.length, at);
      text += buffer.toString('utf8', 0, read);
      if (read > 0 && buffer[read - 1] === NEWLINE) break;
    }
    return text;
  } catch {
    return undefined;
  }
}
