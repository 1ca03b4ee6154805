// The addon's build script on machines that cannot build it: one line of notice, success, and nothing lost.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const compiler = ['cc', 'gcc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0);
const NOTICE =
  /^taskperf: native addon not built \(.+\); times will be estimated from JavaScript's clocks\.\n$/;

describe('build-native', { skip: process.platform !== 'linux' && 'the addon needs Linux' }, () => {
  let checkout = '';
  beforeEach(() => {
    // Inside the checkout, so that node-api-headers resolves.
    checkout = mkdtempSync(join(root, 'dist', 'build-native-'));
    for (const folder of ['scripts', 'native', 'src']) mkdirSync(join(checkout, folder));
    cpSync(join(root, 'scripts', 'build-native.mjs'), join(checkout, 'scripts', 'build-native.mjs'));
    source('#include <node_api.h>\nNAPI_MODULE_INIT() { (void)env; return exports; }\n');
  });
  afterEach(() => rmSync(checkout, { recursive: true, force: true }));

  const source = (text: string): void => writeFileSync(join(checkout, 'native', 'addon.c'), text);
  const built = (): boolean => existsSync(join(checkout, 'dist', 'native', 'taskperf.node'));
  const build = (
    env: Record<string, string> = {},
  ): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(process.execPath, [join(checkout, 'scripts', 'build-native.mjs')], {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    });

  test('builds the addon and says nothing', { skip: compiler === undefined && 'no C compiler' }, () => {
    const { status, stdout, stderr } = build();
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
    assert.ok(built());
  });

  test('without a compiler prints one line and succeeds', () => {
    const { status, stdout, stderr } = build({ CC: 'no-such-compiler' });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, NOTICE);
    assert.ok(!built());
  });

  test('without the sources prints one line and succeeds', () => {
    rmSync(join(checkout, 'native'), { recursive: true });
    const { status, stdout } = build();
    assert.equal(status, 0);
    assert.match(stdout, NOTICE);
  });

  test('fails on a warning in our own code', { skip: compiler === undefined && 'no C compiler' }, () => {
    source('static int unused;\nint exported(void) { return 1; }\n');
    const { status, stderr } = build();
    assert.equal(status, 1);
    assert.match(stderr, /unused/);
    assert.ok(!built());
  });

  test('leaves the addon of an installed package alone', () => {
    rmSync(join(checkout, 'src'), { recursive: true });
    mkdirSync(join(checkout, 'dist', 'native'), { recursive: true });
    writeFileSync(join(checkout, 'dist', 'native', 'taskperf.node'), 'shipped');
    const { status, stdout } = build({ CC: 'no-such-compiler' });
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '' });
    assert.ok(built());
  });
});
