/**
 * The command line of `taskperf stat`. Options end at `--` or at the first word that is none, as in perf, so the
 * command's own flags are never taken for ours. Every mistake is one sentence with the wrong value and the remedy.
 */
import { parseArgs } from 'node:util';
import { TaskperfError } from '../core/errors.ts';
import { askedEvents } from './asked-events.ts';
import type { AskedEvents, Wanted } from './asked-events.ts';
import { DETAIL_SETS } from '../node/events/catalogue.ts';
import { METRIC_GROUPS } from './metrics.ts';
import type { MetricGroup } from './metrics.ts';
import { nearest } from '../node/events/nearest.ts';
import type { By } from './tally.ts';

/** A mistake in the command line; the exit status is 129. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export interface StatArguments {
  readonly help: boolean;
  readonly asked: AskedEvents;
  readonly explicitEvents: boolean;
  readonly metricGroups: readonly MetricGroup[];
  readonly intervalMs: number | undefined;
  /** From how long on an event loop is said to be blocked. */
  readonly blockedMs: number;
  /** Also show the JavaScript stacks of blocked event loops. */
  readonly stack: boolean;
  readonly json: boolean;
  readonly output: string | undefined;
  readonly by: By;
  readonly color: boolean;
  readonly command: readonly string[];
}

export const INTERVAL_MS_MIN: number = 10;
export const BLOCKED_MS: number = 50;
const BY: readonly By[] = ['name', 'task', 'thread', 'process'];

const OPTIONS = {
  event: { type: 'string', short: 'e', multiple: true },
  detail: { type: 'boolean', short: 'd', multiple: true },
  metrics: { type: 'string', short: 'M', multiple: true },
  interval: { type: 'string', short: 'I' },
  blocked: { type: 'string' },
  stack: { type: 'boolean' },
  json: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  by: { type: 'string' },
  'no-color': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Throws UsageError. */
export function parseStat(args: readonly string[]): StatArguments {
  const { own, command } = splitCommand(args);
  const { values } = parseArgs({ args: own, options: OPTIONS, strict: true, allowPositionals: false });
  const help = values.help === true;
  if (!help && command.length === 0) {
    throw new UsageError('no command given; write it after --, as in `taskperf stat -- node app.js`');
  }
  const wanted: Wanted = {
    lists: values.event,
    detail: parseDetail(values.detail),
    metricGroups: parseMetrics(values.metrics),
  };
  return {
    help,
    asked: parseEvents(wanted),
    explicitEvents: values.event !== undefined || wanted.detail > 0,
    metricGroups: wanted.metricGroups,
    intervalMs: parseInterval(values.interval),
    blockedMs: parseBlocked(values.blocked),
    stack: values.stack === true,
    json: values.json === true,
    output: parseOutput(values.output),
    by: parseBy(values.by),
    color: values['no-color'] !== true,
    command,
  };
}

/** Our options before the command, each checked, so that parseArgs meets no surprise. */
function splitCommand(args: readonly string[]): { own: string[]; command: string[] } {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') return { own: args.slice(0, i), command: args.slice(i + 1) };
    if (!arg.startsWith('-') || arg === '-') return { own: args.slice(0, i), command: args.slice(i) };
    if (!takesNext(arg)) continue;
    const value = args[++i];
    // A value may not look like an option: it was forgotten. `-o=-x` says it is meant.
    if (value === undefined || value.startsWith('-')) throw new UsageError(missingValue(arg));
  }
  return { own: [...args], command: [] };
}

/** Checks one option; true when its value is the next word. */
function takesNext(arg: string): boolean {
  const long = arg.startsWith('--');
  const equals = arg.indexOf('=');
  const name = long ? arg.slice(2, equals === -1 ? undefined : equals) : arg.slice(1, 2);
  const option = Object.entries(OPTIONS).find(([key, one]) => {
    return long ? key === name : 'short' in one && one.short === name;
  });
  if (option === undefined) throw new UsageError(unknownOption(long ? `--${name}` : `-${name}`));
  const [, { type }] = option;
  if (type === 'string') return long ? equals === -1 : arg.length === 2;
  // As in perf: -dd is -d -d.
  if (/^-d+$/.test(arg)) return false;
  if (long ? equals !== -1 : arg.length > 2)
    throw new UsageError(`option '${arg}' takes no value; write the options one by one`);
  return false;
}

function missingValue(option: string): string {
  return `option '${option}' needs a value; \`taskperf stat --help\` shows which`;
}

function unknownOption(option: string): string {
  if (option === '-p' || option === '--pid') {
    return `option '${option}' (a running process) is not available yet; start the program as \`taskperf stat -- COMMAND\``;
  }
  const near = nearest(
    option,
    Object.keys(OPTIONS).map((key) => `--${key}`),
  );
  const hint = near === undefined || !option.startsWith('--') ? '' : `did you mean '${near}'? `;
  return `unknown option '${option}'; ${hint}\`taskperf stat --help\` lists the options, those of the command go after --`;
}

function parseEvents(wanted: Wanted): AskedEvents {
  try {
    return askedEvents(wanted);
  } catch (error) {
    if (error instanceof TaskperfError) throw new UsageError(error.message);
    throw error;
  }
}

function parseDetail(given: readonly boolean[] | undefined): number {
  const detail = given?.length ?? 0;
  if (detail <= DETAIL_SETS.length) return detail;
  throw new UsageError(
    `-d was given ${detail} times; there are ${DETAIL_SETS.length} steps of detail, -d, -dd and -ddd`,
  );
}

/** Accepts several -M; each group once, in the order of METRIC_GROUPS. */
function parseMetrics(lists: readonly string[] | undefined): MetricGroup[] {
  const names = (lists ?? []).flatMap((list) => list.split(',')).map((name) => name.trim());
  const unknown = names.find((name) => !METRIC_GROUPS.some((group) => group === name));
  if (unknown === '')
    throw new UsageError(
      `a group is missing in -M '${lists!.join(',')}'; -M takes ${METRIC_GROUPS.join(', ')}`,
    );
  if (unknown === undefined) return METRIC_GROUPS.filter((group) => names.includes(group));
  const near = nearest(unknown, METRIC_GROUPS);
  const hint = near === undefined ? '' : `did you mean '${near}'? `;
  throw new UsageError(`unknown group of metrics '${unknown}'; ${hint}-M takes ${METRIC_GROUPS.join(', ')}`);
}

function parseInterval(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Number(text);
  if (/^\d+$/.test(text) && ms >= INTERVAL_MS_MIN && ms <= 0x7fffffff) return ms;
  throw new UsageError(
    `interval '${text}' is not a number of milliseconds from ${INTERVAL_MS_MIN} on, such as 1000`,
  );
}

/** Of a loop's blockages: "100ms", "2s"; a number alone is ms. */
export function parseBlocked(text: string | undefined): number {
  if (text === undefined) return BLOCKED_MS;
  const [, digits, unit] = /^(\d+)(ms|s)?$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === 's' ? 1000 : 1);
  if (ms >= 1 && ms <= 0x7fffffff) return ms;
  throw new UsageError(`--blocked '${text}' is not a time of 1 ms or more, such as 100ms or 2s`);
}

function parseOutput(file: string | undefined): string | undefined {
  if (file === '') throw new UsageError(missingValue('-o'));
  return file;
}

function parseBy(text: string | undefined): By {
  const by = BY.find((one) => one === (text ?? 'name'));
  if (by !== undefined) return by;
  throw new UsageError(`cannot group by '${text}'; --by takes ${BY.join(', ')}`);
}
