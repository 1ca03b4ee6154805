// A process that a benchmark starts on one core and talks to.
import { fork } from 'node:child_process';
import { basename, join } from 'node:path';
import { pinned, root } from './machine.mjs';

/** Of arithmetic in a request of the route /work. */
const WORK_MICROSECONDS = 1000;

/** A process on one core that answers one message at a time; its first message is what it says when it is ready. */
export async function start(nodePath, { core, file, env = {}, cwd }) {
  const [execPath, ...execArgv] = pinned(core, nodePath);
  const child = fork(file, [], { execPath, execArgv, cwd, env: { ...process.env, ...env } });
  const stopped = new Promise((resolve) => child.once('exit', resolve));
  const answer = () =>
    new Promise((resolve, reject) => {
      const died = (code) => reject(new Error(`${basename(file)} ended with ${code}`));
      child.once('exit', died);
      child.once('message', ({ reply }) => {
        child.off('exit', died);
        resolve(reply);
      });
    });
  const first = await answer();
  const ask = (message) => {
    child.send(message);
    return answer();
  };
  return { pid: child.pid, first, ask, stopped, stop: () => child.connected && child.disconnect() };
}

/** Steps of arithmetic that make the work of http/server.cjs, found once per Node and then the same for every server. */
export async function calibratedWork(node, place) {
  const server = await start(node.path, { ...place, file: join(root, 'bench', 'http', 'server.cjs') });
  const count = await server.ask({ command: 'calibrate', microseconds: WORK_MICROSECONDS });
  server.stop();
  return count;
}
