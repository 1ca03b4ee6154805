/** `taskperf list`: every event by the name to write behind -e, what it means, and how exact times are here. */
import { loadAddon } from '../node/addon.ts';
import { catalogue } from '../node/events/catalogue.ts';
import type { CatalogueEntry, CatalogueGroup } from '../node/events/catalogue.ts';
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
  const groups = catalogue();
  const entries = groups.flatMap((group) => group.entries);
  const width = Math.max(...entries.map((entry) => label(entry).length));
  return `${groups.map((group) => groupText(group, width)).join('\n')}\n${accuracyText(watch)}\n`;
}

function groupText({ title, meaning, entries }: CatalogueGroup, width: number): string {
  const lines = entries.map((entry) => `  ${label(entry).padEnd(width)}  ${entryText(entry)}\n`);
  return `${title}: ${meaning}\n${lines.join('')}`;
}

function label({ name, aliases }: CatalogueEntry): string {
  return [name, ...aliases].join(' OR ');
}

function entryText({ events }: CatalogueEntry): string {
  const { unit, meaning, source } = events[0]!;
  // No PMU of src/node counts the others.
  const support = source.kind === 'fixed' ? '' : ' <not supported>';
  return `${unit.padEnd(5)}  ${meaning}${support}`;
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
