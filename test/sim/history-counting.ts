/** History: groups, enabling, reading, slots and sampling. */
import assert from 'node:assert/strict';
import { CYCLES, INSTRUCTIONS } from '#sim/hardware.js';
import { Bench } from './bench.ts';
import type { Story } from './history.ts';

export const COUNTING_HISTORY: readonly Story[] = [
  {
    bug: 'H13',
    title: 'a group operation reaches each member once',
    edits: [
      {
        file: 'operations.js',
        from: 'operateFamily(s, c, operation);',
        to: 'operateFamily(s, leader, operation);',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const leader = cpu.openCounter({ event: core.TASK_CLOCK });
      const sibling = cpu.openCounter({ event: core.CPU_CLOCK, group: leader, disabled: true });
      const third = cpu.openCounter({ event: core.TASK_CLOCK, group: leader });
      bench.advance(bench.main, 5);
      cpu.enable(leader, { group: true });
      cpu.reset(third, { group: true });
      bench.advance(bench.main, 20);
      assert.deepEqual(
        [leader, sibling, third].map((counter) => cpu.read(counter).value),
        [20, 20, 20],
      );
    },
  },
  {
    bug: 'H15',
    title: 'a member that is removed leaves the PMU with the list',
    edits: [{ file: 'operations.js', from: 'takeOff(s, counter);', to: '' }],
    check: (core) => {
      const bench = new Bench(core, { slots: 2 });
      const { cpu, pmu } = bench.main;
      const leader = cpu.openCounter({ event: CYCLES });
      const sibling = cpu.openCounter({ event: INSTRUCTIONS, group: leader });
      bench.advance(bench.main, 5);
      cpu.close(sibling);
      assert.deepEqual(pmu.on, [CYCLES]);
      cpu.close(leader);
      assert.deepEqual(pmu.on, []);
    },
  },
  {
    bug: 'H18',
    title: 'a group read has the times of this moment',
    edits: [
      {
        file: 'read.js',
        from: 'fold(s);\n    const { region } = s;\n    if (isInError',
        to: 'const { region } = s;\n    if (isInError',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const leader = cpu.openCounter({ event: core.TASK_CLOCK });
      cpu.openCounter({ event: core.CPU_CLOCK, group: leader });
      bench.advance(bench.main, 45);
      const bits = core.FORMAT_GROUP | core.FORMAT_TOTAL_TIME_ENABLED | core.FORMAT_TOTAL_TIME_RUNNING;
      assert.deepEqual([...cpu.readFormat(leader, bits)], [2n, 45n, 45n, 45n, 45n]);
    },
  },
  {
    bug: 'H19',
    title: 'the group of a task that has exited is read whole',
    edits: [
      {
        file: 'exit.js',
        from: 'if (last === 0)\n                first = c;',
        to: 'region.i32[region.counterW + (c << 4) + 2] = c; // its own leader\n            if (last === 0)\n                first = c;',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const task = cpu.fork(cpu.root, 0);
      const leader = cpu.openCounter({ event: core.TASK_CLOCK, task });
      cpu.openCounter({ event: core.CPU_CLOCK, task, group: leader });
      bench.run(bench.main, task, 12);
      cpu.exit(task);
      assert.deepEqual([...cpu.readFormat(leader, core.FORMAT_GROUP)], [2n, 12n, 12n]);
    },
  },
  {
    bug: 'H23',
    title: 'the sum of a group that grew after it was inherited is refused',
    edits: [
      {
        file: 'read.js',
        from: 'if (membersOf(region, child).length === members.length)\n            continue;',
        to: 'continue;',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const leader = cpu.openCounter({ event: core.TASK_CLOCK, inherit: true });
      cpu.fork(cpu.root, 0);
      cpu.openCounter({ event: core.CPU_CLOCK, inherit: true, group: leader });
      assert.throws(() => cpu.readGroup(leader), { code: 'ECHILD' });
    },
  },
  {
    bug: 'H29',
    title: 'a counter that is disabled before its task starts stays off at the start',
    edits: [
      { file: 'schedule.js', from: 'endsWaitForStart(s, counter);\n    const state', to: 'const state' },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const task = cpu.fork(cpu.root, 0);
      const counter = cpu.openCounter({ event: core.TASK_CLOCK, task, enableOnStart: true });
      cpu.disable(counter);
      bench.run(bench.main, task, 10);
      assert.equal(cpu.read(counter).value, 0);
    },
  },
  {
    bug: 'H36',
    title: 'a closed counter is not heard of, though it overflowed in the reading that closed it',
    edits: [{ file: 'operations.js', from: 'forgetOverflows(s, counter);', to: '' }],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const heard: number[] = [];
      cpu.onOverflow = (counter) => void heard.push(counter);
      const counter = cpu.openCounter({ event: core.TASK_CLOCK, period: 10 });
      bench.advance(bench.main, 25);
      cpu.close(counter);
      assert.deepEqual(heard, []);
      bench.assertQuiet({ contexts: 1 });
    },
  },
  {
    bug: 'H40',
    title: 'a leader that its limit disables stops its siblings, and refresh lets all go on',
    edits: [
      {
        file: 'schedule.js',
        from: 'setState(region, counter, STATE_OFF);\n    refreshFrom(s, counter);',
        to: 'setState(region, counter, STATE_OFF);\n    refreshActivity(region, counter, s.now);',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const leader = cpu.openCounter({ event: core.TASK_CLOCK, period: 10, disabled: true });
      const sibling = cpu.openCounter({ event: core.CPU_CLOCK, group: leader });
      cpu.refresh(leader, 1);
      bench.advance(bench.main, 10);
      cpu.fold();
      bench.advance(bench.main, 100);
      assert.equal(cpu.read(sibling).value, 10);
      cpu.refresh(leader, 1);
      bench.advance(bench.main, 10);
      cpu.fold();
      assert.equal(cpu.read(sibling).value, 20);
    },
  },
];
