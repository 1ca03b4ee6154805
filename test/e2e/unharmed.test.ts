/** The measured program is exactly what it is without us: output, context, errors, exit status, also when it dies. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import http from 'node:http';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertBalanced, root, rowOf, stat } from './run-stat.js';

interface Plain {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

function plain(program: string[]): Promise<Plain> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, program, { cwd: root }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
    });
  });
}

test('a program sees the same of itself, its AsyncLocalStorage included', async () => {
  const program = ['test/fixtures/programs/witness.mjs'];
  const without = await plain(program);
  const { stdout, stderr, code, document } = await stat(program);
  assert.equal(stdout, without.stdout);
  assert.equal(stderr, without.stderr);
  assert.equal(code, 7);
  assert.equal(document.exit.code, 7);
  assertBalanced(document);
  assert.equal(rowOf(document, 'POST /').count, 3);
});

/** One request that is expected to fail when the program dies of it. */
function get(port: number, path: string): Promise<string> {
  return new Promise((resolve) => {
    http
      .get({ port, path, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(text));
      })
      .on('error', (error) => resolve(error.message));
  });
}

const program = (how: string): string[] => ['test/fixtures/programs/endings.mjs', how];
const workThenEnd = async (port: number): Promise<void> => {
  for (let i = 0; i < 3; i++) assert.equal(await get(port, '/work'), 'ok');
  // Without the addon a killed program's books are as of their last copy, at most 100 ms old.
  if (process.env['TASKPERF_NO_ADDON'] === '1') await delay(300);
  await get(port, '/end');
};
const nothing = (): void => {};

const endings: {
  how: string;
  code: number;
  exit: { code: number | null; signal: string | null };
  says?: RegExp;
}[] = [
  {
    how: 'crash',
    code: 1,
    exit: { code: 1, signal: null },
    says: /Error: a bug of the program\n {4}at crash/,
  },
  { how: 'exit', code: 3, exit: { code: 3, signal: null } },
  { how: 'reject', code: 1, exit: { code: 1, signal: null }, says: /nobody handles this/ },
  { how: 'kill', code: 137, exit: { code: null, signal: 'SIGKILL' } },
  { how: 'abort', code: 134, exit: { code: null, signal: 'SIGABRT' } },
];

for (const ending of endings) {
  test(`a program that ends by ${ending.how} still gets its table`, async () => {
    const { document, code, stderr } = await stat(program(ending.how), { load: workThenEnd, end: nothing });
    assert.equal(code, ending.code);
    assert.deepEqual(document.exit, ending.exit);
    if (ending.says !== undefined) {
      assert.match(stderr, ending.says);
      assert.doesNotMatch(stderr, /taskperf/, 'no frame of ours in the stack');
    }
    assertBalanced(document);
    assert.equal(rowOf(document, 'GET /work').count, 3);
    assert.ok(rowOf(document, 'GET /work').counters['task-clock']!.value > 15e6, 'three times 10 ms');
  });
}

test('SIGINT goes to the program first, which ends as it likes', async () => {
  const { document, code, stdout } = await stat(program('handled'), {
    load: async (port) => assert.equal(await get(port, '/work'), 'ok'),
    end: (child) => child.kill('SIGINT'),
  });
  assert.match(stdout, /bye/);
  assert.equal(code, 0);
  assert.equal(rowOf(document, 'GET /work').count, 1);
});

test('a program that never ends after SIGINT is ended by the second', async () => {
  const { document, code, stdout } = await stat(program('stubborn'), {
    load: async (port) => assert.equal(await get(port, '/work'), 'ok'),
    end: (child) => {
      child.kill('SIGINT');
      child.stdout!.on('data', (chunk: string) => {
        // Not at once: two signals within 50 ms are one, as a terminal and a wrapper both deliver Ctrl-C.
        if (chunk.includes('not yet')) setTimeout(() => child.kill('SIGINT'), 200);
      });
    },
  });
  assert.match(stdout, /not yet/);
  assert.equal(code, 137);
  assert.equal(document.exit.signal, 'SIGKILL');
  assert.equal(rowOf(document, 'GET /work').count, 1);
  assertBalanced(document);
});
