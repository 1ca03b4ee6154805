/**
 * Copies of the core that tests may break: the real sources, compiled once without the last step that writes constants in
 * (so that edits can be read), beside a copy of the simulation that imports them. Each is a module graph of its own.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
);

/** A change of one line or a few: `from` occurs exactly once in the file. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export type Core = typeof import('#core/index.js');

export class Cores {
  readonly #directory = mkdtempSync(join(tmpdir(), 'taskperf-cores-'));
  #count = 0;

  constructor() {
    const options = ['--composite', 'false', '--incremental', 'false', '--sourceMap', 'false'];
    const out = join(this.real, 'core');
    const args = [compiler, '-p', join(root, 'src', 'core'), '--outDir', out, ...options];
    const run = spawnSync(
      process.execPath,
      [...args, '--inlineSources', 'false', '--declarationMap', 'false'],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(run.status, 0, run.stdout + run.stderr);
    cpSync(join(root, 'dist', 'sim'), join(this.real, 'sim'), { recursive: true });
    writeFileSync(join(this.#directory, 'package.json'), '{ "type": "module" }');
  }

  /** The folder of the unbroken one: core/ and sim/. */
  get real(): string {
    return join(this.#directory, 'real');
  }

  /** A folder with the edits made. @throws when one does not match exactly once. */
  broken(...edits: readonly Edit[]): string {
    const folder = join(this.#directory, `broken-${++this.#count}`);
    cpSync(this.real, folder, { recursive: true });
    for (const { file, from, to } of edits) {
      const path = join(folder, 'core', file);
      const parts = readFileSync(path, 'utf8').split(from);
      assert.equal(parts.length, 2, `the edit of ${file} matches ${parts.length - 1} times: ${from}`);
      writeFileSync(path, parts.join(to));
    }
    return folder;
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }
}

export async function loadCore(folder: string): Promise<Core> {
  return (await import(pathToFileURL(join(folder, 'core', 'index.js')).href)) as Core;
}
