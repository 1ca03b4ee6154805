/**
 * `taskperf stat` with perf_event_open allowed, refused and deadly, as root and as nobody: what something else can count
 * is counted, what nothing can is said before anything is started, and the program is never harmed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { NOBODY, hasNobody } from './nobody.js';
import { type Document, assertBalanced, root } from './run-stat.js';

const main = path.join(root, 'dist', 'cli', 'main.js');
const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-permissions-'));
fs.chmodSync(directory, 0o755); // nobody must get in
after(() => fs.rmSync(directory, { recursive: true }));

const refuser = path.join(directory, 'refuse-perf');
if (compiler !== undefined) {
  const source = path.join(root, 'test', 'fixtures', 'native', 'refuse-perf.c');
  assert.equal(spawnSync(compiler, ['-O1', source, '-o', refuser]).status, 0);
}

const hasAddon = process.env['TASKPERF_NO_ADDON'] !== '1';
const isRefused =
  hasAddon &&
  JSON.parse(
    spawnSync(process.execPath, [main, 'doctor', '--json'], { encoding: 'utf8' }).stdout,
  ).checks.find(({ name }: { name: string }) => name === 'perf_event_open')?.ok !== true;

let runs = 0;
function stat(events: string | undefined, before: readonly string[]): ReturnType<typeof run> {
  const own = path.join(directory, String(runs++));
  fs.mkdirSync(own);
  fs.chmodSync(own, 0o777);
  return run(events, before, own);
}

function run(events: string | undefined, before: readonly string[], own: string) {
  // Touches 1,000 fresh pages, and ends with a status of its own.
  const program =
    'const b = Buffer.allocUnsafeSlow(4096e3); for (let i = 0; i < 4096e3; i += 4096) b[i] = 1; process.exit(7)';
  const asked = events === undefined ? [] : ['-e', events];
  const words = [
    ...before,
    process.execPath,
    main,
    'stat',
    '--json',
    ...asked,
    '--',
    process.execPath,
    '-e',
    program,
  ];
  const { stderr, status } = spawnSync(words[0]!, words.slice(1), {
    encoding: 'utf8',
    env: { ...process.env, TASKPERF_DIR: path.join(own, 'counts') },
  });
  return { status, stderr, document: (): Document => JSON.parse(stderr) as Document };
}

const ways: { name: string; before: readonly string[]; mayPerf: boolean; skip: string | false }[] = [
  { name: 'root, allowed', before: [], mayPerf: true, skip: isRefused && 'perf_event_open is refused here' },
  {
    name: 'root, refused',
    before: [refuser, '1'],
    mayPerf: false,
    skip: compiler === undefined && 'no C compiler',
  },
  {
    name: 'root, deadly',
    before: [refuser, 'kill'],
    mayPerf: false,
    skip: compiler === undefined && 'no C compiler',
  },
  { name: 'nobody, allowed', before: NOBODY, mayPerf: false, skip: !hasNobody && 'needs root and setpriv' },
  {
    name: 'nobody, refused',
    before: [...NOBODY, refuser, '1'],
    mayPerf: false,
    skip: (!hasNobody || compiler === undefined) && 'needs root, setpriv and a C compiler',
  },
];

for (const { name, before, mayPerf, skip } of ways) {
  describe(name, { skip: hasAddon ? skip : 'without the addon nothing is opened' }, () => {
    test('faults and context switches are exact: by perf_event_open or by getrusage', () => {
      const { status, document } = stat('page-faults,context-switches', before);
      assert.equal(status, 7);
      const found = document();
      assertBalanced(found);
      for (const event of found.events)
        assert.deepEqual([event.kind, event.supported], ['exact', true], event.name);
      assert.ok(found.conservation['page-faults']!.threads >= 1000);
    });

    test('what only perf_event_open counts is counted, or said to be refused before anything is started', () => {
      const { status, stderr, document } = stat('cpu-migrations', before);
      if (mayPerf) {
        assert.equal(status, 7);
        assert.equal(document().events[1]!.supported, true);
      } else {
        assert.equal(status, 129);
        assert.match(
          stderr,
          /^taskperf: event 'cpu-migrations' may not be counted \((EACCES|EPERM)\); [^\n]*\n$/,
        );
      }
    });

    test('a run that names no events works, and the exit status is the program’s', () => {
      const { status, document } = stat(undefined, before);
      assert.equal(status, 7);
      assertBalanced(document());
      assert.equal(document().events[0]!.kind, 'exact');
    });
  });
}
