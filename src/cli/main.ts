#!/usr/bin/env node
/** The command `taskperf`: what it can do, one subcommand per file. */
import { nearest } from '../node/events/nearest.ts';
import { UsageError } from './options.ts';
import { messageOf } from './directory.ts';
import { doctor } from './doctor.ts';
import { HELP, SUBCOMMANDS } from './help.ts';
import { LaunchError } from './launch.ts';
import { asksForLast, last } from './last/last.ts';
import { list } from './list.ts';
import { printable } from './printable.ts';
import { stat } from './stat.ts';
import { top } from './top.ts';
import { version } from './version.ts';

const STATUS_FAILED = 1;
const STATUS_USAGE = 129;

// What checks recordings is loaded by those who need it.
async function main(args: readonly string[]): Promise<number> {
  const [subcommand, ...rest] = args;
  switch (subcommand) {
    case 'stat':
      return await stat(rest);
    case 'top':
      return asksForLast(rest) ? last(rest) : await top(rest);
    case 'record':
      return await (await import('./recording/record.ts')).record(rest);
    case 'report':
      return (await import('./recording/report.ts')).report(rest);
    case 'list':
      return list(rest);
    case 'doctor':
      return doctor(rest);
    case '-h':
    case '--help':
      process.stdout.write(HELP);
      return 0;
    case '--version':
      process.stdout.write(`taskperf ${version()}\n`);
      return 0;
    default:
      throw new UsageError(unknownSubcommand(subcommand));
  }
}

function unknownSubcommand(name: string | undefined): string {
  const existing = `there are ${listed(SUBCOMMANDS)}; \`taskperf --help\` explains them`;
  if (name === undefined) return `no subcommand given; ${existing}`;
  const near = nearest(name, SUBCOMMANDS);
  const kind = name.startsWith('-') ? 'option' : 'subcommand';
  return `unknown ${kind} '${name}'; ${near === undefined ? '' : `did you mean '${near}'? `}${existing}`;
}

/** "stat, list and doctor" */
function listed(names: readonly string[]): string {
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Sentences for mistakes of the user; our own bugs keep their stack. */
function statusOf(error: unknown): number {
  if (!(error instanceof UsageError || error instanceof LaunchError)) throw error;
  process.stderr.write(`taskperf: ${printable(error.message)}\n`);
  return error instanceof LaunchError ? error.status : STATUS_USAGE;
}

// A reader that goes away (`taskperf … 2>&1 | head`) is no reason to lose the program's exit status.
process.stderr.on('error', () => {});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  process.stderr.write(`taskperf: cannot write to stdout (${messageOf(error)})\n`);
  process.once('exit', () => (process.exitCode = STATUS_FAILED));
});

process.exitCode = await main(process.argv.slice(2)).catch(statusOf);
