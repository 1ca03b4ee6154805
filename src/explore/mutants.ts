/** Cores broken on purpose. Each is caught by the scenario it names, or the tests fail. */
import type { Mutant } from './mutate.ts';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'grow-by-store',
    title: 'the high-water mark is raised by load and store',
    scenario: 'slab-grow',
    edits: [
      {
        module: 'core/slab.js',
        find: 'if (Atomics.compareExchange(i32, H_TASKS_USED + kind, used, used + 1) === used)',
        replace: 'Atomics.store(i32, H_TASKS_USED + kind, used + 1);',
      },
    ],
  },
];
