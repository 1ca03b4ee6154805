/** History: contexts at fork, exit and switch. */
import assert from 'node:assert/strict';
import { CYCLES, INSTRUCTIONS } from '#sim/hardware.js';
import { rateOf } from '../core/hand-pmu.ts';
import { Bench } from './bench.ts';
import type { Story } from './history.ts';

export const SWITCH_HISTORY: readonly Story[] = [
  {
    bug: 'H1',
    title: 'a fork from an uncounted parent allocates no context',
    edits: [
      {
        file: 'inherit.js',
        from: 'const isOurs = taskWordOf(s.region, from, K_THREAD) === s.index;',
        to: 'newContext(s, task);\n    const isOurs = taskWordOf(s.region, from, K_THREAD) === s.index;',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      for (let i = 0; i < 5; i++) cpu.exit(cpu.fork(cpu.root, 0));
      bench.assertQuiet();
    },
  },
  {
    bug: 'H7',
    title: 'a clone that prctl disabled is not exchanged with one that is enabled',
    edits: [
      {
        file: 'operations.js',
        from: 'unclone(s, context);\n    s.i32[region.contextW + (context << 4) + C_GENERATION]++;',
        to: '',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const counter = cpu.openCounter({ event: core.TASK_CLOCK, inherit: true });
      const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
      cpu.disableCounters(a);
      bench.run(bench.main, b, 10);
      bench.run(bench.main, a, 100);
      bench.run(bench.main, b, 1000);
      assert.equal(cpu.read(counter).value, 1010);
    },
  },
  {
    bug: 'H8',
    title: 'clones made before and after a counter was added are not exchanged',
    edits: [
      {
        file: 'context.js',
        from: 'i32[at + C_COUNT]++;\n    i32[at + C_GENERATION]++;',
        to: 'i32[at + C_COUNT]++;',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      cpu.openCounter({ event: core.TASK_CLOCK, inherit: true });
      const a = cpu.fork(cpu.root, 0);
      const second = cpu.openCounter({ event: core.CPU_CLOCK, inherit: true });
      const b = cpu.fork(cpu.root, 0);
      bench.run(bench.main, a, 10);
      bench.run(bench.main, b, 100);
      bench.run(bench.main, a, 1000);
      assert.equal(cpu.read(second).value, 100);
    },
  },
  {
    bug: 'H10',
    title: 'disabling a task that does not run leaves the running one counted',
    edits: [
      {
        file: 'operations.js',
        from: 'if (s.active === context)\n        activate(s, 0);',
        to: 'activate(s, 0);',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const task = cpu.fork(cpu.root, 0);
      const own = cpu.openCounter({ event: core.TASK_CLOCK });
      cpu.openCounter({ event: core.TASK_CLOCK, task });
      cpu.disableCounters(task);
      bench.advance(bench.main, 25);
      assert.equal(cpu.read(own).value, 25);
    },
  },
  {
    bug: 'H12',
    title: 'values of two inherit_stat counters are exchanged each with its own kind',
    edits: [
      {
        file: 'switch.js',
        from: 'b = counterWordOf(region, b, R_NEXT);',
        to: 'b = counterWordOf(region, a, R_NEXT);',
      },
    ],
    check: (core) => {
      const bench = new Bench(core, { slots: 4 });
      const { cpu } = bench.main;
      const events = [CYCLES, INSTRUCTIONS];
      const counters = events.map((event) => cpu.openCounter({ event, inherit: true, inheritStat: true }));
      const [a, b] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
      bench.run(bench.main, a, 10);
      bench.run(bench.main, b, 100);
      bench.run(bench.main, a, 10);
      cpu.exit(b);
      assert.deepEqual(
        events.map((event) => bench.lastExit(event)),
        events.map((event) => 100 * rateOf(event)),
      );
      assert.equal(counters.length, 2);
    },
  },
  {
    bug: 'H14',
    title: 'a fork that fails after it has copied some counters leaves nothing behind',
    edits: [{ file: 'inherit.js', from: 'undoInherit(s, copies);', to: '' }],
    check: (core) => {
      const bench = new Bench(core, {
        capacities: { threads: 1, names: 2, tasks: 8, contexts: 8, counters: 5, ring: 2 },
      });
      const { cpu } = bench.main;
      const counters = [core.TASK_CLOCK, core.CPU_CLOCK].map((event) =>
        cpu.openCounter({ event, inherit: true }),
      );
      const before = bench.liveSlots();
      assert.equal(cpu.fork(cpu.root, 0), 0, 'one slot is left for two copies');
      assert.deepEqual(bench.liveSlots(), before);
      for (const counter of counters) cpu.close(counter);
      bench.assertQuiet({ contexts: 1 });
    },
  },
  {
    bug: 'H20',
    title: 'all members of an inherited group go with their task',
    edits: [{ file: 'exit.js', from: 'references++;', to: 'references++;\n        next = 0;' }],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const leader = cpu.openCounter({ event: core.TASK_CLOCK, inherit: true });
      const events = [core.CPU_CLOCK, core.TASK_SWITCHES, core.FORKS];
      const siblings = events.map((event) => cpu.openCounter({ event, inherit: true, group: leader }));
      const before = bench.liveSlots();
      const child = cpu.fork(cpu.root, 0);
      bench.run(bench.main, child, 5);
      cpu.exit(child);
      cpu.switchTo(cpu.root);
      assert.deepEqual(bench.liveSlots(), before);
      for (const counter of [leader, ...siblings]) cpu.close(counter);
      bench.assertQuiet({ contexts: 1 });
    },
  },
  {
    bug: 'H30',
    title: 'clones of different parents are not exchanged',
    edits: [{ file: 'context.js', from: 'parent === i32[b + C_PARENT] &&', to: '' }],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const [p, q] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
      const ofP = cpu.openCounter({ event: core.TASK_CLOCK, task: p, inherit: true });
      const ofQ = cpu.openCounter({ event: core.TASK_CLOCK, task: q, inherit: true });
      const [a, b] = [cpu.fork(p, 0), cpu.fork(q, 0)];
      bench.run(bench.main, a, 10);
      bench.run(bench.main, b, 100);
      assert.deepEqual([cpu.read(ofP).value, cpu.read(ofQ).value], [10, 100]);
    },
  },
  {
    bug: 'H33',
    title: 'the last slice of a child is in its family’s times',
    edits: [
      { file: 'exit.js', from: 'charge(s);\n    if (task === s.current)', to: 'if (task === s.current)' },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const counter = cpu.openCounter({ event: core.TASK_CLOCK, inherit: true });
      const child = cpu.fork(cpu.root, 0);
      bench.run(bench.main, child, 70);
      cpu.exit(child);
      assert.deepEqual(cpu.read(counter), { value: 70, enabled: 70, running: 70 });
    },
  },
  {
    bug: 'H38',
    title: 'context time stands still while the task is off the thread',
    edits: [{ file: 'switch.js', from: 's.active = context;', to: 's.active = context || active;' }],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const [counted, other] = [cpu.fork(cpu.root, 0), cpu.fork(cpu.root, 0)];
      const counter = cpu.openCounter({ event: core.TASK_CLOCK, task: counted });
      bench.run(bench.main, counted, 10);
      bench.run(bench.main, other, 500);
      assert.deepEqual(cpu.read(counter), { value: 10, enabled: 10, running: 10 });
    },
  },
  {
    bug: 'H46',
    title: 'child and grandchild list their counters in the same order',
    edits: [
      {
        file: 'inherit.js',
        from: 'if (copies.last === 0)\n        copies.first = child;\n    else\n        setCounterWord(region, copies.last, R_NEXT, child);\n    copies.last = child;',
        to: 'setCounterWord(region, child, R_NEXT, copies.first);\n    copies.first = child;\n    if (copies.last === 0) copies.last = child;',
      },
    ],
    check: (core) => {
      const bench = new Bench(core, { slots: 4 });
      const { cpu, pmu } = bench.main;
      const events = [CYCLES, INSTRUCTIONS];
      const counters = events.map((event) => cpu.openCounter({ event, inherit: true, inheritStat: true }));
      const child = cpu.fork(cpu.root, 0);
      const grandchild = cpu.fork(child, 0);
      bench.run(bench.main, child, 10);
      bench.run(bench.main, grandchild, 100);
      bench.run(bench.main, child, 1000);
      const total = counters.map((counter, i) => cpu.read(counter).value - pmu.counts[events[i]!]!);
      assert.deepEqual(total, [0, 0]);
    },
  },
];
