// What the explorer is given from the disk: compiled modules as text, and where their lines are in the sources.
import { readFileSync, readdirSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');

/** The compiled modules that are run one access at a time. */
export function readSources() {
  const folders = [
    ['core-named', 'core/'],
    ['explore/scenarios', 'explore/scenarios/'],
  ];
  const files = folders.flatMap(([folder, prefix]) =>
    readdirSync(join(dist, folder))
      .filter((file) => file.endsWith('.js') && `${prefix}${file}` !== 'core/index.js')
      .map((file) => [prefix + file, join(dist, folder, file)]),
  );
  for (const file of ['finish.js', 'scenario.js', 'step-pmu.js'])
    files.push([`explore/${file}`, join(dist, 'explore', file)]);
  return new Map(files.map(([name, path]) => [name, readFileSync(path, 'utf8')]));
}

/** Places in compiled modules as places in the TypeScript source. */
export function locator() {
  const maps = new Map();
  return ({ module, line, column }) => {
    const path = join(dist, module.replace(/^core\//, 'core-named/'));
    if (!maps.has(module)) maps.set(module, new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8'))));
    const { originalLine } = maps.get(module).findEntry(line - 1, column);
    const file = module.replace(/^(core|explore)\//, '').replace(/\.js$/, '.ts');
    return `${file}:${(originalLine ?? line - 1) + 1}`;
  };
}
