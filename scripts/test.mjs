// Runs the compiled tests with node:test: `node scripts/test.mjs [part of a path …] [!part …]`: the files whose path
// contains one of the parts (without any: all), and none of those with an exclamation mark.
//
// The files are listed by name, because Node 20 takes no glob and Node 22 no directory; they are listed from the
// SOURCES, so a deleted test whose compiled file is still in dist does not run. The last line is for programs:
//     tests: 123 passed, 0 failed, 4 skipped on Node v20.20.2
//
// TASKPERF_TEST_NODE         the node binary that runs the tests (default: this one)
// TASKPERF_TEST_CONCURRENCY  test files at a time (default 2: many tests are servers that mostly wait)
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

// Against hanging only: e2e/truth burns 55 s of CPU, and took 115 s on a machine with five other things to do.
const FILE_TIMEOUT_MS = 300_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeBinary = resolve(process.env.TASKPERF_TEST_NODE ?? process.execPath);
const concurrency = Number(process.env.TASKPERF_TEST_CONCURRENCY ?? 2);

process.exitCode = main(process.argv.slice(2));

function main(parts) {
  const files = testFiles(parts);
  if (files.length === 0) {
    console.error(`no test file matches ${parts.join(', ') || 'test/**/*.test.ts'}`);
    return 1;
  }
  const missing = files.filter((file) => !existsSync(file));
  for (const file of missing) console.error(`not compiled: ${file}; run npm run build first`);
  const compiled = files.filter((file) => existsSync(file));
  const directory = mkdtempSync(join(tmpdir(), 'taskperf-test-'));
  try {
    const tapFile = join(directory, 'results.tap');
    const status = compiled.length === 0 ? 1 : runTests(compiled, tapFile);
    return report(status, existsSync(tapFile) ? readFileSync(tapFile, 'utf8') : '', missing.length);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Compiled paths, relative to the root, of the test sources that are asked for. */
function testFiles(asked) {
  const parts = asked.filter((part) => !part.startsWith('!'));
  const without = asked.filter((part) => part.startsWith('!')).map((part) => part.slice(1));
  return readdirSync(join(root, 'test'), { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => parts.length === 0 || parts.some((part) => join('test', name).includes(part)))
    .filter((name) => !without.some((part) => join('test', name).includes(part)))
    .map((name) => join('dist', 'test', name.replace(/\.ts$/, '.js')))
    .sort();
}

function runTests(files, tapFile) {
  const flags = [
    '--test',
    '--enable-source-maps',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${FILE_TIMEOUT_MS}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=tap',
    `--test-reporter-destination=${tapFile}`,
  ];
  // A test that starts plain `node` must get the version under test too.
  const PATH = dirname(nodeBinary) + delimiter + (process.env.PATH ?? '');
  const env = { ...process.env, PATH };
  // Set when a test run starts another one; it would make this run report to that one instead.
  delete env.NODE_TEST_CONTEXT;
  const run = spawnSync(nodeBinary, [...flags, ...files], { cwd: root, stdio: 'inherit', env });
  if (run.error) console.error(`could not start ${nodeBinary}: ${run.error.message}`);
  return run.status ?? 1;
}

function report(status, tap, missingCount) {
  const passed = lastCount(tap, 'pass');
  const skipped = lastCount(tap, 'skipped') + lastCount(tap, 'todo');
  const known = lastCount(tap, 'fail') + lastCount(tap, 'cancelled') + missingCount;
  // A runner that died before its summary failed too.
  const failed = known === 0 && status !== 0 ? 1 : known;
  const version = spawnSync(nodeBinary, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? 'unknown';
  console.log(`tests: ${passed} passed, ${failed} failed, ${skipped} skipped on Node ${version}`);
  return failed === 0 ? 0 : 1;
}

/** The summary comes last; an earlier "# pass 3" may be the output of a test. */
function lastCount(tap, word) {
  const matches = [...tap.matchAll(new RegExp(`^# ${word} (\\d+)$`, 'gm'))];
  return Number(matches.at(-1)?.[1] ?? 0);
}
