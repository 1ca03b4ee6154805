// V8's counts by themselves: native/v8_counts.c, compiled here as an addon of its own, against what V8 says in other
// ways: its 'gc' performance entries, --trace-gc, used_heap_size, and sizes that are known.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = path.join(root, 'test/fixtures/programs/v8-counts.cjs');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-v8-'));
const addon = path.join(directory, 'v8-counts.node');
after(() => fs.rmSync(directory, { recursive: true, force: true }));

describe('V8 counts', { skip: compile() }, () => {
  test('count every pause, and its time, as V8 does', () => {
    const { counted, observed } = run<Pauses>('pauses');
    assertSamePauses({ counted, observed });
    assert.ok(counted.minor > 0 && counted.major > 0, JSON.stringify(counted));
  });

  test('know the minor collector that marks and sweeps', { skip: minorMarkSweep() === null }, () => {
    const { counted, observed } = run<Pauses>('pauses', minorMarkSweep()!);
    assertSamePauses({ counted, observed });
    assert.ok(counted.minor > 0, JSON.stringify(counted));
  });

  test('take as long as --trace-gc says', () => {
    // V8's own clock starts later, when what was left of an earlier collection is done, and it prints its line within the
    // pause: 0.3 to 1 % of the time, on a busy machine at times 10 %. Hence the best of three.
    const ratios = [1, 2, 3].map(() => {
      const flags = ['--trace-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'];
      const { counted, observed, traced } = run<Pauses & { traced: Traced }>('pauses', ...flags);
      assert.equal(traced.pauses, counted.minor + counted.major);
      // --trace-gc has no line for the start of incremental marking.
      return (counted.time - observed.otherTime) / traced.time;
    });
    const least = Math.min(...ratios);
    assert.ok(least > 0.99 && least < 1.1, ratios.join(', '));
  });

  test('count what is allocated within 5 % whatever is collected in between', (t) => {
    const roomy = ['--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=512'];
    const narrow = ['--expose-gc', '--min-semi-space-size=1', '--max-semi-space-size=1'];
    // V8 sweeps and compiles beside: its own figure is off by some hundred kB now and then. Per shape the run that agrees best.
    const runs = [1, 2, 3].map(() => run<Shapes>('shapes', ...roomy));
    const truths = runs.reduce((best, other) => nearer(best, other));
    const collected = run<Shapes>('shapes', ...narrow);
    for (const [name, truth] of Object.entries(truths)) {
      const { counted, collections } = collected[name]!;
      const error = percent(counted, truth.counted);
      t.diagnostic(`${name}: ${counted} bytes, ${collections} collections, ${error.toFixed(2)} %`);
      assert.equal(truth.collections, 0, `${name}: no collection where there is room`);
      assert.ok(Math.abs(percent(truth.counted, truth.used)) < 2, `${name}: ${JSON.stringify(truth)}`);
      assert.ok(truth.counted >= 100_000, `${name}: ${truth.counted} bytes`);
      assert.ok(Math.abs(error) < 5, `${name}: counted ${counted}, is ${truth.counted}`);
    }
    // What V8 has learnt to allocate in the old generation needs none.
    const calm = Object.values(collected).filter(({ collections }) => collections === 0);
    assert.ok(calm.length <= 2, JSON.stringify(collected));
  });

  test('count large arrays to a tenth of a percent', () => {
    const { counted, known, collections } = run<Known>('known');
    assert.ok(collections > 20, `${collections} collections`);
    assert.ok(Math.abs(percent(counted, known)) < 0.1, `counted ${counted}, known ${known}`);
  });

  test('count bytes outside the heap, never more than there were', (t) => {
    for (const [bytes, { counted, known, collections }] of Object.entries(
      run<Record<string, Known>>('external'),
    )) {
      const error = percent(counted, known);
      t.diagnostic(`buffers of ${bytes}: ${error.toFixed(2)} %, ${collections} collections`);
      assert.ok(collections > 0);
      assert.ok(error < 0.5 && error > -5, `buffers of ${bytes}: counted ${counted}, known ${known}`);
    }
  });

  test('count nothing once closed, and start at 0 when opened again', () => {
    const { open, closed, again } = run<Record<'open' | 'closed' | 'again', number[]>>('closing');
    assert.ok(open[1]! > 0 && open[4]! > 0);
    assert.deepEqual(closed, open);
    assert.deepEqual(again.slice(0, 4), [0, 0, 0, 0]);
    assert.ok(again[4]! < 10_000 && again[5]! < 10_000, again.join(', '));
  });

  test('belong to one thread each', () => {
    const { own, reports } = run<{ own: number; reports: Pauses[] }>('threads');
    assert.equal(reports.length, 3);
    // More threads than cores: one may lose its core between Node's reading of the clock and ours.
    for (const report of reports) assertSamePauses(report, 5);
    assert.ok(own < reports[0]!.counted.all, `${own} collections in a thread that does next to nothing`);
  });

  test('let workers be terminated while they collect', () => {
    assert.ok(run<{ collections: number }>('terminated').collections > 0);
  });

  test('cost less than 150 ns a reading', (t) => {
    const { lacks, both, alloc, external } =
      run<Record<'lacks' | 'both' | 'alloc' | 'external', number>>('cost');
    assert.equal(lacks, 0);
    t.diagnostic(
      `heap ${alloc.toFixed(0)} ns, external ${external.toFixed(0)} ns, both ${both.toFixed(0)} ns`,
    );
    // The target, with room for a machine that is slow or busy: native/README.md has the figures of a quiet one.
    assert.ok(alloc < 150 * 3, `${alloc} ns`);
  });
});

interface Pauses {
  readonly counted: Record<'time' | 'all' | 'minor' | 'major', number>;
  readonly observed: Record<'time' | 'all' | 'minor' | 'major' | 'otherTime', number>;
}
interface Traced {
  readonly pauses: number;
  readonly time: number;
}
type Shapes = Record<string, Record<'counted' | 'used' | 'collections', number>>;
type Known = Record<'counted' | 'known' | 'collections', number>;

function assertSamePauses({ counted, observed }: Pauses, percentMost = 1): void {
  const numbers = ({ all, minor, major }: { all: number; minor: number; major: number }): number[] => [
    all,
    minor,
    major,
  ];
  assert.deepEqual(numbers(counted), numbers(observed));
  assert.ok(
    Math.abs(percent(counted.time, observed.time)) < percentMost,
    JSON.stringify({ counted, observed }),
  );
}

/** For each shape the one of two runs in which counted and used are nearer to each other. */
function nearer(a: Shapes, b: Shapes): Shapes {
  const off = ({ counted, used }: Shapes[string]): number => Math.abs(percent(counted, used));
  return Object.fromEntries(
    Object.entries(a).map(([name, first]) => [name, off(b[name]!) < off(first) ? b[name]! : first]),
  );
}

function percent(value: number, truth: number): number {
  return (value / truth - 1) * 100;
}

/** Runs the program in a mode; the lines of --trace-gc, where asked for, are summed as `traced`. */
function run<Report>(mode: string, ...flags: string[]): Report {
  const child = spawnSync(process.execPath, [...flags, program, addon, mode], {
    encoding: 'utf8',
    timeout: 100_000,
    maxBuffer: 1 << 26,
  });
  assert.deepEqual([child.status, child.signal], [0, null], child.stderr);
  // A collection at exit has a line of V8's behind it.
  const line = child.stdout.split('\n').findLast((text) => text.startsWith('{'));
  const report = JSON.parse(line!) as Report;
  return { ...report, ...(flags.includes('--trace-gc') ? { traced: tracedIn(child.stdout) } : {}) };
}

/** V8's lines between the program's marks. */
function tracedIn(output: string): Traced {
  const lines = output.slice(output.indexOf('begin\n'), output.indexOf('end\n'));
  const pattern = / ms: (?:Incremental )?(?:Scavenge|Mark-\w+|Minor).*?([\d.]+) \/ [\d.]+ ms/g;
  const times = [...lines.matchAll(pattern)].map(([, ms]) => Number(ms) * 1e6);
  return { pauses: times.length, time: times.reduce((sum, time) => sum + time, 0) };
}

/** The flag of V8's other minor collector, which had another name in Node 20; null where there is none. */
function minorMarkSweep(): string | null {
  const works = (flag: string): boolean =>
    spawnSync(process.execPath, [flag, '-e', '0'], { stdio: 'ignore' }).status === 0;
  return ['--minor-ms', '--minor-mc'].find(works) ?? null;
}

/** Why there can be no addon here, or false. */
function compile(): string | false {
  if (process.platform !== 'linux') return 'it needs Linux';
  const [command, ...first] = (process.env['CC'] ?? 'cc').trim().split(/\s+/);
  if (spawnSync(command!, [...first, '--version'], { stdio: 'ignore' }).status !== 0) return 'no C compiler';
  const headers = (createRequire(import.meta.url)('node-api-headers') as { include_dir: string }).include_dir;
  const native = path.join(root, 'native');
  const isSanitized = (process.env['LD_PRELOAD'] ?? '').includes('libasan');
  const sanitizers = isSanitized ? ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'] : [];
  const flags = ['-std=c11', '-Wall', '-Wextra', '-O2', '-shared', '-fPIC', ...sanitizers];
  const sources = [
    path.join(root, 'test/fixtures/native/v8-counts-addon.c'),
    path.join(native, 'v8_counts.c'),
  ];
  const compiled = spawnSync(
    command!,
    [...first, ...flags, '-I', headers, '-I', native, ...sources, '-o', addon, '-ldl'],
    { encoding: 'utf8' },
  );
  assert.equal(compiled.status, 0, compiled.stderr);
  return false;
}
