/** Processes that come and go, become others, are left behind, or are started by managers: each is there once. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertSums, processNamed } from './process-sums.js';
import type { Process } from './process-sums.js';
import { stat } from './run-stat.js';
import type { Document } from './run-stat.js';

describe('processes that come and go', () => {
  const families = 'test/fixtures/programs/families.mjs';
  const isChild = (one: Process): boolean => one.name.startsWith('child.mjs');

  async function family(name: string): Promise<{ document: Document; stdout: string }> {
    const result = await stat([families, name], { args: ['--by', 'process'] });
    assert.equal(result.code, 0, result.stderr);
    assertSums(result.document);
    return result;
  }

  test('many short-lived ones are as many', async () => {
    const { document, stdout } = await family('many');
    const children = document.processes.filter(isChild);
    assert.equal(children.length, 20);
    const burned = [...stdout.matchAll(/burned (\d+)/g)].map((match) => Number(match[1]));
    assert.equal(burned.length, 20);
    const used = children.reduce((sum, one) => sum + one.counters['task-clock']!.value, 0);
    assert.ok(used > burned.reduce((sum, ns) => sum + ns, 0));
    assert.equal(document.lost.tasks, 0);
  });

  test('one that becomes another program is one', async () => {
    const { document } = await family('exec');
    assert.equal(document.processes.filter(({ name }) => name === 'sh').length, 0);
    assert.equal(document.processes.filter(isChild).length, 1);
  });

  test('one that outlives the command has what it used until then', async () => {
    const { document, stdout } = await family('detached');
    const pid = Number(/left (\d+)/.exec(stdout)![1]);
    process.kill(pid, 'SIGKILL');
    const left = document.processes.find((one) => one.pid === pid)!;
    assert.equal(left.name, 'child.mjs 30000');
    assert.equal(left.exited, false);
    assert.ok(left.counters['task-clock']!.value > 20e6);
  });

  test('a cluster of another script', async () => {
    const { document } = await family('setup');
    assert.equal(processNamed(document, 'child.mjs worker 1').node, process.version);
  });

  test('a manager that adds to NODE_OPTIONS and has a title', async () => {
    const { document } = await family('manager');
    assert.equal(processNamed(document, 'manager').pid, document.pid);
    assert.equal(processNamed(document, 'child.mjs 20').node, process.version);
  });
});
