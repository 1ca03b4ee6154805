// What tsc does not carry over: the CommonJS preload, and the executable bit of the command.
import { chmodSync, cpSync, existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const layers = ['core', 'node', 'cli'];

for (const layer of layers) {
  for (const name of readdirSync(join(root, 'src', layer), { recursive: true })) {
    if (name.endsWith('.cjs')) cpSync(join(root, 'src', layer, name), join(root, 'dist', layer, name));
  }
}

const command = join(root, 'dist', 'cli', 'main.js');
if (existsSync(command)) chmodSync(command, 0o755);
