// What the tool asks of the addon: counters on threads of other processes, and the kernel's accounts of processes.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { describe, test } from 'node:test';
import type { PerfSpec } from '#node/events/event.js';
import { loadAddon } from '#node/addon.js';

const { EACCES, EBADF, ENOENT, ESRCH } = os.constants.errno;
const loaded = loadAddon();
const absent = loaded === null && process.env['TASKPERF_ADDON'] === undefined;

/** PERF_TYPE_SOFTWARE, in user space: task-clock is 1, page-faults 2. */
const software = (config: bigint): PerfSpec => {
  return { type: 1, config, config1: 0n, config2: 0n, excludeUser: false, excludeKernel: true };
};
const isRefused = loaded !== null && loaded.perfOpen(0, software(1n), false, false) === -EACCES;

describe('counters on other processes', { skip: absent && 'there is no addon here' }, () => {
  const addon = loaded!;
  const words = new Float64Array(3);

  test('count a thread, and keep the value when it has gone', {
    skip: isRefused && 'perf_event_open is refused here',
  }, async () => {
    const child = spawn(process.execPath, ['-e', "process.stdin.on('data', () => process.exit())"]);
    const fd = addon.perfOpen(child.pid!, software(1n), false, false);
    assert.ok(fd > 2, String(fd));
    child.stdin.write('x');
    await once(child, 'exit');
    assert.equal(addon.perfRead(fd, words), 0);
    const [value, enabled, running] = words;
    assert.ok(value! > 1e6, `${value} ns`);
    assert.equal(enabled, running);
    addon.perfClose(fd);
    assert.equal(addon.perfRead(fd, words), EBADF);
  });

  test('failures of the system are numbers', { skip: isRefused && 'perf_event_open is refused here' }, () => {
    assert.equal(addon.perfOpen(4_194_303, software(1n), false, false), -ESRCH);
    assert.equal(addon.perfOpen(0, { ...software(1n), type: 0xffff }, false, false), -ENOENT);
    assert.equal(addon.processCpu(4_194_303), -3);
  });

  test('the accounts of this process and of its children', () => {
    const own = addon.processCpu(process.pid);
    const { user, system } = process.cpuUsage();
    assert.ok(Math.abs(own - (user + system) * 1000) < 5e6, `${own} for ${(user + system) * 1000}`);
    const before = new Float64Array(5);
    const after = new Float64Array(5);
    addon.childrenUsage(before);
    spawnSync(process.execPath, ['-e', 'const end = Date.now() + 60; while (Date.now() < end);']);
    addon.childrenUsage(after);
    const [cpuNs, minorFaults, , voluntary] = after.map((value, word) => value - before[word]!);
    assert.ok(cpuNs! > 30e6 && minorFaults! > 500 && voluntary! > 0, String(after));
  });

  test('wrong arguments are a TypeError', () => {
    const any = addon as unknown as Record<string, (...args: unknown[]) => unknown>;
    const wrong: [string, ...unknown[]][] = [
      ['perfOpen'],
      ['perfOpen', -1, software(1n), false, false],
      ['perfOpen', 0, { ...software(1n), config: 1 }, false, false],
      ['perfOpen', 0, { ...software(1n), excludeUser: 0 }, false, false],
      ['perfOpen', 0, software(1n), 1, false],
      ['perfRead', 0],
      ['perfRead', 0, new Float64Array(2)],
      ['perfRead', 0, new Float32Array(3)],
      ['perfClose', '0'],
      ['childrenUsage'],
      ['childrenUsage', new Float64Array(4)],
      ['processCpu', 0],
    ];
    for (const [name, ...args] of wrong) assert.throws(() => any[name]!(...args), TypeError, name);
  });
});
