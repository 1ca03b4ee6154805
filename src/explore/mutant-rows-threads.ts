/** Mutants of one edit each, as in mutant-rows.ts: jobs, and what a dead thread had open elsewhere. */
import type { Row } from './mutant-rows.ts';

export const THREAD_ROWS: readonly Row[] = [
  [
    'credit-not-taken-back',
    'job-exit',
    'job',
    'what a job has cost stays on its name when it is added to its origin: it is in two rows',
    'f64[sumOf(s, credit)] -= credit.value;\n            }',
    '}',
  ],
  [
    'credit-to-the-dead',
    'job-exit',
    'job',
    'what comes for a task that has ended is taken for a living one’s',
    'else if (isLive(s.region, credit.task))',
    'else if (true)',
  ],
  [
    'credit-of-nobody',
    'job-exit',
    'job',
    'an operation on its way does not keep the task that it is for',
    'retainTask(region, credit.task);',
    '',
  ],
  [
    'origin-kept',
    'job-exit',
    'task',
    'a job that has ended keeps its origin',
    'if (origin !== 0)\n        releaseTask(s, Math.abs(origin));',
    '',
  ],
  [
    'opener-forgotten',
    'die-open-elsewhere-reap',
    'cpu-threads',
    'what a dead thread had open on tasks of others stays open',
    'closeOpened(this, thread);',
    '',
  ],
];
