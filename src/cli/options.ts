/**
 * Options before a command. They end at `--` or at the first word that is none, as in perf, so the command's own flags are
 * never taken for ours.
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

/** The options of the subcommand, each checked so that parseArgs meets no surprise, and the words after them. */
export function parseCommand<const O extends Options>(
  subcommand: string,
  args: readonly string[],
  options: O,
): { values: Values<O>; command: string[] } {
  const { own, command } = splitCommand(subcommand, args, options);
  const { values } = parseArgs({ args: own, options, strict: true, allowPositionals: false });
  return { values, command };
}

function splitCommand(
  subcommand: string,
  args: readonly string[],
  options: Options,
): { own: string[]; command: string[] } {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') return { own: args.slice(0, i), command: args.slice(i + 1) };
    if (!arg.startsWith('-') || arg === '-') return { own: args.slice(0, i), command: args.slice(i) };
    if (!takesNext(subcommand, arg, options)) continue;
    const value = args[++i];
    // A value may not look like an option: it was forgotten. `-o=-x` says it is meant.
    if (value === undefined || value.startsWith('-')) throw new UsageError(missingValue(subcommand, arg));
  }
  return { own: [...args], command: [] };
}

/** Checks one option; true when its value is the next word. */
function takesNext(subcommand: string, arg: string, options: Options): boolean {
  const long = arg.startsWith('--');
  const equals = arg.indexOf('=');
  const name = long ? arg.slice(2, equals === -1 ? undefined : equals) : arg.slice(1, 2);
  const option = Object.entries(options).find(([key, { short }]) => name === (long ? key : short));
  if (option === undefined)
    throw new UsageError(unknownOption(subcommand, long ? `--${name}` : `-${name}`, options));
  const [, { type }] = option;
  if (type === 'string') return long ? equals === -1 : arg.length === 2;
  // As in perf: -dd is -d -d.
  if (/^-d+$/.test(arg)) return false;
  if (long ? equals !== -1 : arg.length > 2)
    throw new UsageError(`option '${arg}' takes no value; write the options one by one`);
  return false;
}

function missingValue(subcommand: string, option: string): string {
  return `option '${option}' needs a value; \`taskperf ${subcommand} --help\` shows which`;
}

function unknownOption(subcommand: string, option: string, options: Options): string {
  const near = nearest(
    option,
    Object.keys(options).map((key) => `--${key}`),
  );
  const hint = near === undefined || !option.startsWith('--') ? '' : `did you mean '${near}'? `;
  return `unknown option '${option}'; ${hint}\`taskperf ${subcommand} --help\` lists the options, those of the command go after --`;
}
