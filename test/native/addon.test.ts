// The addon by itself: what each function promises, wrong arguments, and that environments may end in any way while the
// boundaries are installed. CI also runs this file under AddressSanitizer and UndefinedBehaviorSanitizer.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  CPU_CLOCK,
  NATIVE_NOW,
  TASK_CLOCK,
  T_F64_BOUNDARIES,
  T_F64_IDLE,
  T_F64_LOOP,
  T_F64_CHARGEABLE,
  T_F64_NATIVE,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
} from '#core/index.js';
import { loadAddon } from '#node/addon.js';

const SLOT_BYTES = 16_384;
const { EEXIST, EINVAL, ELOOP, ENOENT } = os.constants.errno;
const file =
  process.env['TASKPERF_ADDON'] ?? fileURLToPath(new URL('../../native/taskperf.node', import.meta.url));
const loaded = loadAddon();

// An addon that was asked for by name and does not load is a failure, not a reason to skip.
const absent = loaded === null && process.env['TASKPERF_ADDON'] === undefined;

describe('the addon', { skip: absent && 'there is no addon here' }, () => {
  const addon = loaded!;
  let directory = '';
  before(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'taskperf-native-'));
  });
  after(() => fs.rmSync(directory, { recursive: true, force: true }));
  afterEach(() => addon.close());

  const inside = (name: string): string => path.join(directory, name);
  const mapped = (name: string, bytes: number, create: boolean): ArrayBuffer => {
    const buffer = addon.map(name, bytes, create);
    if (typeof buffer === 'number') assert.fail(`map gave errno ${buffer}`);
    return buffer;
  };
  /** A thread slot of its own with the clock started; whether preemption is seen does not matter here. */
  const opened = (): Float64Array => {
    const buffer = mapped('', SLOT_BYTES, true);
    addon.open(buffer, 0);
    return new Float64Array(buffer);
  };
  const native = (slot: Float64Array, word: number): number => slot[T_F64_NATIVE + word]!;

  test('maps a new file of the given size for its owner only, which all mappings share', () => {
    const one = new Int32Array(mapped(inside('shared'), 8192, true));
    const stat = fs.statSync(inside('shared'));
    assert.deepEqual([stat.size, stat.mode & 0o777], [8192, 0o600]);
    const two = new Int32Array(mapped(inside('shared'), 8192, false));
    one[2000] = 7;
    assert.equal(two[2000], 7);
    assert.equal(fs.readFileSync(inside('shared')).readInt32LE(8000), 7);
  });

  test('maps memory without a file where the path is empty', () => {
    assert.deepEqual(new Uint8Array(mapped('', 16, true)), new Uint8Array(16));
  });

  test('gives the errno of what the system refuses', () => {
    fs.writeFileSync(inside('short'), 'short');
    fs.symlinkSync(inside('short'), inside('link'));
    assert.equal(addon.map(inside('short'), 4096, true), EEXIST);
    assert.equal(addon.map(inside('short'), 4096, false), EINVAL);
    assert.equal(addon.map(inside('link'), 4, false), ELOOP);
    assert.equal(addon.map(inside('none/there'), 4096, true), ENOENT);
    assert.equal(addon.reserve(inside('none'), 0, 4096), ENOENT);
    assert.equal(addon.reserve(inside('short'), 0, 4096), 0);
    assert.equal(fs.statSync(inside('short')).size, 4096);
  });

  test('the thread that waits for requests of stacks begins and ends, again and again', () => {
    const threads = (): number => fs.readdirSync('/proc/self/task').length;
    const before = threads();
    assert.equal(addon.stacks(inside('none'), true), ENOENT);
    mapped(inside('stacks'), 8192, true);
    for (let i = 0; i < 50; i++) {
      assert.equal(addon.stacks(inside('stacks'), true), 0);
      assert.equal(addon.stacks(inside('stacks'), true), 0);
      assert.equal(threads(), before + 1);
      addon.stopStacks();
      // One that has been joined is listed for a moment longer.
      for (const untilMs = Date.now() + 5000; threads() !== before && Date.now() < untilMs; );
      assert.equal(threads(), before);
    }
    addon.stopStacks();
  });

  test('throws a TypeError on wrong arguments', () => {
    const any = addon as unknown as Record<string, (...args: unknown[]) => unknown>;
    const buffer = new ArrayBuffer(SLOT_BYTES);
    const wrong: [string, ...unknown[]][] = [
      ['map'],
      ['map', 1, 2, true],
      ['map', 'x'.repeat(5000), 4096, true],
      ['map', inside('x'), -1, true],
      ['map', inside('x'), Number.NaN, true],
      ['map', inside('x'), 4096, 'yes'],
      ['reserve', inside('x')],
      ['reserve', inside('x'), -1, 1],
      ['open'],
      ['open', {}, 0],
      ['open', new Uint8Array(SLOT_BYTES), 0],
      ['open', buffer, 1],
      ['open', buffer, -8],
      ['open', buffer, Number.NaN],
      ['install'],
      ['install', 1, true],
      ['install', (): void => {}, 1],
      ['install', (): void => {}, true],
      ['stacks'],
      ['stacks', inside('x')],
      ['stacks', 'x'.repeat(5000), false],
      ['wake'],
      ['wake', {}, 0],
      ['wake', buffer, SLOT_BYTES],
      ['wake', buffer, 2],
      ['wake', buffer, -4],
    ];
    for (const [name, ...args] of wrong) {
      assert.throws(
        () => any[name]!(...args),
        TypeError,
        `${name}(${args.map(String).join(', ').slice(0, 40)})`,
      );
    }
  });

  test('refuses to open a thread twice or to install twice', () => {
    const slot = opened();
    assert.throws(() => addon.open(slot.buffer, 0), TypeError);
    addon.install(
      () => {},
      () => {},
      false,
    );
    assert.throws(
      () =>
        addon.install(
          () => {},
          () => {},
          false,
        ),
      TypeError,
    );
  });

  test('may be closed, charged and uninstalled at any time', () => {
    for (let round = 0; round < 3; round++) {
      addon.close();
      addon.charge();
      addon.uninstall();
      const slot = opened();
      addon.uninstall();
      addon.install(
        () => {},
        () => {},
        round % 2 === 0,
      );
      addon.charge();
      addon.uninstall();
      addon.charge();
      assert.ok(native(slot, NATIVE_NOW) > 0);
    }
  });

  test('puts every nanosecond into exactly one sink', async () => {
    const slot = opened();
    const start = native(slot, NATIVE_NOW);
    addon.install(
      () => {},
      () => {},
      false,
    );
    for (let turn = 0; turn < 20; turn++) {
      addon.charge();
      await delay(turn % 3);
    }
    addon.charge();
    const elapsed = native(slot, NATIVE_NOW) - start;
    assert.equal(slot[T_F64_TOTAL + CPU_CLOCK]! + slot[T_F64_CHARGEABLE + CPU_CLOCK]!, elapsed);
    for (const line of [TASK_CLOCK, CPU_CLOCK]) {
      const parts = [T_F64_UNATTRIBUTED, T_F64_LOOP, T_F64_IDLE].map((part) => slot[part + line]!);
      assert.equal(
        parts.reduce((sum, part) => sum + part, 0),
        slot[T_F64_TOTAL + line],
        `line ${line}`,
      );
      assert.ok(parts.every((part) => part >= 0));
    }
    assert.ok(slot[T_F64_BOUNDARIES]! > 0, 'boundaries were seen');
  });

  test('counts the CPU time that the thread used', () => {
    const slot = mapped('', SLOT_BYTES, true);
    if (addon.open(slot, 0) !== 0) return; // estimated: only once per turn of the loop
    const f64 = new Float64Array(slot);
    addon.charge();
    const [cpu, own] = [f64[T_F64_CHARGEABLE + TASK_CLOCK]!, addon.threadCpu()];
    while (addon.threadCpu() - own < 20e6) addon.charge();
    addon.charge();
    const counted = f64[T_F64_CHARGEABLE + TASK_CLOCK]! - cpu;
    const burned = addon.threadCpu() - own;
    assert.ok(Math.abs(counted - burned) < burned * 0.01, `counted ${counted} ns of ${burned} ns`);
  });

  /** Runs a program that has `start()`: the addon opened and installed in the calling environment. */
  const run = (program: string): { status: number | null; signal: string | null; stderr: string } => {
    const prelude = `
      const { Worker, isMainThread } = require('node:worker_threads');
      function start() {
        const addon = require(${JSON.stringify(file)});
        const buffer = addon.map('', ${SLOT_BYTES}, true);
        addon.open(buffer, 0);
        addon.install(() => {}, () => {}, true);
        addon.charge();
        globalThis.keep = buffer;
        return addon;
      }
      const worker = (body) => new Worker(prelude + body, { eval: true });`;
    const source = `const prelude = ${JSON.stringify(`${prelude}\nconst prelude = '';\n`)};${prelude}\n${program}`;
    const child = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8', timeout: 60_000 });
    return { status: child.status, signal: child.signal, stderr: child.stderr };
  };

  const ENDS: [string, string, number][] = [
    ['by running out of work', 'setTimeout(() => {}, 5)', 0],
    ['by process.exit', 'setTimeout(() => process.exit(3), 5)', 3],
    ['by process.exit at once', 'process.exit(4)', 4],
    ['by an uncaught error', 'setTimeout(() => { throw new Error("on purpose"); }, 5)', 1],
  ];

  for (const [how, code, status] of ENDS) {
    test(`lets the process end ${how}`, () => {
      const ended = run(`start();\n${code}`);
      assert.deepEqual([ended.status, ended.signal], [status, null], ended.stderr);
    });

    test(`lets a worker end ${how}`, () => {
      const body = JSON.stringify(`start();\n${code}`);
      const program = `
        start();
        let left = 5;
        for (let i = 0; i < 5; i++) {
          worker(${body}).on('error', () => {}).on('exit', (code) => {
            if (code !== ${status}) process.exitCode = 100 + code;
            if (--left === 0) console.error('all ended');
          });
        }`;
      const ended = run(program);
      assert.deepEqual([ended.status, ended.signal], [0, null], ended.stderr);
      assert.match(ended.stderr, /all ended/);
    });
  }

  test('lets workers be terminated at any moment', () => {
    const body = JSON.stringify(`start();\nsetInterval(() => Promise.resolve().then(() => {}), 0);`);
    const program = `
      start();
      (async () => {
        for (let i = 0; i < 12; i++) {
          const w = worker(${body});
          await new Promise((resolve) => setTimeout(resolve, i * 8));
          await w.terminate();
        }
        console.error('all terminated');
      })();`;
    const ended = run(program);
    assert.deepEqual([ended.status, ended.signal], [0, null], ended.stderr);
    assert.match(ended.stderr, /all terminated/);
  });
});
