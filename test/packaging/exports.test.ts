// What a user's program gets from `import 'taskperf'` and `require('taskperf')`: the same module, from the built files.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

interface Manifest {
  bin: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
  scripts: Record<string, string>;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

/** What a program in the package's own folder prints; the package can refer to itself by name there. */
function run(type: 'module' | 'commonjs', program: string): string {
  const args = [`--input-type=${type}`, '--disable-warning=ExperimentalWarning', '-e', program];
  return execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' }).trim();
}

describe('the package', () => {
  for (const [name, target] of Object.entries(manifest.exports)) {
    test(`has the files of its export "${name}"`, () => {
      const files = typeof target === 'string' ? [target] : [target.types, target.default];
      for (const file of files) assert.ok(existsSync(join(root, file)), file);
    });
  }

  test('has its command', () => {
    for (const file of Object.values(manifest.bin)) {
      assert.match(readFileSync(join(root, file), 'utf8'), /^#!\/usr\/bin\/env node\n/);
    }
  });

  for (const name of ['taskperf', 'taskperf/core']) {
    test(`gives ${name} to import and to require alike`, () => {
      const names = 'console.log(Object.keys(m).filter((key) => key !== "__esModule").sort().join())';
      const imported = run('module', `import * as m from '${name}'; ${names}`);
      const required = run('commonjs', `const m = require('${name}'); ${names}`);
      assert.equal(required, imported);
      assert.notEqual(imported, '');
    });
  }

  test('runs nothing when it is installed as a dependency', () => {
    for (const hook of ['preinstall', 'install', 'postinstall']) assert.ok(!(hook in manifest.scripts), hook);
  });
});
