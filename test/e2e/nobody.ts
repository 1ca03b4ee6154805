/** Being nobody: who may do next to nothing on this machine. Only root can become that. */
import { spawnSync } from 'node:child_process';

/** What is written before a command that nobody is to run. */
export const NOBODY: readonly string[] = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--',
];
export const hasNobody: boolean =
  process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).status === 0;
