// The layers are a law that the compiler enforces: each import or name that a layer must not use is put into a small
// project with that layer's own tsconfig.json, and must not compile.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

type Layer = 'core' | 'sim' | 'node' | 'cli';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
);

/** A legal project: each layer imports the one below. */
const GOOD: Record<Layer, string> = {
  core: `export const one: number = 1;`,
  sim: `import { one } from '../core/index.ts';\nexport const two: number = one + one;`,
  node: `import { one } from '../core/index.ts';\nexport const pid: number = process.pid + one;`,
  cli: `import { one } from '../core/index.ts';\nimport { pid } from '../node/index.ts';\nexport const sum: number = pid + one;`,
};

/** [layer, what is wrong, source, error codes that may say so] */
const WRONG: [Layer, string, string, string[]][] = [
  ['core', 'imports node', `export { pid } from '../node/index.ts';`, ['TS6059', 'TS6307']],
  ['core', 'imports cli', `export { sum } from '../cli/index.ts';`, ['TS6059', 'TS6307']],
  ['node', 'imports cli', `export { sum } from '../cli/index.ts';`, ['TS6059', 'TS6307']],
  ['core', 'imports sim', `export { two } from '../sim/index.ts';`, ['TS6059', 'TS6307']],
  ['node', 'imports sim', `export { two } from '../sim/index.ts';`, ['TS6059', 'TS6307']],
  ['sim', 'imports node', `export { pid } from '../node/index.ts';`, ['TS6059', 'TS6307']],
  ['sim', 'reads performance', `export const now: number = performance.now();`, ['TS2304']],
  ['sim', 'uses process', `export const pid: number = process.pid;`, ['TS2591', 'TS2580']],
  ['core', 'uses process', `export const pid: number = process.pid;`, ['TS2591', 'TS2580']],
  [
    'core',
    'imports a module of Node',
    `import { readFileSync } from 'node:fs';\nreadFileSync('x');`,
    ['TS2591', 'TS2307'],
  ],
  ['core', 'uses Buffer', `export const b: unknown = Buffer.alloc(1);`, ['TS2591', 'TS2580']],
  ['core', 'uses a timer', `setTimeout(() => {}, 1);`, ['TS2304']],
  ['core', 'reads performance', `export const now: number = performance.now();`, ['TS2304']],
  ['node', 'uses the DOM', `export const title: string = document.title;`, ['TS2304', 'TS2584']],
  ['core', 'has an enum', `export enum Colour { Red }`, ['TS1294']],
  ['node', 'uses what Node 20 lacks', `export const p: unknown = Promise.withResolvers();`, ['TS2550']],
  [
    'core',
    'leaves a type to inference',
    `export const f = (a: number) => [a].map(String);`,
    ['TS9007', 'TS9010', 'TS9013'],
  ],
  ['core', 'takes an unchecked element', `export const f = (a: number[]): number => a[0];`, ['TS2322']],
];

describe('the layers', () => {
  let project = '';
  before(() => {
    mkdirSync(join(root, 'dist'), { recursive: true });
    // Inside the checkout, so that @types/node resolves as it does for the real layers.
    project = mkdtempSync(join(root, 'dist', 'layers-'));
    for (const name of ['tsconfig.base.json', 'src/core', 'src/sim', 'src/node', 'src/cli']) {
      const file = name.endsWith('.json') ? name : `${name}/tsconfig.json`;
      cpSync(join(root, file), join(project, file));
    }
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    for (const layer of ['core', 'sim', 'node', 'cli'] as const) writeFileSync(index(layer), GOOD[layer]);
  });
  after(() => rmSync(project, { recursive: true, force: true }));

  const index = (layer: Layer): string => join(project, 'src', layer, 'index.ts');

  /** What `tsc -b` says about the layer, with its exit status. */
  const compile = (layer: Layer): { status: number | null; output: string } => {
    const run = spawnSync(process.execPath, [compiler, '-b', join(project, 'src', layer)], {
      encoding: 'utf8',
    });
    return { status: run.status, output: run.stdout + run.stderr };
  };

  test('allow each layer the ones below it', () => {
    for (const layer of ['sim', 'cli'] as const) assert.deepEqual(compile(layer), { status: 0, output: '' });
  });

  for (const [layer, what, source, codes] of WRONG) {
    test(`refuse ${layer} that ${what}`, () => {
      const file = join(project, 'src', layer, 'wrong.ts');
      writeFileSync(file, source);
      try {
        const { status, output } = compile(layer);
        assert.notEqual(status, 0, 'compiled');
        assert.ok(
          codes.some((code) => output.includes(code)),
          `expected ${codes.join(' or ')} in: ${output}`,
        );
      } finally {
        rmSync(file);
      }
    });
  }
});
