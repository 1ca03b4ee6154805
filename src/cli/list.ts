/** `taskperf list`: the events, what they mean, and how exact they are here. */
import fs from 'node:fs';
import { CYCLES, EVENTS, WAIT } from '../core/events.ts';
import { UsageError } from './arguments.ts';

const PARANOID_FILE = '/proc/sys/kernel/perf_event_paranoid';
/** Above this an ordinary user may not open even a software event of its own thread. */
const PARANOID_MAX = 2;

/** Prints to stdout and returns the exit status. Throws UsageError on any argument but --help. */
export function list(args: readonly string[]): number {
  const unknown = args.find((arg) => arg !== '-h' && arg !== '--help');
  if (unknown !== undefined)
    throw new UsageError(`list takes no argument, '${unknown}' was given; run \`taskperf list\``);
  process.stdout.write(listText(paranoidLevel()));
  return 0;
}

/** `paranoid` is the kernel's perf_event_paranoid, undefined where there is none. */
export function listText(paranoid: number | undefined): string {
  const width = Math.max(...EVENTS.map((event) => event.name.length));
  const lines = EVENTS.map(({ id, name, unit, meaning }) => {
    const note = id === WAIT || !meaning.includes('(estimated)') ? meaning : `${meaning} (estimated)`;
    // No PMU of src/node counts hardware events.
    const support = id >= CYCLES ? ' <not supported>' : '';
    return `  ${name.padEnd(width)}  ${unit.padEnd(5)}  ${note}${support}`;
  });
  return `${lines.join('\n')}\n\n${accuracyText(paranoid)}\n`;
}

function accuracyText(paranoid: number | undefined): string {
  if (paranoid === undefined) return 'task-clock is estimated here: this system has no perf_event_open.';
  if (paranoid <= PARANOID_MAX || process.getuid?.() === 0) {
    return 'task-clock is exact here where the native addon is built (it is, unless the install said otherwise).';
  }
  return (
    `task-clock is estimated here: kernel.perf_event_paranoid is ${paranoid}; ` +
    'allow it with `sudo sysctl kernel.perf_event_paranoid=2`.'
  );
}

function paranoidLevel(): number | undefined {
  try {
    return Number(fs.readFileSync(PARANOID_FILE, 'utf8'));
  } catch {
    return undefined;
  }
}
