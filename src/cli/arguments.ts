/**
 * The command lines of `taskperf stat`, `record` and `report`. Every mistake is one sentence with the wrong value and the
 * remedy.
 */
import { TaskperfError } from '../core/errors.ts';
import { askedEvents } from './asked-events.ts';
import type { AskedEvents, Wanted } from './asked-events.ts';
import { DETAIL_SETS } from '../node/events/catalogue.ts';
import { METRIC_GROUPS } from './metrics.ts';
import type { MetricGroup } from './metrics.ts';
import { nearest } from '../node/events/nearest.ts';
import { UsageError, parseCommand, parseWords } from './options.ts';
import type { By } from './tally.ts';

/** What is counted, and of what. */
export interface RunArguments {
  readonly help: boolean;
  readonly asked: AskedEvents;
  readonly explicitEvents: boolean;
  readonly metricGroups: readonly MetricGroup[];
  /** From how long on an event loop is said to be blocked. */
  readonly blockedMs: number;
  /** Also show the JavaScript stacks of blocked event loops. */
  readonly stack: boolean;
  readonly output: string | undefined;
  /** A process that runs already. */
  readonly pid: number | undefined;
  /** Empty only where there is a pid: else it says for how long that is counted. */
  readonly command: readonly string[];
}

export interface StatArguments extends RunArguments {
  readonly intervalMs: number | undefined;
  readonly json: boolean;
  readonly by: By;
  readonly color: boolean;
}

export const INTERVAL_MS_MIN: number = 10;
export const BLOCKED_MS: number = 50;
const BY: readonly By[] = ['name', 'task', 'thread', 'process'];

const RUN_OPTIONS = {
  event: { type: 'string', short: 'e', multiple: true },
  detail: { type: 'boolean', short: 'd', multiple: true },
  metrics: { type: 'string', short: 'M', multiple: true },
  blocked: { type: 'string' },
  stack: { type: 'boolean' },
  output: { type: 'string', short: 'o' },
  pid: { type: 'string', short: 'p' },
  help: { type: 'boolean', short: 'h' },
} as const;

const STAT_OPTIONS = {
  ...RUN_OPTIONS,
  interval: { type: 'string', short: 'I' },
  json: { type: 'boolean' },
  by: { type: 'string' },
  'no-color': { type: 'boolean' },
} as const;

export interface ReportArguments {
  readonly help: boolean;
  /** The recording. */
  readonly input: string | undefined;
  readonly json: boolean;
  readonly output: string | undefined;
  readonly by: By;
  readonly color: boolean;
}

const REPORT_OPTIONS = {
  input: { type: 'string', short: 'i' },
  output: { type: 'string', short: 'o' },
  json: { type: 'boolean' },
  by: { type: 'string' },
  'no-color': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Throws UsageError. */
export function parseReport(args: readonly string[]): ReportArguments {
  const { values, words } = parseWords('report', args, REPORT_OPTIONS);
  const [input, more] = [...(values.input === undefined ? [] : [values.input]), ...words];
  if (more !== undefined)
    throw new UsageError(`'${more}' is one recording too many; report shows one, '${input}'`);
  return {
    help: values.help === true,
    input: parseFile('-i', input),
    json: values.json === true,
    output: parseFile('-o', values.output),
    by: parseBy(values.by),
    color: values['no-color'] !== true,
  };
}

/** Throws UsageError. */
export function parseStat(args: readonly string[]): StatArguments {
  const { values, command } = parseCommand('stat', args, STAT_OPTIONS);
  return {
    ...runArguments('stat', values, command),
    intervalMs: parseInterval(values.interval),
    json: values.json === true,
    by: parseBy(values.by),
    color: values['no-color'] !== true,
  };
}

/** Throws UsageError. */
export function parseRecord(args: readonly string[]): RunArguments {
  const { values, command } = parseCommand('record', args, RUN_OPTIONS);
  return runArguments('record', values, command);
}

type RunValues = ReturnType<typeof parseCommand<typeof RUN_OPTIONS>>['values'];

function runArguments(subcommand: string, values: RunValues, command: readonly string[]): RunArguments {
  const help = values.help === true;
  if (!help && command.length === 0 && values.pid === undefined) {
    throw new UsageError(
      `no command given; write it after --, as in \`taskperf ${subcommand} -- node app.js\``,
    );
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
    blockedMs: parseBlocked(values.blocked),
    stack: values.stack === true,
    output: parseFile('-o', values.output),
    pid: parsePid(values.pid),
    command,
  };
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

/** Throws UsageError. */
export function parsePid(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const pid = Number(text);
  if (/^[1-9]\d*$/.test(text) && pid <= 0x7fffffff) return pid;
  throw new UsageError(`'${text}' is not the number of a process, such as 4711; \`ps -e\` lists them`);
}

/** Of a loop's blockages: "100ms", "2s"; a number alone is ms. */
export function parseBlocked(text: string | undefined): number {
  if (text === undefined) return BLOCKED_MS;
  const [, digits, unit] = /^(\d+)(ms|s)?$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === 's' ? 1000 : 1);
  if (ms >= 1 && ms <= 0x7fffffff) return ms;
  throw new UsageError(`--blocked '${text}' is not a time of 1 ms or more, such as 100ms or 2s`);
}

function parseFile(option: string, file: string | undefined): string | undefined {
  if (file === '') throw new UsageError(`option '${option}' needs the name of a file`);
  return file;
}

function parseBy(text: string | undefined): By {
  const by = BY.find((one) => one === (text ?? 'name'));
  if (by !== undefined) return by;
  throw new UsageError(`cannot group by '${text}'; --by takes ${BY.join(', ')}`);
}
