// Names of events: what each resolves to, on machines of several kinds, and the sentence that each mistake gets.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { EVENTS, TaskperfError } from '#core/index.js';
import { CACHE_EVENTS } from '#node/events/cache.js';
import { catalogue, detailEvents } from '#node/events/catalogue.js';
import type { PerfSource, ResolvedEvent } from '#node/events/event.js';
import { KNOWN_EVENTS } from '#node/events/known.js';
import { parseEvents } from '#node/events/parse.js';
import { readPmus } from '#node/events/pmus.js';
import { AMD, ARM, HYBRID, INTEL, SOFTWARE, writeTree } from './events-tree.js';
import type { Tree } from './events-tree.js';

const directory = mkdtempSync(path.join(os.tmpdir(), 'taskperf-events-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let trees = 0;
function machine(tree: Tree): typeof parseEvents {
  const folder = path.join(directory, `${trees++}`);
  writeTree(folder, tree);
  const pmus = readPmus(folder);
  return (list) => parseEvents(list, () => pmus);
}

const bare = machine(SOFTWARE);
const intel = machine(INTEL);
const amd = machine(AMD);
const hybrid = machine(HYBRID);
const arm = machine(ARM);

const names = (groups: readonly (readonly ResolvedEvent[])[]): string[][] =>
  groups.map((group) => group.map(({ name }) => name));

function only(parse: typeof parseEvents, text: string): ResolvedEvent {
  const events = parse(text).flat();
  assert.equal(events.length, 1, `${text} is one event`);
  return events[0]!;
}

function perf(parse: typeof parseEvents, text: string): PerfSource {
  const { source } = only(parse, text);
  assert.ok(source.kind === 'perf', `${text} is counted by the kernel`);
  return source;
}

/** `type:config`, config1 and config2 where they are not 0, and what is left out. */
function encoding({ spec }: PerfSource): string {
  const words = [spec.config, spec.config1, spec.config2].map((word) => `0x${word.toString(16)}`);
  while (words.length > 1 && words.at(-1) === '0x0') words.pop();
  const left = `${spec.excludeUser ? ' -user' : ''}${spec.excludeKernel ? ' -kernel' : ''}`;
  return `${spec.type}:${words.join(',')}${left}`;
}

describe('names', () => {
  // linux/perf_event.h
  const hardware = [
    ['cycles', 'cpu-cycles'],
    ['instructions'],
    ['cache-references'],
    ['cache-misses'],
    ['branches', 'branch-instructions'],
    ['branch-misses'],
    ['bus-cycles'],
    ['stalled-cycles-frontend', 'idle-cycles-frontend'],
    ['stalled-cycles-backend', 'idle-cycles-backend'],
    ['ref-cycles'],
  ];
  for (const [config, all] of hardware.entries()) {
    test(`${all.join(' and ')}: hardware event ${config}`, () => {
      for (const name of all) {
        assert.equal(encoding(perf(bare, name)), `0:0x${config}`);
        assert.equal(only(bare, name).name, all[0]);
      }
    });
  }

  for (const [name, config, shown, instead, kernelOnly] of [
    ['page-faults', 2, 'page-faults', 'page-faults', false],
    ['faults', 2, 'page-faults', 'page-faults', false],
    ['context-switches', 3, 'context-switches', 'context-switches', true],
    ['cs', 3, 'context-switches', 'context-switches', true],
    ['cpu-migrations', 4, 'cpu-migrations', null, true],
    ['migrations', 4, 'cpu-migrations', null, true],
    ['minor-faults', 5, 'minor-faults', 'minor-faults', false],
    ['major-faults', 6, 'major-faults', 'major-faults', false],
    ['alignment-faults', 7, 'alignment-faults', null, false],
    ['emulation-faults', 8, 'emulation-faults', null, false],
    ['cgroup-switches', 11, 'cgroup-switches', null, true],
  ] as const) {
    test(`${name}: software event ${config}, by getrusage ${instead ?? 'never'}`, () => {
      const source = perf(bare, name);
      assert.equal(encoding(source), `1:0x${config.toString(16)}`);
      assert.deepEqual(
        [only(bare, name).name, source.instead, source.kernelOnly],
        [shown, instead, kernelOnly],
      );
    });
  }

  test("taskperf's own are lines of the core, or counts of V8 and getrusage", () => {
    const own = ['task-clock', 'cpu-clock', 'wall', 'task-switches', 'wait', 'forks', 'late'];
    for (const name of own) {
      const { source, unit, additive } = only(bare, name);
      assert.ok(source.kind === 'fixed');
      const event = EVENTS[source.line]!;
      assert.deepEqual([event.name, event.unit, event.additive], [name, unit, additive]);
    }
    for (const count of ['gc-time', 'gc-count', 'gc-minor', 'gc-major', 'alloc-bytes', 'external-bytes'])
      assert.deepEqual(only(bare, count).source, { kind: 'v8', count });
    for (const field of ['voluntary-switches', 'involuntary-switches'])
      assert.deepEqual(only(bare, field).source, { kind: 'rusage', field });
    assert.deepEqual(
      ['gc-time', 'gc-count', 'alloc-bytes'].map((name) => only(bare, name).unit),
      ['ns', 'count', 'bytes'],
    );
  });

  test('raw events are hexadecimal', () => {
    assert.equal(encoding(perf(bare, 'r1a2')), '4:0x1a2');
    assert.equal(encoding(perf(bare, 'r0x1A2:u')), '4:0x1a2 -kernel');
    assert.equal(encoding(perf(bare, 'rffffffffffffffff')), '4:0xffffffffffffffff');
  });

  test('modifiers leave out user space or the kernel, and are part of the name', () => {
    assert.equal(encoding(perf(bare, 'cycles:u')), '0:0x0 -kernel');
    assert.equal(encoding(perf(bare, 'cycles:k')), '0:0x0 -user');
    assert.equal(encoding(perf(bare, 'cpu-cycles:ku')), '0:0x0');
    assert.deepEqual(
      ['cpu-cycles:u', 'cycles:k', 'cycles:ku'].map((text) => only(bare, text).name),
      ['cycles:u', 'cycles:k', 'cycles:uk'],
    );
  });

  test('getrusage stands in only where nothing is left out', () => {
    assert.deepEqual(
      ['page-faults', 'page-faults:uk', 'page-faults:u', 'context-switches:k'].map(
        (text) => perf(bare, text).instead,
      ),
      ['page-faults', 'page-faults', null, null],
    );
  });
});

describe('cache events', () => {
  // From perf's documentation: cache | operation << 8 | result << 16, and which combinations it offers.
  const caches = [
    ['L1-dcache', 'load store prefetch'],
    ['L1-icache', 'load prefetch'],
    ['LLC', 'load store prefetch'],
    ['dTLB', 'load store prefetch'],
    ['iTLB', 'load'],
    ['branch', 'load'],
    ['node', 'load store prefetch'],
  ] as const;
  const operations = ['load', 'store', 'prefetch'];
  const expected = caches.flatMap(([cache, offered], c) =>
    offered.split(' ').flatMap((operation) => {
      const low = c | (operations.indexOf(operation) << 8);
      const plural = operation === 'prefetch' ? 'prefetches' : `${operation}s`;
      return [
        [`${cache}-${plural}`, `3:0x${low.toString(16)}`],
        [`${cache}-${operation}-misses`, `3:0x${(low | 0x10000).toString(16)}`],
      ] as const;
    }),
  );

  test('each has the encoding of perf', () => {
    for (const [name, code] of expected)
      assert.equal(`${name} ${encoding(perf(bare, name))}`, `${name} ${code}`);
  });

  test('there are no others', () => {
    assert.deepEqual(
      CACHE_EVENTS.map(({ name }) => name),
      expected.map(([name]) => name),
    );
    for (const name of ['iTLB-stores', 'L1-icache-stores', 'branch-stores', 'LLC-loads-loads', 'LLC-'])
      assert.throws(() => bare(name), { code: 'ENOENT' });
  });

  test('have the aliases of perf', () => {
    for (const [alias, name] of [
      ['l1d-read-miss', 'L1-dcache-load-misses'],
      ['L1-data-write', 'L1-dcache-stores'],
      ['L1-dcache-load-refs', 'L1-dcache-loads'],
      ['LLC-misses', 'LLC-load-misses'],
      ['LLC', 'LLC-loads'],
      ['d-tlb-speculative-load-miss', 'dTLB-prefetch-misses'],
      ['btb-load-misses', 'branch-load-misses'],
    ])
      assert.equal(only(bare, alias!).name, name);
  });
});

describe('groups', () => {
  test('are in braces; an event outside of them is one by itself', () => {
    assert.deepEqual(names(bare(' cycles , {instructions, branches:u} ,wall')), [
      ['cycles'],
      ['instructions', 'branches:u'],
      ['wall'],
    ]);
  });

  test('their modifiers are for all of their events, beside those they have', () => {
    assert.deepEqual(names(bare('{cycles:u,instructions}:k')), [['cycles:uk', 'instructions:k']]);
    assert.deepEqual(names(intel('{cpu/event=0x3c/,cycles}:u')), [['cpu/event=0x3c/u', 'cycles:u']]);
  });

  test('an event that is asked for twice is counted once, in its group', () => {
    assert.deepEqual(names(bare('cycles,cpu-cycles,{cycles,instructions,cycles},instructions,cs,cs')), [
      ['cycles', 'instructions'],
      ['context-switches'],
    ]);
    assert.deepEqual(names(bare('cycles,cycles:u')), [['cycles'], ['cycles:u']]);
  });
});

describe("a PMU's own events", () => {
  test('terms fill the bits of the format', () => {
    assert.equal(encoding(perf(intel, 'cpu/event=0x3c,umask=0x1/')), '4:0x13c');
    assert.equal(encoding(perf(intel, 'cpu/event=0xd1,umask=8,cmask=1,inv,edge/u')), '4:0x18408d1 -kernel');
    assert.equal(
      encoding(perf(intel, 'cpu/event=0xb7,umask=1,offcore_rsp=0x3fbfc00001/')),
      '4:0x1b7,0x3fbfc00001',
    );
    assert.equal(encoding(perf(intel, 'cpu/config=0x1b7,config1=0xff,config2=7/')), '4:0x1b7,0xff,0x7');
    assert.equal(encoding(perf(arm, 'armv8_pmuv3_0/event=0x8,long,rdpmc/')), '8:0x8,0x3');
  });

  test('a field may be in pieces', () => {
    assert.equal(encoding(perf(amd, 'cpu/event=0x187/')), '4:0x100000087');
    assert.equal(encoding(perf(amd, 'cpu/stalled-cycles-frontend/')), '4:0x100000087');
    assert.equal(encoding(perf(amd, 'cpu/event=0xfff,umask=0xff/')), '4:0xf0000ffff');
  });

  test('named events are those of the kernel, and a term behind one overrides it', () => {
    assert.equal(encoding(perf(intel, 'cpu/cache-misses/')), '4:0x412e');
    assert.equal(encoding(perf(intel, 'cpu/cache-misses,umask=0x4f/')), '4:0x4f2e');
    assert.equal(encoding(perf(intel, 'cpu/mem-loads/')), '4:0x1cd,0x3');
    assert.equal(encoding(perf(intel, 'msr/aperf/')), '9:0x1');
    assert.equal(encoding(perf(intel, 'cpu/r1a2/')), '4:0x1a2');
    assert.equal(encoding(perf(intel, 'cpu/L1-dcache-load-misses/')), '3:0x10000');
  });

  test('those of the processor may be named without it; generic names come first', () => {
    assert.deepEqual(
      [only(intel, 'topdown-slots').name, encoding(perf(intel, 'topdown-slots'))],
      ['topdown-slots', '4:0x400'],
    );
    assert.equal(encoding(perf(arm, 'l1d_cache_refill:k')), '8:0x3 -user');
    assert.equal(encoding(perf(intel, 'cache-misses')), '0:0x3');
    assert.throws(() => intel('aperf'), { code: 'ENOENT' });
  });

  test('are shown as written, or by the name they are given', () => {
    assert.deepEqual(
      ['cpu/event=0x3c, umask=0x1/u', 'cpu/event=0x3c,name=halts/', 'cpu/event=0x3c,name=halts/:k'].map(
        (text) => only(intel, text).name,
      ),
      ['cpu/event=0x3c,umask=0x1/u', 'halts', 'halts:k'],
    );
  });
});

describe('a machine with two kinds of core', () => {
  test('counts an event of the processor once per kind', () => {
    const events = hybrid('cycles:u,LLC-loads,r1a2').flat();
    assert.deepEqual(
      events.map(({ name, source }) => [name, source.kind === 'perf' && encoding(source)]),
      [
        ['cpu_atom/cycles/u', '0:0xa00000000 -kernel'],
        ['cpu_core/cycles/u', '0:0x400000000 -kernel'],
        ['cpu_atom/LLC-loads/', '3:0xa00000002'],
        ['cpu_core/LLC-loads/', '3:0x400000002'],
        ['cpu_atom/r1a2/', '10:0x1a2'],
        ['cpu_core/r1a2/', '4:0x1a2'],
      ],
    );
    assert.deepEqual(
      events.map(({ source }) => source.kind === 'perf' && source.coreType),
      ['cpu_atom', 'cpu_core', 'cpu_atom', 'cpu_core', 'cpu_atom', 'cpu_core'],
    );
  });

  test('makes one group per kind', () => {
    assert.deepEqual(names(hybrid('{cycles,page-faults,instructions}')), [
      ['cpu_atom/cycles/', 'page-faults', 'cpu_atom/instructions/'],
      ['cpu_core/cycles/', 'cpu_core/instructions/'],
    ]);
  });

  test('can be asked for one kind', () => {
    assert.equal(encoding(perf(hybrid, 'cpu_core/cycles/')), '0:0x400000000');
    assert.equal(perf(hybrid, 'cpu_core/cycles/').coreType, 'cpu_core');
    assert.deepEqual(names(hybrid('slots,cpu_atom/cache-misses/')), [
      ['cpu_core/slots/'],
      ['cpu_atom/cache-misses/'],
    ]);
    assert.equal(perf(intel, 'cycles').coreType, null);
    assert.equal(perf(hybrid, 'page-faults').coreType, null);
  });
});

describe('a mistake is one sentence', () => {
  const long = `cpu/event=1,name=${'é'.repeat(41)}/`;
  for (const [text, code, said] of [
    ['cylces', 'ENOENT', /^unknown event 'cylces'; did you mean 'cycles'\?/],
    ['instuctions:u', 'ENOENT', /^unknown event 'instuctions:u'; did you mean 'instructions'\?/],
    ['topdown-slot', 'ENOENT', /did you mean 'topdown-slots'\?/],
    ['L1-dcache-load-mises', 'ENOENT', /did you mean 'L1-dcache-load-misses'/],
    ['sched:sched_switch', 'ENOENT', /tracepoints are not counted/],
    ['cpus/event=1/', 'ENOENT', /^unknown PMU 'cpus'; did you mean 'cpu'\? there are cpu, msr, power$/],
    [
      'cpu/evnt=1/',
      'EINVAL',
      /^unknown term 'evnt=1' of the PMU 'cpu'; did you mean 'event'\? its fields are cmask/,
    ],
    ['cpu/cache-mises/', 'EINVAL', /did you mean 'cache-misses'\?/],
    ['cpu/page-faults/', 'EINVAL', /unknown term 'page-faults'/],
    ['cpu/event=0x100/', 'EINVAL', /^the value of 'event=0x100' does not fit; it may be at most 0xff$/],
    ['cpu/event=abc/', 'EINVAL', /^the value of 'event=abc' is not a number/],
    ['cpu/config=0x10000000000000000/', 'EINVAL', /is not a number of 64 bits/],
    ['cpu/config/', 'EINVAL', /is not a number of 64 bits/],
    ['cpu/event=1,/', 'EINVAL', /unknown term ''/],
    ['cpu//', 'EINVAL', /unknown term ''/],
    ['cpu/event=1,name=/', 'EINVAL', /'name=' is not a name/],
    ['cpu/event=1,name=a b/', 'EINVAL', /'name=a b' is not a name/],
    ['cpu/event=1', 'EINVAL', /^the event 'cpu\/event=1' has no end; write '\/'/],
    ['power/energy-pkg/', 'EINVAL', /^the PMU 'power' counts what a whole chip does/],
    ['cycles:p', 'EINVAL', /^modifier 'p' of 'cycles:p' is not supported; ':u' counts in user space/],
    ['{cycles,wall}:h', 'EINVAL', /^modifier 'h' of 'cycles'/],
    ['wall:u', 'EINVAL', /^'wall' cannot be split/],
    ['gc-time:k', 'EINVAL', /^'gc-time' cannot be split/],
    ['cs:u', 'EINVAL', /^'context-switches' happens in the kernel only/],
    ['migrations:u', 'EINVAL', /^'cpu-migrations' happens in the kernel only/],
    ['', 'EINVAL', /^an event is missing; write names as in/],
    [' ', 'EINVAL', /^an event is missing; write names as in/],
    ['cycles,', 'EINVAL', /^an event is missing at the end of 'cycles,'/],
    ['cycles,,wall', 'EINVAL', /^an event is missing before ',' of 'cycles,,wall'/],
    ['{}', 'EINVAL', /^an event is missing before '}'/],
    ['{cycles', 'EINVAL', /^the group '{cycles' has no end; write '}'/],
    ['{cycles,{wall}}', 'EINVAL', /^'{wall}}' is not understood in .*; a group cannot hold another$/],
    ['cycles}', 'EINVAL', /^'}' is not understood in 'cycles}'/],
    ['cycles wall', 'EINVAL', /^'wall' is not understood in 'cycles wall'; a comma goes between events$/],
    [':u', 'EINVAL', /^':u' is not understood in ':u'; a name goes before it$/],
    ['{cycles,wall},{cycles,branches}', 'EINVAL', /^'cycles' is in two groups/],
    ['cpu/event=1,name=a/,cpu/event=2,name=a/', 'EINVAL', /^two different events are named 'a'/],
    [long, 'EINVAL', /is longer than 80 bytes; give it a short one with name=$/],
  ] as const) {
    test(text === '' ? '(nothing)' : text, () => {
      assert.throws(
        () => intel(text),
        (error) => {
          assert.ok(error instanceof TaskperfError);
          assert.equal(error.code, code);
          assert.match(error.message, said);
          return !error.message.includes('\n');
        },
      );
    });
  }

  test('a name of 80 bytes is the longest', () => {
    const name = 'é'.repeat(40);
    assert.equal(only(intel, `cpu/event=1,name=${name}/`).name, name);
  });

  test('where there are no PMUs', () => {
    assert.throws(() => bare('cpu/event=1/'), /unknown PMU 'cpu'; this machine shows none/);
    assert.deepEqual(readPmus(path.join(directory, 'nowhere')), []);
  });
});

describe('the catalogue', () => {
  const titles = (tree: Tree): string[] => {
    const folder = path.join(directory, `${trees++}`);
    writeTree(folder, tree);
    return catalogue(() => readPmus(folder)).map(({ title }) => title);
  };

  test('has every known event once, and the PMUs whose events threads have', () => {
    const kinds = ['clock', 'task', 'v8', 'software', 'hardware', 'cache'];
    assert.deepEqual(titles(INTEL), [...kinds, 'cpu', 'msr']);
    assert.deepEqual(titles(HYBRID), [...kinds, 'cpu_atom', 'cpu_core']);
    const listed = catalogue(() => [])
      .flatMap(({ entries }) => entries)
      .map(({ name }) => name);
    assert.equal(new Set(listed).size, listed.length);
    assert.equal(listed.length, KNOWN_EVENTS.length + CACHE_EVENTS.length);
  });

  test('every entry says what it means, and can be asked for by its name and its aliases', () => {
    const folder = path.join(directory, `${trees++}`);
    writeTree(folder, ARM);
    const pmus = readPmus(folder);
    for (const { entries } of catalogue(() => pmus)) {
      for (const { name, aliases, events } of entries) {
        for (const each of [name, ...aliases]) assert.deepEqual(parseEvents(each, () => pmus).flat(), events);
        for (const { meaning } of events) assert.match(meaning, /\w{3}/);
      }
    }
  });

  test('leaves out what cannot be named alone', () => {
    const folder = path.join(directory, `${trees++}`);
    writeTree(folder, ARM);
    const own = catalogue(() => readPmus(folder)).find(({ title }) => title === 'armv8_pmuv3_0');
    assert.deepEqual(
      own?.entries.map(({ name }) => name),
      ['armv8_pmuv3_0/inst_retired/', 'armv8_pmuv3_0/l1d_cache_refill/'],
    );
  });

  test('-d, -dd and -ddd add the events of perf stat', () => {
    assert.deepEqual(
      [1, 2, 3].map((level) => detailEvents(level).length),
      [7, 13, 15],
    );
    for (const name of detailEvents(3)) assert.equal(only(bare, name).name, name);
  });
});

test('any text is events or a sentence, and what is shown can be asked for', () => {
  const pieces = ['cycles', 'cs', 'wall', 'cpu', 'event=0x3c', 'r1a2', ...'/:,{}ukp= '];
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string()), { maxLength: 12 }), (parts) => {
      try {
        for (const event of intel(parts.join('')).flat()) assert.deepEqual(only(intel, event.name), event);
      } catch (error) {
        if (!(error instanceof TaskperfError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

const version = spawnSync('perf', ['stat', '-vv', '-e', 'cycles', 'true'], { encoding: 'utf8' });
const comparable = /perf_event_attr/.test(version.stderr ?? '');

test('perf itself encodes them the same', { skip: !comparable && 'there is no perf here' }, () => {
  const asked = ['cycles:u', 'instructions:k', 'ref-cycles', 'idle-cycles-backend', 'faults', 'cs', 'r1a2:u'];
  const cached = CACHE_EVENTS.map(({ name }) => name).filter((_, i) => i % 3 === 0);
  for (const name of [...asked, ...cached, 'l1d-read-miss', 'LLC-misses'])
    assert.equal(`${name} ${encoding(perf(bare, name))}`, `${name} ${perfEncoding(name)}`);
});

/** From the first attributes that `perf stat -vv` prints; words that are 0 are left out there. */
function perfEncoding(name: string): string {
  const { stderr } = spawnSync('perf', ['stat', '-vv', '-e', name, 'true'], { encoding: 'utf8' });
  const attributes = /perf_event_attr:\n([^]*?)\n-{5}/.exec(stderr)?.[1] ?? '';
  const word = (key: string): string => new RegExp(`^  ${key} +(\\S+)`, 'm').exec(attributes)?.[1] ?? '0';
  const left = `${word('exclude_user') === '1' ? ' -user' : ''}${word('exclude_kernel') === '1' ? ' -kernel' : ''}`;
  return `${word('type')}:0x${BigInt(word('config')).toString(16)}${left}`;
}
