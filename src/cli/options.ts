/**
 * Options and words of a subcommand. Before a command options end at `--` or at the first word that is none, as in perf, so
 * the command's own flags are never taken for ours.
 */
import { parseArgs } from 'node:util';
import type { ParseArgsConfig } from 'node:util';
import { nearest } from '../node/events/nearest.ts';

/** A mistake in the command line; the exit status is 129. */
export class UsageError extends Error {
  override name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<
  typeof parseArgs<{ options: O; strict: true; allowPositionals: false }>
>['values'];

/** What a subcommand takes. */
interface Syntax<O extends Options> {
  readonly subcommand: string;
  readonly options: O;
  /** The words after the options are a command, with options of its own. */
  readonly takesCommand: boolean;
}

/** The options of the subcommand, each checked so that parseArgs meets no surprise, and the command after them. */
export function parseCommand<const O extends Options>(
  subcommand: string,
  args: readonly string[],
  options: O,
): { values: Values<O>; command: string[] } {
  const { own, words } = split(args, { subcommand, options, takesCommand: true });
  return { values: valuesOf(own, options), command: words };
}

/** The options of a subcommand that starts nothing, and the words between them. */
export function parseWords<const O extends Options>(
  subcommand: string,
  args: readonly string[],
  options: O,
): { values: Values<O>; words: string[] } {
  const own: string[] = [];
  const words: string[] = [];
  for (let rest = args; rest.length > 0; ) {
    const found = split(rest, { subcommand, options, takesCommand: false });
    const isEnd = rest[found.own.length] === '--';
    own.push(...found.own);
    words.push(...found.words.slice(0, isEnd ? undefined : 1));
    rest = isEnd ? [] : found.words.slice(1);
  }
  return { values: valuesOf(own, options), words };
}

function valuesOf<O extends Options>(args: string[], options: O): Values<O> {
  return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
}

function split(args: readonly string[], syntax: Syntax<Options>): { own: string[]; words: string[] } {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') return { own: args.slice(0, i), words: args.slice(i + 1) };
    if (!arg.startsWith('-') || arg === '-') return { own: args.slice(0, i), words: args.slice(i) };
    if (!takesNext(arg, syntax)) continue;
    const value = args[++i];
    // A value may not look like an option: it was forgotten. `-o=-x` says it is meant.
    if (value === undefined || value.startsWith('-')) throw new UsageError(missingValue(arg, syntax));
  }
  return { own: [...args], words: [] };
}

/** Checks one option; true when its value is the next word. */
function takesNext(arg: string, syntax: Syntax<Options>): boolean {
  const long = arg.startsWith('--');
  const equals = arg.indexOf('=');
  const name = long ? arg.slice(2, equals === -1 ? undefined : equals) : arg.slice(1, 2);
  const option = Object.entries(syntax.options).find(([key, { short }]) => name === (long ? key : short));
  if (option === undefined) throw new UsageError(unknownOption(long ? `--${name}` : `-${name}`, syntax));
  const [, { type }] = option;
  if (type === 'string') return long ? equals === -1 : arg.length === 2;
  // As in perf: -dd is -d -d.
  if (/^-d+$/.test(arg)) return false;
  if (long ? equals !== -1 : arg.length > 2)
    throw new UsageError(`option '${arg}' takes no value; write the options one by one`);
  return false;
}

function missingValue(option: string, { subcommand }: Syntax<Options>): string {
  return `option '${option}' needs a value; \`taskperf ${subcommand} --help\` shows which`;
}

function unknownOption(option: string, { subcommand, options, takesCommand }: Syntax<Options>): string {
  const near = nearest(
    option,
    Object.keys(options).map((key) => `--${key}`),
  );
  const hint = near === undefined || !option.startsWith('--') ? '' : `did you mean '${near}'? `;
  const others = takesCommand ? ', those of the command go after --' : '';
  return `unknown option '${option}'; ${hint}\`taskperf ${subcommand} --help\` lists the options${others}`;
}
