// The explorer itself: that transformed code does what the source does, and that leaving schedules out loses no end.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Explorer, scenarioByName } from '#explore/explorer.js';
import { type Sources, link } from '#explore/link.js';
import { Memory } from '#explore/memory.js';
import { type Body, type Program, Run } from '#explore/run.js';
import { SCENARIOS } from '#explore/scenarios/index.js';
import { type SearchOptions, search } from '#explore/search.js';
import { bytesOf, makeWorld } from '#explore/world.js';
import { sources } from './load.ts';

/** Threads written as source text over `m.i32`; the end of a run is what is in the words. */
class Toy implements Program {
  readonly memory: Memory = new Memory();
  readonly after: readonly number[];
  readonly buffer = new ArrayBuffer(32);
  readonly #threads: ((m: Memory) => unknown)[];

  constructor(bodies: readonly string[]) {
    this.after = bodies.map(() => -1);
    const text = bodies.map((body, t) => `export function thread${t}(m) { ${body} }`).join('\n');
    const { modules } = link(new Map([['core/toy.js', text]]), this.memory);
    const toy = modules.get('core/toy.js')!;
    this.#threads = bodies.map((_, t) => toy[`thread${t}`] as (m: Memory) => unknown);
  }

  begin(): (() => Body)[] {
    new Uint8Array(this.buffer).fill(0);
    this.memory.attach(this.buffer);
    return this.#threads.map((thread) => () => {
      const started = thread(this.memory);
      return Object.prototype.toString.call(started) === '[object Generator]' ? (started as Body) : nothing();
    });
  }

  end(): void {
    // Every end is right: they are collected.
  }
}

// oxlint-disable-next-line require-yield
function* nothing(): Body {
  return undefined;
}

/** The different ends, and in how many schedules they were found. */
function endsOf(
  program: Program,
  read: () => string,
  options: SearchOptions = {},
): { ends: string[]; schedules: number } {
  const ends = new Set<string>();
  program.memory.forget();
  const { schedules, found } = search(program, {
    ...options,
    visit: (run) => {
      ends.add(`${run.results.join()} ${read()}`);
    },
  });
  assert.equal(found, undefined);
  return { ends: [...ends].sort(), schedules };
}

const toyEnds = (bodies: readonly string[], reduce: boolean): { ends: string[]; schedules: number } => {
  const toy = new Toy(bodies);
  return endsOf(toy, () => new Int32Array(toy.buffer).join(), { reduce });
};

describe('partial-order reduction', () => {
  test('two threads that add without Atomics lose an addition in some schedule', () => {
    const { ends } = toyEnds(['m.i32[0]++;', 'm.i32[0]++;'], true);
    assert.deepEqual(ends, [', 1,0,0,0,0,0,0,0', ', 2,0,0,0,0,0,0,0']);
  });

  test('with Atomics they do not', () => {
    const { ends } = toyEnds(['Atomics.add(m.i32, 0, 1);', 'Atomics.add(m.i32, 0, 1);'], true);
    assert.deepEqual(ends, [', 2,0,0,0,0,0,0,0']);
  });

  test('threads that share nothing have one schedule', () => {
    assert.equal(toyEnds(['m.i32[0] = 1; m.i32[1] = 2;', 'm.i32[2] = 1;'], true).schedules, 1);
  });

  test('a double and the words it covers are one place', () => {
    const { ends } = toyEnds(['m.f64[1] = 0; m.f64[1] = 0;', 'm.i32[3] = 7; return m.i32[3];'], true);
    assert.equal(ends.length, 3);
  });

  test("two threads in Dekker's pattern see each other at least once", () => {
    const thread = (own: number, other: number): string => `m.i32[${own}] = 1; return m.i32[${other}];`;
    const { ends } = toyEnds([thread(0, 1), thread(1, 0)], true);
    assert.ok(!ends.some((end) => end.startsWith('0,0')));
    assert.equal(ends.length, 3);
  });

  const operation = fc.record({
    kind: fc.constantFrom('load', 'store', 'add', 'plain', 'cas', 'if'),
    word: fc.integer({ min: 0, max: 2 }),
    value: fc.integer({ min: 1, max: 3 }),
  });

  const textOf = ({ kind, word, value }: { kind: string; word: number; value: number }): string => {
    const texts: Record<string, string> = {
      load: `seen = seen * 5 + m.i32[${word}];`,
      store: `m.i32[${word}] = ${value};`,
      add: `Atomics.add(m.i32, ${word}, ${value});`,
      plain: `m.i32[${word}] += ${value};`,
      cas: `seen = seen * 5 + Atomics.compareExchange(m.i32, ${word}, ${value - 1}, ${value});`,
      if: `if (m.i32[${word}] === 0) m.i32[${(word + value) % 3}] = ${value};`,
    };
    return texts[kind]!;
  };
  const thread = (max: number) =>
    fc
      .array(operation, { minLength: 1, maxLength: max })
      .map((list) => `let seen = 0; ${list.map(textOf).join(' ')} return seen;`);

  test('random programs of two threads have the same ends with the reduction as without', () => {
    fc.assert(
      fc.property(fc.tuple(thread(4), thread(4)), (bodies) => {
        assert.deepEqual(toyEnds(bodies, true).ends, toyEnds(bodies, false).ends);
      }),
      { numRuns: 300, seed: 3 },
    );
  });

  test('random programs of three threads have the same ends with the reduction as without', () => {
    fc.assert(
      fc.property(fc.tuple(thread(2), thread(2), thread(2)), (bodies) => {
        assert.deepEqual(toyEnds(bodies, true).ends, toyEnds(bodies, false).ends);
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  for (const name of [
    'slab-last',
    'slab-home-ends',
    'names-read',
    'task-last-reference',
    'slab-adopt',
    'read-switch',
  ]) {
    test(`${name} on the core has the same ends with the reduction as without`, () => {
      const scenario = scenarioByName(name)!;
      const explorer = new Explorer(sources);
      const ends = (reduce: boolean): { ends: string[]; schedules: number } => {
        const program = explorer.program(scenario);
        return endsOf(program, () => new Int32Array(program.buffer).join(), { reduce });
      };
      const reduced = ends(true);
      const full = ends(false);
      assert.deepEqual(reduced.ends, full.ends);
      assert.ok(reduced.schedules <= full.schedules);
    });
  }
});

describe('transformed code', () => {
  const explorer = new Explorer(sources);
  for (const scenario of SCENARIOS) {
    test(`one thread after the other, ${scenario.name} leaves the same bytes as the source does`, () => {
      const buffer = new ArrayBuffer(bytesOf(scenario));
      const world = makeWorld(scenario, buffer);
      const given = scenario.setup(world);
      const results = scenario.threads.map(({ body, cpu }, t) => body(world, world.cpus[cpu ?? t]!, given));

      const program = explorer.program(scenario);
      explorer.memory.forget();
      explorer.memory.all = true; // else accesses before the first shared one would not wait for their turn
      const run = new Run(program);
      for (let t = 0; t < results.length; t++) while ((run.enabled & (1 << t)) !== 0) run.step(t);
      explorer.memory.all = false;
      assert.equal(run.failure, undefined);
      assert.deepEqual(run.results, results);
      assert.deepEqual(new Int32Array(program.buffer), new Int32Array(buffer));
    });
  }

  const refused: [string, string][] = [
    [
      'a getter that uses memory',
      'export class A { constructor(m) { this.m = m; } get x() { return this.m.i32[0]; } }',
    ],
    ['a callback that uses memory', 'export function f(m, g) { return g(() => m.i32[0]); }'],
    ['a default value that uses memory', 'export function f(m, x = m.i32[0]) { return m.i32[x]; }'],
    ['memory used while a module is loaded', 'export const x = Atomics.load(new Int32Array(4), 0);'],
    ['the value of x[y]++', 'export function f(m) { return m.i32[0]++; }'],
    ['a call of an element', 'export function f(m) { return m.list[0](); }'],
    ['a pattern that assigns to elements', 'export function f(m) { [m.i32[0]] = [1]; }'],
    ['async functions', 'export async function f(m) { return m.i32[0]; }'],
  ];
  for (const [what, text] of refused) {
    test(`refuses ${what}`, () => {
      const toy: Sources = new Map([['core/toy.js', text]]);
      assert.throws(() => link(toy, new Memory()), /core\/toy\.js:1:\d+: the explorer does not know/);
    });
  }

  test('a shared array that gets into untransformed code is found out', () => {
    const memory = new Memory();
    memory.attach(new ArrayBuffer(32));
    assert.throws(() => Atomics.load(memory.i32, 0), TypeError);
    assert.throws(() => memory.i32[0], /untransformed code uses i32\.0/);
    assert.throws(() => [...memory.u8], /untransformed code uses u8/);
  });
});
