/** The help pages, as printed. */
import { BLOCKED_MS, INTERVAL_MS_MIN } from './arguments.ts';
import { DEFAULT_EVENTS, DEFAULT_IF_SUPPORTED } from './asked-events.ts';
import { METRIC_GROUPS } from './metrics.ts';
import { SORT_IDS } from './top/columns.ts';

/** What exists, for `taskperf --help` and for the message about an unknown subcommand. */
export const SUBCOMMANDS: readonly string[] = ['stat', 'record', 'report', 'top', 'list', 'doctor'];

export const HELP: string = `taskperf: what every request of a Node.js program costs

  taskperf stat [options] -- COMMAND   run a program and count its tasks (requests, jobs)
  taskperf stat -p PID                 the same for a process that runs already
  taskperf record [options] -- COMMAND run a program and keep every task in a file; -p PID as above
  taskperf report [options] [FILE]     the table of such a recording, by name, task, thread or process
  taskperf top [-p PID]                live: who uses the threads of a program that runs under taskperf, who blocks them
  taskperf list                        events that can be counted
  taskperf doctor                      what is missing on this machine, what it costs, how to permit it
  taskperf --version

\`taskperf stat --help\` shows the options. Example: taskperf stat -- node app.js
`;

const RUN_OPTIONS_HELP = `  -p, --pid PID        attach to this process, of which a command only says how long; Node.js tells on its stderr that its
                       debugger listens, and it is as before afterwards
  -e, --event EVENTS   what to count, a comma list (\`taskperf list\`); task-clock is always counted
                       [${DEFAULT_EVENTS.join(',')}, and ${DEFAULT_IF_SUPPORTED.join(',')} where there is a PMU]
  -d, --detail         also branches, first and last level of the caches, allocation; -dd: also instruction cache and
                       translation buffers; -ddd: also prefetches
  -M, --metrics GROUPS derived metrics as columns, a comma list of ${METRIC_GROUPS.join(', ')}; counts what they need
`;

const BLOCKED_HELP = `      --blocked TIME   from how long on an event loop is said to be blocked, such as 100ms or 2s [${BLOCKED_MS}ms]
      --stack          also the JavaScript stack of what blocks an event loop
`;

export const STAT_HELP: string = `taskperf stat [options] [--] COMMAND [ARGUMENT...]
taskperf stat [options] -p PID [-- COMMAND [ARGUMENT...]]

Runs the command, counts the tasks of all its Node.js processes, and prints a table when it has ended.
Ctrl-C goes to the program first; a second one kills it.
With -p counts a Node.js process that runs already, until Ctrl-C, its end or that of the command (such as \`sleep 10\`).

${RUN_OPTIONS_HELP}  -I, --interval MS    also print what each interval added (${INTERVAL_MS_MIN} or more): sums per name, or per process where
                       nothing is Node.js
${BLOCKED_HELP}  -o, --output FILE    write to a file; without it everything goes to stderr
      --json           one JSON document (schema taskperf.stat/1) instead of the table
      --by WHAT        one row per name, task or thread, or the names of each process apart: process [name]
      --no-color       no colours; NO_COLOR and a stderr that is no terminal do the same
  -h, --help           this page

The exit status is the program's (with -p 0, or that of the command), 128+n when signal n ended it, 127 when it was not found, 126 when it cannot be
executed, 129 for a mistake in the command line. TASKPERF_DIR names the directory for the counters; it must be private.
`;

export const RECORD_HELP: string = `taskperf record [options] [--] COMMAND [ARGUMENT...]
taskperf record [options] -p PID [-- COMMAND [ARGUMENT...]]

Counts as \`taskperf stat\` does, and keeps every task that has ended in a file, a line of JSON each (schema
taskperf.record/1). \`taskperf report\` makes the table of it. An older file of the name is kept as FILE.old.
Ctrl-C goes to the program first; with -p it ends the recording, as the end of the process does, or of the command.

${RUN_OPTIONS_HELP}${BLOCKED_HELP}  -o, --output FILE    where to write it [taskperf.jsonl]
  -h, --help           this page

The exit status is the program's (with -p 0, or that of the command), 128+n when signal n ended it, 127 when it was not found,
126 when it cannot be executed, 129 for a mistake in the command line. TASKPERF_DIR as with \`taskperf stat\`.
`;

export const REPORT_HELP: string = `taskperf report [options] [FILE]

Prints the table that \`taskperf stat\` would have printed of a recording (\`taskperf record\`). Also of one that has no end
because taskperf was killed: then of the tasks alone that had ended.

  -i, --input FILE     the recording, as FILE [taskperf.jsonl]
      --by WHAT        one row per name, task or thread, or the names of each process apart: process [name]
      --json           one JSON document (schema taskperf.stat/1) instead of the table
  -o, --output FILE    write to a file instead of stdout
      --no-color       no colours; NO_COLOR and a stdout that is no terminal do the same
  -h, --help           this page

The exit status is 0, 1 when the result could not be written, and 129 for a mistake in the command line, or a file that is
no recording or is damaged.
`;

export const TOP_HELP: string = `taskperf top [options]

Shows live what a program does: where the time of each thread goes, who has it now and for how long, and what the tasks
of each name cost. Of a program that runs under taskperf (\`taskperf stat -- COMMAND\`, or the library) it only reads what
that counts anyway, so it works while the event loop is blocked, and costs the program nothing. A process that does not is
attached to, as by \`taskperf stat -p\`, and let go at the end.

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
