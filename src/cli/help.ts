/** The help pages, as printed. */
import { BLOCKED_MS, INTERVAL_MS_MIN } from './arguments.ts';
import { DEFAULT_EVENTS, DEFAULT_IF_SUPPORTED } from './asked-events.ts';
import { METRIC_GROUPS } from './metrics.ts';
import { SORT_IDS } from './top/columns.ts';

/** What exists, for `taskperf --help` and for the message about an unknown subcommand. */
export const SUBCOMMANDS: readonly string[] = ['stat', 'top', 'list', 'doctor'];

export const HELP: string = `taskperf: what every request of a Node.js program costs

  taskperf stat [options] -- COMMAND   run a program and count its tasks (requests, jobs)
  taskperf top [-p PID]                live: who uses the threads of a program that runs under taskperf, who blocks them
  taskperf list                        events that can be counted
  taskperf doctor                      what is missing on this machine, what it costs, how to permit it
  taskperf --version

\`taskperf stat --help\` shows the options. Example: taskperf stat -- node app.js
`;

export const STAT_HELP: string = `taskperf stat [options] [--] COMMAND [ARGUMENT...]

Runs the command, counts the tasks of all its Node.js processes, and prints a table when it has ended.
Ctrl-C goes to the program first; a second one kills it.

  -e, --event EVENTS   what to count, a comma list (\`taskperf list\`); task-clock is always counted
                       [${DEFAULT_EVENTS.join(',')}, and ${DEFAULT_IF_SUPPORTED.join(',')} where there is a PMU]
  -d, --detail         also branches, first and last level of the caches, allocation; -dd: also instruction cache and
                       translation buffers; -ddd: also prefetches
  -M, --metrics GROUPS derived metrics as columns, a comma list of ${METRIC_GROUPS.join(', ')}; counts what they need
  -I, --interval MS    also print what each interval added (${INTERVAL_MS_MIN} or more): sums per name, or per process where
                       nothing is Node.js
      --blocked TIME   from how long on an event loop is said to be blocked, such as 100ms or 2s [${BLOCKED_MS}ms]
      --stack          also the JavaScript stack of what blocks an event loop
  -o, --output FILE    write to a file; without it everything goes to stderr
      --json           one JSON document (schema taskperf.stat/1) instead of the table
      --by WHAT        one row per name, task or thread, or the names of each process apart: process [name]
      --no-color       no colours; NO_COLOR and a stderr that is no terminal do the same
  -h, --help           this page

The exit status is the program's, 128+n when signal n ended it, 127 when it was not found, 126 when it cannot be
executed, 129 for a mistake in the command line. TASKPERF_DIR names the directory for the counters; it must be private.
`;

export const TOP_HELP: string = `taskperf top [options]

Shows live what a program does that runs under taskperf (\`taskperf stat -- COMMAND\`, or the library): where the time of
each thread goes, who has it now and for how long, and what the tasks of each name cost. It only reads what the program
counts anyway, so it works while the event loop is blocked, and costs the program nothing.

  -p, --pid PID        the process; of a \`taskperf stat\` all of its processes [the one there is, or a list]
  -d, --delay SECONDS  time between refreshes, 0.1 or more [1]
  -n, --iterations N   leave after so many refreshes
  -s, --sort COLUMN    ${SORT_IDS.join(', ')} [cpu]
      --blocked TIME   a task that has a thread for longer is marked with "!", in red [100ms]
      --stack          also the JavaScript stack of such a task; \`taskperf stat --stack\` lets the program answer at once
      --by WHAT        one row per name of all processes together (name), or of each (process) [name]
      --no-color       no colours; NO_COLOR does the same
      --last PID|FILE  instead: the last state of a process that is gone, from the region that it left because its
                       \`taskperf stat\` was killed, too; --json prints one document (schema taskperf.last/1)
  -h, --help           this page

The keys are on the page behind \`?\`; q leaves. Where stdin or stdout is no terminal one table is printed per interval, until
the program ends. The exit status is 0, 1 when the process cannot be watched, and 129 for a mistake in the command line.
`;

export const LIST_HELP: string = `taskperf list [--json] [--] [NAME...]

Shows the events that can be counted here, grouped, and how exact they are. A NAME is that of a group (clock, task, v8,
software or sw, hardware or hw, cache, a PMU) or part of an event's name, with * and ? as in a shell.

      --json           one JSON document (schema taskperf.list/1)
  -h, --help           this page

The exit status is 0, and 129 for a mistake in the command line, such as a NAME that nothing here matches.
`;

export const DOCTOR_HELP: string = `taskperf doctor [--json]

Says what this machine lets taskperf count: permissions, counters of the processor, the runtime, and per kind of event
how exact it is. For each thing that is missing: what that costs, and the command or setting that permits it.

      --json           one JSON document (schema taskperf.doctor/1)
  -h, --help           this page

The exit status is 0 when \`stat\` works exactly with what it counts by default, 1 when it has to estimate.
`;
