/** What `top` sees of names whose books are on several threads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegionReader } from '#cli/reader.js';
import { memorySource } from '#cli/source.js';
import { takeSnapshot } from '#cli/top/snapshot.js';
import type { NameBooks, Snapshot } from '#cli/top/snapshot.js';
import { TASK_CLOCK, internName } from '#core/index.js';
import type { Region } from '#core/index.js';
import { addCpu, makeWorld, run } from '../../core/world.ts';

const MS = 1e6;

function snapshotOf(region: Region, isFinal: boolean): Snapshot {
  const bytes = new Uint8Array(region.buffer).slice();
  const reader = RegionReader.over('a region', memorySource(bytes));
  reader.isFinal = isFinal;
  const snapshot = takeSnapshot(reader, 0, undefined);
  assert.deepEqual(reader.damage.notes(), []);
  return snapshot;
}

function booksOf(region: Region, name: string, isFinal: boolean): NameBooks {
  const books = snapshotOf(region, isFinal).names.get(name);
  assert.ok(books !== undefined);
  return books;
}

/** A request of 1 ms asks a worker for a job of 10 ms. */
for (const first of ['the request', 'the job'] as const)
  test(`what a job costs is its request’s name’s once, whatever ends first: ${first}`, () => {
    const main = makeWorld();
    const { region } = main;
    const worker = { region, ...addCpu(region, 1) };
    for (const { cpu } of [main, worker])
      cpu.openCounter({ event: TASK_CLOCK, task: cpu.root, inherit: true, inheritStat: true });
    const request = main.cpu.fork(main.cpu.root, internName(region, 'GET /report'));
    run(main, request, MS);
    const job = worker.cpu.forkJob(request, main.cpu.generationOf(request));
    run(worker, job, 10 * MS);
    if (first === 'the request') main.cpu.exit(request);
    worker.cpu.exit(job);
    worker.cpu.fold();
    main.cpu.fold();
    if (first === 'the job') main.cpu.exit(request);
    main.cpu.fold();
    for (const isFinal of [false, true]) {
      const { starts, exits, exited, values } = booksOf(region, 'GET /report', isFinal);
      // Of a request that has ended it is late work, in no row (docs/threads.md).
      const cost = first === 'the request' ? MS : 11 * MS;
      assert.deepEqual([starts, exits, exited[TASK_CLOCK], values[TASK_CLOCK]], [1, 1, cost, cost]);
    }
  });
