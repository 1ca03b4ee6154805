// Writes the layout's numbers into the compiled core: `i32[at + K_CONTEXT]` becomes `i32[at + 2]`.
//
// An imported binding is a memory load each time it is read, which V8 does not fold, and the core is little else than
// slot arithmetic: fork + exit of a counted task took 780-830 ns with the imports and 510-590 ns with the numbers
// (Node 20, 24). The sources keep their names; lines stay where they were, so source maps stay right.
// Idempotent. A name is replaced only in files that import it from another module of the same layer. `tsc -b` does not
// compile a file again because a number that it imports has changed, so the numbers written in are remembered: when one
// of them is another now, all of the core is compiled again first.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const core = join(root, 'dist', 'core');
const IMPORT = /^import \{([^}]*)\} from '\.\/([\w-]+\.js)';$/gm;

const stamp = join(root, 'dist', 'core-constants.json');

const modules = readdirSync(core).filter((name) => name.endsWith('.js') && name !== 'index.js');
const numbers = JSON.stringify(await exportedNumbers());
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== numbers) {
  const { status } = spawnSync('tsc', ['-b', '--force', 'src/core'], { stdio: 'inherit', cwd: root });
  if (status !== 0) throw new Error('the core does not compile');
}
writeFileSync(stamp, numbers);

for (const file of modules) {
  const path = join(core, file);
  const source = readFileSync(path, 'utf8');
  const result = inline(source, await importedNumbers(source));
  if (result !== source) writeFileSync(path, result);
}

/** All of the core's, by name: where they are said, not where they have been written in. */
async function exportedNumbers() {
  const found = [];
  for (const file of modules) {
    const exported = await import(pathToFileURL(join(core, file)));
    found.push(...Object.entries(exported).filter(([, value]) => typeof value === 'number'));
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Names that the file imports and whose value is a number. */
async function importedNumbers(source) {
  const numbers = new Map();
  for (const [, names, module] of source.matchAll(IMPORT)) {
    const exported = await import(pathToFileURL(join(core, module)));
    for (const name of names.split(',').map((text) => text.trim())) {
      if (/^[A-Z][A-Z0-9_]*$/.test(name) && typeof exported[name] === 'number')
        numbers.set(name, exported[name]);
    }
  }
  return numbers;
}

function inline(source, numbers) {
  if (numbers.size === 0) return source;
  const word = new RegExp(`\\b(${[...numbers.keys()].join('|')})\\b`, 'g');
  return source
    .split('\n')
    .map((line) => {
      const isCode = !/^\s*(import |export |\/\/|\*|\/\*)/.test(line);
      return isCode ? line.replace(word, (name) => literal(numbers.get(name))) : line;
    })
    .join('\n');
}

/** A negative number in brackets: what stands before it may be a minus. */
function literal(value) {
  return value < 0 ? `(${value})` : String(value);
}
