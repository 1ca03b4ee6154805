/** How counting a process that was attached to ends: with it, with a command, by a parked worker, by the next tool. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { NOBODY, hasNobody } from './nobody.js';
import { attached, counted, directory, freePort, start, taskperf } from './attach-run.js';

after(() => fs.rmSync(directory, { recursive: true, force: true }));

const plain = 'test/fixtures/programs/attach-plain.mjs';
const SLEEP_S = 300;

describe('the end', { concurrency: 2 }, () => {
  test('of the process: the command that said how long is not waited for', async () => {
    const program = await start([plain]);
    const tool = taskperf(['stat', '-p', String(program.pid), '--', 'sleep', String(SLEEP_S)]);
    await counted(program.pid, tool);
    await delay(500);
    await program.kill();
    const { code, stderr } = await tool.ended();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /program has ended/);
  });

  test('with a worker that is parked: it is not waited for, and follows when it is woken', async () => {
    const code = `
      const { Worker } = require('node:worker_threads');
      const word = new Int32Array(new SharedArrayBuffer(4));
      const worker = new Worker(\`
        const { workerData, parentPort } = require('node:worker_threads');
        setInterval(() => {}, 1000);
        parentPort.on('message', () => { parentPort.postMessage(0); Atomics.wait(workerData, 0, 0); });
      \`, { eval: true, workerData: word });
      worker.on('message', () => console.log('parked'));
      process.on('SIGUSR2', () => worker.postMessage(0));
      worker.on('online', () => console.log('ready'));`;
    const program = await start(['-e', code]);
    try {
      const tool = taskperf(['stat', '--json', '-p', String(program.pid)]);
      await counted(program.pid, tool);
      await delay(2000);
      program.child.kill('SIGUSR2');
      while (!program.said().includes('parked')) await delay(20);
      const { code: status, stderr } = await tool.ended('SIGINT');
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stderr, /too busy to let go/);
    } finally {
      await program.kill();
    }
  });

  test('a process without a free descriptor is counted on', async () => {
    const code = `
      const fs = require('node:fs');
      process.on('SIGUSR2', () => {
        const fds = [];
        try { for (;;) fds.push(fs.openSync('/dev/null')); } catch {}
        setTimeout(() => { fds.forEach((fd) => fs.closeSync(fd)); console.log('closed'); }, 2000);
      });
      console.log('ready');
      setInterval(() => {}, 1000);`;
    const node = `'${process.execPath}' --inspect-port=${await freePort()}`;
    const shell = `ulimit -n 256; exec ${node} -e "$0"`;
    const program = await start(['-c', shell, code], { file: 'sh' });
    try {
      const document = await attached(program.pid, async () => {
        program.child.kill('SIGUSR2');
        while (!program.said().includes('closed')) await delay(20);
        assert.ok(fs.existsSync(path.join(directory, String(program.pid))), 'its region');
      });
      assert.doesNotMatch(document.notes.join('\n'), /let go of taskperf by itself/);
    } finally {
      await program.kill();
    }
  });

  test('another tool with another directory is told who counts', async () => {
    const program = await start([plain]);
    const tool = taskperf(['stat', '-p', String(program.pid)]);
    try {
      await counted(program.pid, tool);
      await delay(500);
      const elsewhere = path.join(directory, 'elsewhere');
      const second = await taskperf(
        ['stat', '-p', String(program.pid)],
        ['env', `TASKPERF_DIR=${elsewhere}`],
      ).ended();
      assert.equal(second.code, 129);
      // `env` is the parent; the words after it replace the variable.
      assert.match(
        second.stderr,
        new RegExp(`taskperf ${tool.child.pid} (counts it already|is attached)|by taskperf`),
      );
    } finally {
      await tool.ended('SIGINT');
      await program.kill();
    }
  });

  test('the program’s own listeners bring no warning', async () => {
    const code = `for (let i = 0; i < 10; i++) process.on('exit', () => {}); setInterval(() => {}, 1000); console.log('ready')`;
    const program = await start(['-e', code]);
    try {
      await attached(program.pid, () => delay(100));
      for (const line of program.complained().trim().split('\n'))
        assert.match(line, /^Debugger (listening|attached|ending)|^For help, see: /);
    } finally {
      await program.kill();
    }
  });

  test('root’s environment is not the command’s', {
    skip: !hasNobody && 'needs root and setpriv',
  }, async () => {
    const drop = [...NOBODY.slice(1), process.execPath, '--inspect-port=0', plain];
    const program = await start(drop, { file: NOBODY[0]! });
    try {
      const words = ['stat', '-p', String(program.pid), '--', 'env'];
      const { code, stdout, stderr } = await taskperf(words, ['env', 'SECRET_OF_ROOT=1']).ended();
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^PATH=/m);
      assert.doesNotMatch(stdout, /SECRET_OF_ROOT|TASKPERF_DIR/);
    } finally {
      await program.kill();
    }
  });
});
