/** What this process runs, in few words: for people who see several processes side by side. */
import fs from 'node:fs';
import path from 'node:path';

/** "server.mjs --port 80", "server.mjs worker 2" in a cluster, "node -e" where there is no file. */
export function scriptOfProcess(): string {
  const [, script, ...args] = process.argv;
  const worker = clusterWorker();
  if (script === undefined || hasNoFile()) return `node ${process.execArgv.find(isProgram) ?? ''}`.trimEnd();
  const name = path.basename(script);
  return worker === undefined ? [name, ...args].join(' ') : `${name} worker ${worker}`;
}

/** The program is in the arguments or comes from the standard input: what follows is no file. */
function hasNoFile(): boolean {
  return process.execArgv.some(isProgram);
}

function isProgram(arg: string): boolean {
  return /^(-e|--eval|-p|-pe|--print)$/.test(arg);
}

/**
 * The worker's number in its cluster. Node deletes the variable before anything of ours runs; what the process was started
 * with is still in /proc. Only what has a channel to its parent can be a worker.
 */
function clusterWorker(): string | undefined {
  if (!process.connected) return undefined;
  try {
    return /(?:^|\0)NODE_UNIQUE_ID=(\d+)/.exec(fs.readFileSync('/proc/self/environ', 'latin1'))?.[1];
  } catch {
    return undefined;
  }
}
