/** What a process was started as, for a list and a title. */
import fs from 'node:fs';
import path from 'node:path';
import { printable } from '../printable.ts';

/** "node server.js --port 80"; "pid 4711" where that cannot be read. */
export function commandOf(pid: number): string {
  let words: string[];
  try {
    words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    words = [];
  }
  const [program = '', ...rest] = words.filter((word) => word !== '');
  return printable([path.basename(program), ...rest].join(' ')) || `pid ${pid}`;
}
