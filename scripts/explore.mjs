// The interleaving explorer: `npm run explore [-- SCENARIO …] [--list] [--mutants] [--mutant NAME] [--schedule WORD]`.
//
// Without arguments every scenario is gone through, and a line printed for each: schedules, steps, time, verdict. A
// failing schedule is printed as a table, with the command that repeats it. docs/exploration.md tells how it works.
import { locator, readSources } from './explore-sources.mjs';

const { main } = await import('../dist/explore/main.js');

process.exitCode = main(process.argv.slice(2), {
  sources: readSources(),
  locate: locator(),
  nowMs: () => performance.now(),
  print: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
});
