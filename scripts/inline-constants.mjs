// Writes the layout's numbers into the compiled core: `i32[at + K_CONTEXT]` becomes `i32[at + 2]`.
//
// An imported binding is a memory load each time it is read, which V8 does not fold, and the core is little else than
// slot arithmetic: fork + exit of a counted task took 780-830 ns with the imports and 510-590 ns with the numbers
// (Node 20, 24). The sources keep their names; lines stay where they were, so source maps stay right.
// Idempotent. A name is replaced only in files that import it from another module of the same layer.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const core = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'core');
const IMPORT = /^import \{([^}]*)\} from '\.\/([\w-]+\.js)';$/gm;

for (const file of readdirSync(core).filter((name) => name.endsWith('.js') && name !== 'index.js')) {
  const path = join(core, file);
  const source = readFileSync(path, 'utf8');
  const result = inline(source, await importedNumbers(source));
  if (result !== source) writeFileSync(path, result);
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
