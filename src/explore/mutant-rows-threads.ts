/** Mutants of one edit each, as in mutant-rows.ts: jobs, and what a dead thread had open elsewhere. */
import type { Row } from './mutant-rows.ts';

export const THREAD_ROWS: readonly Row[] = [
  [
    'credit-not-taken-back',
    'job-exit',
    'job',
    'what a job has cost stays on its name when it is added to its origin: it is in two rows',
    'if (isFirst)\n                f64[sumOf(s, credit)] -= credit.value;',
    '',
  ],
  [
    'late-in-two-lines',
    'job-exit',
    'job',
    'late work of a job stays among the tasks of the thread that hears of it',
    'f64[s.tasksAt + event] -= credit.value;',
    '',
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
  [
    'half-made-stays',
    'die-open',
    'reap',
    'a counter that a thread was opening or closing when it died stays for ever',
    'if (isHalfMade(region, packedOf(region, counter))) {',
    'if (false) {',
  ],
  [
    'leaving-forgotten',
    'die-exit',
    'reap',
    'a context that a dead thread had taken from its task stays for ever',
    'if (leaving > 0 && !estate.contexts.has(leaving))\n        estate.references.set(leaving, references);',
    '',
  ],
  [
    'unpublished-forgotten',
    'die-fork',
    'reap',
    'a context that a dead thread was making stays for ever',
    'freeUnpublished(s, thread, estate.contexts);',
    '',
  ],
];
