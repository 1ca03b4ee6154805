/** History: opening, closing and what another thread asks for. */
import assert from 'node:assert/strict';
import { CYCLES } from '#sim/hardware.js';
import { Bench } from './bench.ts';
import type { Story } from './history.ts';

/** The state of a counter whose task is gone. */
const EXIT = -3;

export const ATTACH_HISTORY: readonly Story[] = [
  {
    bug: 'H4',
    title: 'an open that fails late takes everything back',
    edits: [
      { file: 'open.js', from: 'if (context === 0)\n            freeCounter(s, counter, s.index);', to: '' },
    ],
    check: (core) => {
      const bench = new Bench(core, {
        capacities: { threads: 1, names: 2, tasks: 8, contexts: 1, counters: 8, ring: 2 },
      });
      const { cpu } = bench.main;
      const task = cpu.fork(cpu.root, 0);
      const only = cpu.openCounter({ event: core.TASK_CLOCK });
      const before = bench.liveSlots();
      const open = (event: number): void => void cpu.openCounter({ event, task, inherit: true });
      assert.throws(() => open(core.TASK_CLOCK), { code: 'ENOSPC' });
      assert.throws(() => open(CYCLES), { code: 'ENOENT' });
      assert.deepEqual(bench.liveSlots(), before);
      cpu.close(only);
    },
  },
  {
    bug: 'H11',
    title: 'a sibling whose leader is closed while its open is under way counts alone',
    edits: [
      {
        file: 'open.js',
        from: 'if (!joins || (leader !== counter && (packedOf(region, leader) & LISTED) === 0)) {',
        to: 'if (false) {',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const other = bench.addThread();
      const { cpu } = bench.main;
      const leader = cpu.openCounter({ event: core.TASK_CLOCK });
      other.cpu.close(leader);
      const sibling = other.cpu.openCounter({ event: core.CPU_CLOCK, task: cpu.root, group: leader });
      cpu.fold();
      assert.equal(bench.counterWord(sibling, core.R_LEADER), sibling);
      bench.advance(bench.main, 30);
      assert.equal(cpu.read(sibling).value, 30);
    },
  },
  {
    bug: 'H26',
    title: 'an open that is under way when its task exits is final, and frees everything at close',
    edits: [{ file: 'pending.js', from: 'if (!isLive(region, task)) {', to: 'if (false) {' }],
    check: (core) => {
      const bench = new Bench(core);
      const other = bench.addThread();
      const { cpu } = bench.main;
      const task = cpu.fork(cpu.root, 0);
      cpu.retain(task);
      bench.run(bench.main, task, 5);
      // Asked for first, so it is done first: the exit happens before the install.
      other.cpu.exit(task);
      const counter = other.cpu.openCounter({ event: core.TASK_CLOCK, task });
      cpu.fold();
      bench.advance(bench.main, 100);
      assert.deepEqual(cpu.read(counter), { value: 0, enabled: 0, running: 0 });
      cpu.close(counter);
      cpu.release(task);
      bench.assertQuiet();
    },
  },
  {
    bug: 'H27',
    title: 'a context that a task points to has a reference, or the next open would look for ever',
    edits: [
      {
        file: 'operations.js',
        from: 'freeCounter(s, counter, home);\n    putContext(s, context);',
        to: 'freeCounter(s, counter, home);\n    putContext(s, context, 2);',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const task = cpu.fork(cpu.root, 0);
      cpu.close(cpu.openCounter({ event: core.TASK_CLOCK, task }));
      assert.equal(bench.contextWord(bench.contextOf(task), core.C_REFS), 1);
      cpu.close(cpu.openCounter({ event: core.TASK_CLOCK, task }));
    },
  },
  {
    bug: 'H28',
    title: 'an enable that arrives after the task’s exit changes nothing',
    edits: [
      {
        file: 'operations.js',
        from: 'if (state >= STATE_INACTIVE || state <= STATE_EXIT)',
        to: 'if (state >= STATE_INACTIVE)',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const other = bench.addThread();
      const { cpu } = bench.main;
      const task = cpu.fork(cpu.root, 0);
      const counter = cpu.openCounter({ event: core.TASK_CLOCK, task, disabled: true });
      other.cpu.enable(counter);
      other.cpu.exit(task);
      other.cpu.enable(counter);
      cpu.fold();
      assert.equal(bench.stateOf(counter), EXIT);
      cpu.enable(counter);
      assert.equal(bench.stateOf(counter), EXIT);
    },
  },
  {
    bug: 'H32',
    title: 'what is closed is not inherited any more, and what is beside it still is',
    edits: [{ file: 'operations.js', from: 'chainDel(region, context, counter);', to: '' }],
    check: (core) => {
      const bench = new Bench(core);
      const { cpu } = bench.main;
      const closed = cpu.openCounter({ event: core.TASK_CLOCK, inherit: true });
      const open = cpu.openCounter({ event: core.CPU_CLOCK, inherit: true });
      cpu.close(closed);
      const child = cpu.fork(cpu.root, 0);
      bench.run(bench.main, child, 40);
      assert.equal(cpu.read(open).value, 40);
      cpu.exit(child);
      cpu.switchTo(cpu.root);
      cpu.close(open);
      bench.assertQuiet({ contexts: 1 });
    },
  },
  {
    bug: 'H34',
    title: 'a sibling that never got onto its task’s list is no member of another’s group',
    edits: [
      {
        file: 'pending.js',
        from: 'setCounterWord(region, counter, R_LEADER, counter);\n        return;',
        to: 'return;',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const other = bench.addThread();
      const { cpu } = bench.main;
      const task = cpu.fork(cpu.root, 0);
      const leader = cpu.openCounter({ event: core.TASK_CLOCK, task });
      other.cpu.exit(task);
      const sibling = other.cpu.openCounter({ event: core.CPU_CLOCK, task, group: leader });
      cpu.close(leader);
      const stranger = cpu.openCounter({ event: core.TASK_CLOCK });
      assert.equal(stranger, leader, 'the slot is used again');
      bench.advance(bench.main, 60);
      cpu.reset(sibling, { group: true });
      assert.equal(cpu.read(stranger).value, 60);
    },
  },
  {
    bug: 'H39',
    title: 'counters outlive their thread and its PMU, and are final',
    edits: [
      {
        file: 'exit.js',
        from: 'listDel(region, context, c);\n        setState(region, c, STATE_EXIT);',
        to: '',
      },
    ],
    check: (core) => {
      const bench = new Bench(core);
      const gone = bench.addThread();
      const { cpu } = bench.main;
      const counter = gone.cpu.openCounter({ event: core.WALL, thread: true });
      bench.advance(gone, 10);
      gone.cpu.shutdown();
      cpu.disable(counter);
      cpu.enable(counter);
      bench.advance(bench.main, 500);
      assert.equal(cpu.read(counter).value, 10);
      cpu.close(counter);
      bench.assertQuiet({ threads: 1 });
    },
  },
  {
    bug: 'H48',
    title: 'a thread that takes over a slot does not free what counters of the thread before it hold',
    edits: [
      {
        file: 'exit.js',
        from: 'retireContext(s, context, 1);',
        to: 's.i32[s.region.contextW + (context << 4)] = 1;\n        retireContext(s, context, 1);',
      },
    ],
    check: (core) => {
      const bench = new Bench(core, {
        capacities: { threads: 2, names: 4, tasks: 8, contexts: 8, counters: 8, ring: 2 },
      });
      const before = bench.addThread();
      const { cpu } = bench.main;
      const old = before.cpu.openCounter({ event: core.TASK_CLOCK, thread: true });
      bench.advance(before, 7);
      before.cpu.shutdown();
      const after = bench.addThread();
      const fresh = after.cpu.openCounter({ event: core.TASK_CLOCK, thread: true });
      bench.advance(after, 9);
      assert.equal(cpu.read(old).value, 7);
      assert.notEqual(bench.counterWord(old, core.R_CONTEXT), bench.counterWord(fresh, core.R_CONTEXT));
      after.cpu.close(old);
      assert.equal(after.cpu.read(fresh).value, 9);
      after.cpu.close(fresh);
      after.cpu.shutdown();
      bench.assertQuiet({ threads: 1 });
    },
  },
];
