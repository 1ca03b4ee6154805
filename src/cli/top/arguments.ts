/** The command line of `taskperf top`. Every mistake is one sentence with the wrong value and the remedy. */
import { parseArgs } from 'node:util';
import { nearest } from '../../node/events/nearest.ts';
import { parseBlocked } from '../arguments.ts';
import { UsageError } from '../options.ts';
import { SORT_IDS } from './columns.ts';
import type { ColumnId } from './columns.ts';

export interface TopArguments {
  readonly help: boolean;
  readonly pid: number | undefined;
  readonly delayMs: number;
  /** How many refreshes; undefined: until the user or the process ends it. */
  readonly iterations: number | undefined;
  readonly blockedNs: number;
  readonly sort: ColumnId;
  readonly byProcess: boolean;
  /** Also show the JavaScript stacks of blocked threads. */
  readonly stack: boolean;
  readonly color: boolean;
}

const OPTIONS = {
  pid: { type: 'string', short: 'p' },
  delay: { type: 'string', short: 'd' },
  iterations: { type: 'string', short: 'n' },
  sort: { type: 'string', short: 's' },
  blocked: { type: 'string' },
  by: { type: 'string' },
  stack: { type: 'boolean' },
  'no-color': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const DELAY_S_MIN = 0.1;
const DELAY_S_MAX = 3600;

/** Throws UsageError. */
export function parseTop(args: readonly string[]): TopArguments {
  const { values, tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') throw new UsageError(misplaced(token.value));
    if (token.kind === 'option') checkOption(token);
  }
  const given = values as { [name: string]: string | boolean | undefined };
  const text = (name: keyof typeof OPTIONS): string | undefined => given[name] as string | undefined;
  return {
    help: given['help'] === true,
    pid: parseWhole(text('pid'), 'pid', 'the number of a process'),
    delayMs: parseDelay(text('delay') ?? '1'),
    iterations: parseWhole(text('iterations'), 'number of refreshes', '1 or more'),
    blockedNs: parseBlocked(text('blocked') ?? '100ms') * 1e6,
    sort: parseSort(text('sort') ?? 'cpu'),
    byProcess: parseBy(text('by') ?? 'name'),
    stack: given['stack'] === true,
    color: given['no-color'] !== true,
  };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function checkOption({ name, rawName, value, inlineValue }: OptionToken): void {
  if (!Object.hasOwn(OPTIONS, name)) {
    const near = nearest(
      rawName,
      Object.keys(OPTIONS).map((key) => `--${key}`),
    );
    const hint = near === undefined || !rawName.startsWith('--') ? '' : `did you mean '${near}'? `;
    throw new UsageError(`unknown option '${rawName}'; ${hint}\`taskperf top --help\` lists the options`);
  }
  const { type } = OPTIONS[name as keyof typeof OPTIONS];
  if (type === 'boolean') {
    if (value !== undefined) throw new UsageError(`option '${rawName}' takes no value`);
  } else if (value === undefined || value === '' || (inlineValue !== true && value.startsWith('-'))) {
    throw new UsageError(`option '${rawName}' needs a value; \`taskperf top --help\` shows which`);
  }
}

function misplaced(word: string): string {
  return /^\d+$/.test(word)
    ? `'${word}' is no option; name a process with -p ${word}`
    : `'${word}' is no option; top watches what runs: start it as \`taskperf stat -- COMMAND\``;
}

function parseWhole(text: string | undefined, what: string, expected: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 0x7fffffff) return value;
  throw new UsageError(`${what} '${text}' is not ${expected}`);
}

function parseDelay(text: string): number {
  const seconds = Number(text);
  if (/^(\d+(\.\d*)?|\.\d+)$/.test(text) && seconds >= DELAY_S_MIN && seconds <= DELAY_S_MAX)
    return Math.round(seconds * 1000);
  throw new UsageError(
    `delay '${text}' is not a number of seconds from ${DELAY_S_MIN} to ${DELAY_S_MAX}, such as 1 or 0.5`,
  );
}

function parseSort(text: string): ColumnId {
  const id = SORT_IDS.find((one) => one === text);
  if (id !== undefined) return id;
  const near = nearest(text, SORT_IDS);
  const hint = near === undefined ? '' : `did you mean '${near}'? `;
  throw new UsageError(`cannot sort by '${text}'; ${hint}--sort takes ${SORT_IDS.join(', ')}`);
}

function parseBy(text: string): boolean {
  if (text === 'name' || text === 'process') return text === 'process';
  throw new UsageError(`cannot group by '${text}'; --by takes name or process`);
}
