/** `taskperf list`: the events, what they mean, and how exact they are here. */
import { EVENTS, WAIT } from '../core/events.ts';
import { loadAddon } from '../node/addon.ts';
import { UsageError } from './arguments.ts';

/** Prints to stdout and returns the exit status. Throws UsageError on any argument but --help. */
export function list(args: readonly string[]): number {
  const unknown = args.find((arg) => arg !== '-h' && arg !== '--help');
  if (unknown !== undefined)
    throw new UsageError(`list takes no argument, '${unknown}' was given; run \`taskperf list\``);
  process.stdout.write(listText(loadAddon()?.watch()));
  return 0;
}

/** `watch` is how the addon sees preemption on this machine (Addon.watch), undefined where there is no addon. */
export function listText(watch: number | undefined): string {
  const width = Math.max(...EVENTS.map((event) => event.name.length));
  const lines = EVENTS.map(({ id, name, unit, meaning }) => {
    const note = id === WAIT || !meaning.includes('(estimated)') ? meaning : `${meaning} (estimated)`;
    return `  ${name.padEnd(width)}  ${unit.padEnd(5)}  ${note}`;
  });
  return `${lines.join('\n')}\n\n${accuracyText(watch)}\n`;
}

function accuracyText(watch: number | undefined): string {
  if (watch === undefined)
    return 'task-clock is estimated here: the native addon is not built or does not load.';
  if (watch !== 0) return 'task-clock is exact here.';
  return (
    'task-clock is estimated here: neither rseq nor perf_event_open works; ' +
    'allow the latter with `sudo sysctl kernel.perf_event_paranoid=2`.'
  );
}
