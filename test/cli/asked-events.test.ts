/** What is asked for on a machine with two kinds of core, where each event of the processor becomes two. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { askedEvents } from '#cli/asked-events.js';
import type { EventInfo } from '#core/events.js';
import { readPmus } from '#node/events/pmus.js';
import { HYBRID, writeTree } from '../node/events-tree.js';

const directory = fs.mkdtempSync(path.join(tmpdir(), 'taskperf-asked-'));
after(() => fs.rmSync(directory, { recursive: true }));
writeTree(directory, HYBRID);
const pmus = readPmus(directory);
const names = (events: Iterable<EventInfo>): string[] => [...events].map(({ name }) => name).sort();
const CYCLES = ['cpu_atom/cycles/', 'cpu_core/cycles/'];
const INSTRUCTIONS = ['cpu_atom/instructions/', 'cpu_core/instructions/'];

test('what is counted by default where it can be is optional on each kind of core', () => {
  const { optional } = askedEvents({ lists: undefined, detail: 0, metricGroups: [] }, () => pmus);
  assert.deepEqual(names(optional), [...CYCLES, ...INSTRUCTIONS].sort());
});

test('what is counted for metrics has no column on any kind of core, unless it was named', () => {
  const { hidden, optional } = askedEvents(
    { lists: ['cycles'], detail: 0, metricGroups: ['cpu'] },
    () => pmus,
  );
  assert.ok(INSTRUCTIONS.every((name) => names(hidden).includes(name)));
  assert.ok(CYCLES.every((name) => !names(hidden).includes(name)));
  assert.deepEqual(names(optional), []);
});

test('too many events: the sentence says that each kind of core counts separately', () => {
  const wanted = { lists: undefined, detail: 3, metricGroups: ['cpu', 'cache'] } as const;
  assert.throws(() => askedEvents(wanted, () => pmus), /\(each kind of core counts separately\)/);
  assert.doesNotThrow(() => askedEvents(wanted, () => []));
});
