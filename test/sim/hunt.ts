// Runs the simulation of one folder (cores.ts) on RUNS seeds from FIRST on until a run fails: `node hunt.js FOLDER FIRST RUNS`.
// Prints one line of JSON: what was found, or null. A process of its own, since a broken core may never return.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, first, runs] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
const url = pathToFileURL(join(folder, 'sim', 'index.js')).href;
const { run } = (await import(url)) as typeof import('#sim/index.js');

let found: object | null = null;
for (let seed = first; seed < first + runs && found === null; seed++) {
  const { failure } = run({ seed: BigInt(seed), checks: 'every step' });
  if (failure !== undefined) found = { seed, step: failure.step, message: failure.message };
}
console.log(JSON.stringify(found));
