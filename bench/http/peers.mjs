// Installs what taskperf is measured beside into bench/.peers, once: pinned versions, no install scripts (the native
// parts come prebuilt in their packages).
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../machine.mjs';

const source = join(root, 'bench', 'peers');
const target = join(root, 'bench', '.peers');
const FILES = ['package.json', 'package-lock.json'];

export function installPeers() {
  const fresh = FILES.every(
    (name) =>
      existsSync(join(target, name)) &&
      readFileSync(join(target, name), 'utf8') === readFileSync(join(source, name), 'utf8'),
  );
  if (fresh && existsSync(join(target, 'node_modules'))) return;
  mkdirSync(target, { recursive: true });
  for (const name of FILES) cpSync(join(source, name), join(target, name));
  const run = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: target,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (run.status !== 0)
    throw new Error(
      'the peers could not be installed; measure without them: --variants none,loaded,counting',
    );
}
