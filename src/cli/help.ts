/** The help pages, as printed. */
import { INTERVAL_MS_MIN } from './arguments.ts';
import { DEFAULT_EVENTS, DEFAULT_IF_SUPPORTED } from './asked-events.ts';

/** What exists, for `taskperf --help` and for the message about an unknown subcommand. */
export const SUBCOMMANDS: readonly string[] = ['stat', 'list'];

export const HELP: string = `taskperf: what every request of a Node.js program costs

  taskperf stat [options] -- COMMAND   run a program and count its tasks (requests, jobs)
  taskperf list                        events that can be counted
  taskperf --version

\`taskperf stat --help\` shows the options. Example: taskperf stat -- node app.js
`;

export const STAT_HELP: string = `taskperf stat [options] [--] COMMAND [ARGUMENT...]

Runs the command, counts the tasks of all its Node.js processes, and prints a table when it has ended.
Ctrl-C goes to the program first; a second one kills it.

  -e, --event EVENTS   what to count, a comma list (\`taskperf list\`); task-clock is always counted
                       [${DEFAULT_EVENTS.join(',')}, and ${DEFAULT_IF_SUPPORTED.join(',')} where there is a PMU]
  -I, --interval MS    also print what each interval added (${INTERVAL_MS_MIN} or more)
  -o, --output FILE    write to a file; without it everything goes to stderr
      --json           one JSON document (schema taskperf.stat/1) instead of the table
      --by WHAT        one row per name, task or thread [name]
      --no-color       no colours; NO_COLOR and a stderr that is no terminal do the same
  -h, --help           this page

The exit status is the program's, 128+n when signal n ended it, 127 when it was not found, 126 when it cannot be
executed, 129 for a mistake in the command line. TASKPERF_DIR names the directory for the counters; it must be private.
`;
