/**
 * Cores broken on purpose, each by one idea. Each is caught by the scenario it names, or the tests fail.
 */
import { THREAD_ROWS } from './mutant-rows-threads.ts';
import { ROWS } from './mutant-rows.ts';
import type { Mutant } from './mutate.ts';

/** More than one place has to be edited for one idea. */
const MANIFOLD: readonly Mutant[] = [
  {
    name: 'adopt-free-list',
    scenario: 'slab-adopt-end',
    title: 'an ended thread keeps its plain free list, and others take it over',
    edits: [
      {
        module: 'core/slab.js',
        find: 'i32[own] = Atomics.exchange(i32, at + T_REMOTE_TASK + kind, 0);',
        replace: 'i32[own] = Atomics.exchange(i32, at + T_FREE_TASK + kind, 0);',
      },
      { module: 'core/exit.js', find: 'leaveFreeLists(s.region, thread);', replace: '' },
    ],
  },
  {
    name: 'close-before-install',
    scenario: 'close-install',
    title:
      'requests are performed newest first, and closing a counter that is on its way leaves its context pinned',
    edits: [
      {
        module: 'core/pending.js',
        find: 'performSlot(s, slots[i]);',
        replace: 'performSlot(s, slots[slots.length - 1 - i]);',
      },
      {
        module: 'core/operations.js',
        find: 'if ((packed & UNDER_WAY) !== 0)\n        unpinContext(region, counterWordOf(region, counter, R_CONTEXT));',
        replace: '',
      },
    ],
  },
  {
    name: 'reap-shared-context',
    scenario: 'die-switch',
    title: 'the reaper does not see that a lazy switch was under way',
    edits: [
      {
        module: 'core/reap.js',
        find: 'const taken = other === undefined ? context : findSister(s, estate, context, [task, other]);',
        replace: 'if (other !== undefined) putContext(s, context);\n        const taken = context;',
      },
    ],
  },
  {
    name: 'reap-keeps-children',
    scenario: 'die-exit',
    title: 'the reaper frees children and leaves them in their family',
    edits: [
      {
        module: 'core/reap.js',
        find: 'setCounterWord(region, family, F_FIRST_CHILD, 0);',
        replace:
          'setCounterWord(region, family, F_FIRST_CHILD, counterWordOf(region, family, F_FIRST_CHILD));',
      },
    ],
  },
  {
    name: 'publish-before-init',
    scenario: 'publish-two',
    title: 'a context is published before its words are written',
    edits: [
      {
        module: 'core/context.js',
        find: 'const made = newContext(s, task);',
        replace: `const early = takeSlot(region, s.index, KIND_CONTEXT);
        giveSlot(s, KIND_CONTEXT, early, s.index);
        if (!publishContext(region, task, early)) continue;
        const made = newContext(s, task);`,
      },
      {
        module: 'core/context.js',
        find: 'if (publishContext(region, task, made))\n            return made;',
        replace: 'return made;',
      },
    ],
  },
  {
    name: 'exit-leaves-nothing',
    scenario: 'exit-attach-fresh',
    title: 'an exiting task leaves its context word empty, without a tombstone',
    edits: [
      {
        module: 'core/task.js',
        find: 'K_CONTEXT, TOMBSTONE);\n    assert',
        replace: 'K_CONTEXT, 0);\n    assert',
      },
      { module: 'core/task.js', find: ' && s.i32[at + K_CONTEXT] === TOMBSTONE', replace: '' },
    ],
  },
  {
    name: 'pin-forgotten',
    scenario: 'swap-attach',
    title: 'a context is not pinned while a counter is on its way to it, and the counter stays in it',
    edits: [
      { module: 'core/context.js', find: 'i32[a + C_PINS] === 0', replace: 'true' },
      { module: 'core/context.js', find: 'i32[b + C_PINS] === 0', replace: 'true' },
      {
        module: 'core/pending.js',
        find: 'if (taskWordOf(region, task, K_CONTEXT) !== context) {',
        replace: 'if (false) {',
      },
    ],
  },
];

const SINGLE: readonly Mutant[] = [...ROWS, ...THREAD_ROWS].map(
  ([name, scenario, module, title, find, replace]) => ({
    name,
    scenario,
    title,
    edits: [{ module: `core/${module}.js`, find, replace }],
  }),
);

export const MUTANTS: readonly Mutant[] = [...SINGLE, ...MANIFOLD];
