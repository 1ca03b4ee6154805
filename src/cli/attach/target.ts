/**
 * The process that `-p PID` means, and what must be known of it before anything is done to it: that it exists, is ours, is
 * Node.js, and would survive the signal that opens its inspector. Each that is not so is one sentence.
 */
import fs from 'node:fs';
import { constants } from 'node:os';
import { TaskperfError } from '../../core/errors.ts';
import { startTicksOf } from '../../node/identity.ts';
import { childrenByParent, programOf } from '../os-proc.ts';

export interface Target {
  readonly pid: number;
  /** Of its user. */
  readonly uid: number;
  readonly gid: number;
  /** Its words, as /proc shows them: a process that has given itself a title shows that. */
  readonly command: readonly string[];
  readonly startTicks: number;
  readonly inspector: Expected;
}

/** Of the inspector, as the words of the program say, which may be others' or gone. */
interface Expected {
  /** 0: any that is free. */
  readonly port: number;
  /** Its words are gone: it has given itself a title. */
  readonly isGuess: boolean;
  /** Its address is not told to who asks. */
  readonly isHidden: boolean;
}

const INSPECTOR_PORT = 9229;
/** Processes named in a sentence. */
const NAMED_MAX = 5;
/** Exported by every build of Node.js, whatever its file is called, and by no other runtime. */
const NODE_SYMBOL = '_ZN4node5StartEiPPc';

const HIDDEN = ', because it has changed its user or has capabilities; start it under `taskperf stat --`';

/** @throws TaskperfError ESRCH, EACCES (another user's), EINVAL (not Node.js, or cannot be attached to). */
export function findTarget(pid: number): Target {
  const startTicks = startTicksOf(pid);
  if (startTicks === undefined) throw refusal('ESRCH', pid, 'there is no process', '; `ps -e` lists them');
  const { uid, gid } = ownerOf(pid);
  const self = process.geteuid?.() ?? uid;
  if (self !== 0 && self !== uid)
    throw refusal('EACCES', pid, 'not permitted: user', ` ${uid} runs it and you are ${self}; use sudo`);
  requireNode(pid);
  requireSameWorld(pid);
  requireCaught(pid);
  const isGuess = wordsOf(pid, 'cmdline').length === 1;
  const inspector = { ...expectedOf(optionsOf(pid)), isGuess };
  return { pid, uid, gid, command: wordsOf(pid, 'cmdline'), startTicks, inspector };
}

/** Node.js processes that it has started, as `npm run start` and `npx tsx` do, and theirs. */
export function nodeDescendants(pid: number): number[] {
  const children = childrenByParent();
  const found: number[] = [];
  const visit = (parent: number): void => {
    for (const child of children.get(parent) ?? []) {
      if (isNode(child)) found.push(child);
      if (found.length < NAMED_MAX) visit(child);
    }
  };
  visit(pid);
  return found.slice(0, NAMED_MAX);
}

export function refused({ pid }: Target, why: string): TaskperfError {
  return refusal('EINVAL', pid, why, '');
}

function refusal(
  code: 'ESRCH' | 'EACCES' | 'EINVAL',
  pid: number,
  what: string,
  more: string,
): TaskperfError {
  return new TaskperfError(code, `cannot attach to process ${pid}: ${what}${more}`, pid);
}

function requireNode(pid: number): void {
  if (isNode(pid)) return;
  const program = programOf(pid);
  if (program === '') throw refusal('EACCES', pid, 'Linux hides from its own user what it runs', HIDDEN);
  const inside = nodeDescendants(pid);
  const more = inside.length > 0 ? `; it has started Node.js as process ${inside.join(', ')}: use that` : '';
  throw refusal('EINVAL', pid, `it is not Node.js (${program})`, more);
}

function isNode(pid: number): boolean {
  const program = programOf(pid);
  if (program === '') return false;
  if (/^node(js)?$/.test(program)) return true;
  const libraries = /\S*\/libnode\.so\S*/.exec(textOf(`/proc/${pid}/maps`));
  return libraries !== null || hasSymbol(`/proc/${pid}/exe`);
}

/** Programs with Node.js in them have a hundred megabytes: read in parts that overlap. */
function hasSymbol(file: string): boolean {
  const part = Buffer.alloc(4 << 20);
  const keep = NODE_SYMBOL.length;
  let fd: number | undefined;
  try {
    fd = fs.openSync(file, 'r');
    for (let at = 0; ; at += part.length - keep) {
      const read = fs.readSync(fd, part, 0, part.length, at);
      if (part.subarray(0, read).includes(NODE_SYMBOL)) return true;
      if (read < part.length) return false;
    }
  } catch {
    return false;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Files, ports and pids of another container mean something else there. */
function requireSameWorld(pid: number): void {
  for (const space of ['mnt', 'pid', 'net']) {
    const [own, its] = ['self', pid].map((one) => linkOf(`/proc/${one}/ns/${space}`));
    if (own !== its)
      throw refusal('EINVAL', pid, 'it runs in another container', '; run taskperf inside of that');
  }
}

/** A signal that it does not catch could kill it. @throws TaskperfError */
export function requireCaught(pid: number): void {
  const mask = /^SigCgt:\s*([\da-f]+)$/m.exec(textOf(`/proc/${pid}/status`))?.[1] ?? '0';
  if (((BigInt(`0x${mask}`) >> BigInt(constants.signals.SIGUSR1 - 1)) & 1n) === 1n) return;
  throw refusal(
    'EINVAL',
    pid,
    'it does not take SIGUSR1, which opens the inspector',
    optionsOf(pid).some((word) => /^--(experimental-)?permission$/.test(word))
      ? '; start it without --permission'
      : '; start it without --disable-sigusr1, or under `taskperf stat --`',
  );
}

function expectedOf(words: readonly string[]): Omit<Expected, 'isGuess'> {
  let [port, isHidden] = [INSPECTOR_PORT, false];
  words.forEach((word, i) => {
    const [, name, joined] = /^(--[\w-]+)(?:=(.*))?$/.exec(word) ?? [];
    const value = joined ?? words[i + 1] ?? '';
    if (name === '--inspect-publish-uid') isHidden = !value.includes('http');
    if (name === undefined || !/^--(?:inspect(?:-brk|-wait|-port)?|debug-port)$/.test(name)) return;
    const given = /^(?:.*:)?(\d+)$/.exec(joined ?? (name.endsWith('port') ? value : ''))?.[1];
    if (given !== undefined) port = Number(given);
  });
  return { port, isHidden };
}

/** Options of Node.js, and the words of its script. */
function optionsOf(pid: number): string[] {
  const options = wordsOf(pid, 'environ').find((word) => word.startsWith('NODE_OPTIONS=')) ?? '';
  return [...options.slice('NODE_OPTIONS='.length).split(' '), ...wordsOf(pid, 'cmdline')];
}

function ownerOf(pid: number): { uid: number; gid: number } {
  const status = textOf(`/proc/${pid}/status`);
  const effective = (name: string): number =>
    Number(new RegExp(`^${name}:\\s*\\d+\\s+(\\d+)`, 'm').exec(status)?.[1] ?? -1);
  return { uid: effective('Uid'), gid: effective('Gid') };
}

function wordsOf(pid: number, file: 'cmdline' | 'environ'): string[] {
  return textOf(`/proc/${pid}/${file}`).replace(/\0+$/, '').split('\0');
}

function linkOf(file: string): string | undefined {
  try {
    return fs.readlinkSync(file);
  } catch {
    return undefined;
  }
}

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
