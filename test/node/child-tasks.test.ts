/** What is given to the system when a task starts a process, and that nothing stays behind. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseOwner } from '#core/owner.js';
import { currentThread } from '#node/attach.js';
import { ChildTasks } from '#node/child-tasks.js';

const SESSION = 4711;
const thread = currentThread();
thread.count();
after(() => thread.uncount());

interface Binding {
  Process: { prototype: object };
}
const bindingOf = (name: string): Binding =>
  (process as unknown as { binding: (name: string) => Binding }).binding(name);
const natives = [bindingOf('process_wrap').Process.prototype, bindingOf('spawn_sync')];
const descriptors = (): unknown[] =>
  natives.map((native) => Object.getOwnPropertyDescriptor(native, 'spawn'));

const bootstrap = fileURLToPath(new URL('../../node/bootstrap.cjs', import.meta.url));
const counted = {
  PATH: process.env['PATH'],
  TASKPERF_SESSION: String(SESSION),
  NODE_OPTIONS: `--require ${bootstrap}`,
};
const ownerOf = (text: string): string | undefined => /^TASKPERF_OWNER=(.*)$/m.exec(text)?.[1];

function withOwners(body: () => void): void {
  const children = new ChildTasks(thread, SESSION);
  children.install();
  try {
    const task = thread.fork(thread.root, thread.names.intern('job ü:1'))!;
    thread.run(task, body, undefined, []);
    thread.exit(task);
  } finally {
    children.uninstall();
  }
}

test('the environment of a process has the task that runs', async () => {
  let later: Promise<string> | undefined;
  withOwners(() => {
    const owner = parseOwner(ownerOf(execFileSync('env', { env: counted, encoding: 'utf8' })));
    assert.equal(owner!.pid, process.pid);
    assert.equal(owner!.name, 'job ü:1');
    const child = spawn('env', { env: counted });
    let text = '';
    child.stdout.on('data', (chunk) => (text += String(chunk)));
    later = once(child, 'close').then(() => text);
  });
  assert.equal(parseOwner(ownerOf(await later!))!.name, 'job ü:1');
});

test('none where the process would not be counted, or of another session', () => {
  withOwners(() => {
    for (const env of [
      {},
      { ...counted, TASKPERF_SESSION: '1' },
      { ...counted, NODE_OPTIONS: '--no-warnings' },
    ]) {
      const { stdout } = spawnSync('/usr/bin/env', { env, encoding: 'utf8' });
      assert.equal(ownerOf(stdout), undefined);
    }
  });
});

test('a task that has ended is an owner without a number', () => {
  const children = new ChildTasks(thread, SESSION);
  children.install();
  const task = thread.fork(thread.root, thread.names.intern('over'))!;
  thread.exit(task);
  let text = '';
  thread.run(task, () => (text = execFileSync('env', { env: counted, encoding: 'utf8' })), undefined, []);
  children.uninstall();
  assert.deepEqual(parseOwner(ownerOf(text)), { pid: process.pid, task: -1, name: 'over' });
});

test('nobody runs, and nobody started this process: no owner', () => {
  const children = new ChildTasks(thread, SESSION);
  children.install();
  const text = execFileSync('env', { env: counted, encoding: 'utf8' });
  children.uninstall();
  assert.equal(ownerOf(text), undefined);
});

test('errors are as without us, and everything is put back', () => {
  const before = descriptors();
  const failure = (): unknown => {
    const { error } = spawnSync('/no/such/program', ['x']);
    return { ...error, message: error!.message };
  };
  const plain = failure();
  withOwners(() => {
    assert.deepEqual(failure(), plain);
    assert.throws(
      () => spawnSync('env', { env: counted, uid: 'x' as unknown as number }),
      /ERR_INVALID_ARG_TYPE/,
    );
    assert.throws(() => spawn('env', { env: { ...counted, X: 'a\0b' } }), /ERR_INVALID_ARG_VALUE/);
    for (const native of natives) {
      const { spawn: replaced } = native as { spawn: () => unknown };
      assert.equal(replaced.name, 'spawn');
    }
  });
  assert.deepEqual(descriptors(), before);
});
