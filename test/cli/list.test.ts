/** `taskperf list`: which events match, and what is said of those that this machine does not count. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { EventSupport } from '#cli/event-support.js';
import type { Support } from '#cli/event-support.js';
import { chosen, listOf, listText } from '#cli/list.js';
import type { Machine } from '#cli/doctor/machine.js';
import type { Probe } from '#cli/doctor/probe.js';
import { catalogue } from '#node/events/catalogue.js';
import type { CatalogueEntry } from '#node/events/catalogue.js';

const { EACCES, ENOENT } = constants.errno;
const CATALOGUE = catalogue(() => []);
const PERMITTED = { all: 0, user: 0 };
const PROBE: Probe = {
  noAddon: null,
  preemption: 'rseq',
  frames: true,
  boundariesLack: [],
  v8Lacks: [],
  perfKills: false,
  taskClock: PERMITTED,
  cycles: PERMITTED,
  instructions: PERMITTED,
  registers: 6,
  userRead: false,
  userTime: false,
};
const directory = { path: '/x', refused: null, freeBytes: 1e9, processBytes: 1, workerBytes: 1 };
const MACHINE: Machine = {
  platform: 'linux',
  arch: 'x64',
  node: 'v24.0.0',
  execPath: 'node',
  env: {},
  directory,
  probe: PROBE,
  read: () => undefined,
  list: () => [],
};

/** A kernel that answers every event alike: with the kernel's share (bit 2 of the exclusions unset) and without. */
function kernel(all: number, user: number): ConstructorParameters<typeof EventSupport>[1] {
  return { tryGroup: (specs) => [(specs[4]! & 2n) === 0n ? all : user, 0, 1] };
}

const named = (name: string): CatalogueEntry =>
  CATALOGUE.flatMap(({ entries }) => entries).find((entry) => entry.name === name)!;
const judge = (support: EventSupport, name: string): Support => support.of(named(name).events[0]!);
const names = (...patterns: string[]): string[] =>
  chosen(CATALOGUE, patterns).flatMap(({ entries }) => entries.map(({ name }) => name));

test('a name of a group, as perf or we call it, means all of it', () => {
  assert.deepEqual(names('hw'), names('hardware'));
  assert.ok(names('hw').includes('ref-cycles') && !names('hw').includes('page-faults'));
  assert.deepEqual(names('gc').slice(0, 1), ['gc-time']);
  // And nothing else: both are parts of names of other groups.
  assert.deepEqual(names('sw'), names('software'));
  assert.deepEqual(
    names('cache').filter((name) => name.startsWith('cache-')),
    [],
  );
});

test('else part of a name or alias, with * and ? as in a shell; several add up, each event once', () => {
  assert.deepEqual(names('L1-d*load'), ['L1-dcache-loads', 'L1-dcache-load-misses']);
  assert.deepEqual(names('cpu-cycles'), ['cycles']);
  assert.deepEqual(names('wai?', 'wait'), ['wait']);
  assert.deepEqual(names('minor', 'MAJOR-'), ['gc-minor', 'minor-faults', 'major-faults']);
  assert.throws(() => names('zzz'), /no event of this machine matches 'zzz'/);
  assert.throws(() => names('(+'), /matches '\(\+'/);
});

test('an event that opens is exact; without the kernel it is of user space only', () => {
  assert.deepEqual(judge(new EventSupport(MACHINE, kernel(0, 0)), 'cycles'), {
    kind: 'exact',
    userOnly: false,
    reason: null,
  });
  assert.equal(judge(new EventSupport(MACHINE, kernel(EACCES, 0)), 'cycles').userOnly, true);
});

test('getrusage stands in for what it knows; what happens in the kernel only is not permitted', () => {
  const userOnly = new EventSupport(MACHINE, kernel(EACCES, 0));
  assert.equal(judge(userOnly, 'page-faults').kind, 'exact');
  assert.match(judge(userOnly, 'cpu-migrations').reason!, /happens in the kernel/);
  const nothing = new EventSupport(MACHINE, kernel(EACCES, EACCES));
  assert.equal(judge(nothing, 'context-switches').kind, 'exact');
  assert.match(judge(nothing, 'cycles').reason!, /not permitted/);
});

test('no PMU, no addon, no symbol: each has its reason', () => {
  assert.match(judge(new EventSupport(MACHINE, kernel(ENOENT, ENOENT)), 'LLC-loads').reason!, /no PMU/);
  const withoutAddon = new EventSupport(
    { ...MACHINE, probe: { ...PROBE, noAddon: 'MODULE_NOT_FOUND' } },
    null,
  );
  for (const name of ['cycles', 'cpu-migrations', 'external-bytes'])
    assert.equal(judge(withoutAddon, name).kind, null, name);
  for (const name of ['gc-time', 'task-clock', 'late', 'voluntary-switches', 'page-faults', 'alloc-bytes'])
    assert.equal(judge(withoutAddon, name).kind, 'estimated', name);
  for (const name of ['wall', 'task-switches']) assert.equal(judge(withoutAddon, name).kind, 'exact', name);
  assert.match(judge(withoutAddon, 'page-faults').reason!, /^from the whole process's rusage, shared out/);
  const probe = { ...PROBE, v8Lacks: ['external-bytes'] };
  assert.equal(judge(new EventSupport({ ...MACHINE, probe }, kernel(0, 0)), 'external-bytes').kind, null);
});

test('every event has a line with its aliases, and every reason is said once', () => {
  const document = listOf(CATALOGUE, new EventSupport(MACHINE, kernel(ENOENT, ENOENT)));
  assert.equal(document.schema, 'taskperf.list/1');
  const text = listText(document);
  for (const { name } of CATALOGUE.flatMap(({ entries }) => entries))
    assert.match(text, new RegExp(`^  ${name}[, ]`, 'm'));
  assert.match(text, /^ {2}cycles, cpu-cycles +count +<not supported> +CPU cycles/m);
  assert.equal(text.match(/this machine does not count it/g)!.length, 1);
  assert.match(text, /^<not supported>: cycles, .* and \d+ more; this machine .* no PMU/m);
  assert.match(text, /^<not supported>: cpu-migrations, .*; this kernel does not count it/m);
});
