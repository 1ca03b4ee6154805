/**
 * `taskperf top --last PID|FILE`: the last state of a process that ran under taskperf, from the region that it left. A
 * region stays when its process and the tool that started it were both killed, until the next run.
 */
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { TaskperfError } from '../../core/errors.ts';
import { UsageError } from '../options.ts';
import { PrivateDirectory, isRegionFile, messageOf, pidOfFile, regionDirectory } from '../directory.ts';
import { widthOf } from '../output.ts';
import { printable } from '../printable.ts';
import { RegionReader } from '../reader.ts';
import { isRunning, ownersOf } from '../stale.ts';
import { documentOfLast } from './document.ts';
import { renderLast } from './render.ts';
import { lastState } from './state.ts';

const OPTIONS = { last: { type: 'string' }, json: { type: 'boolean' } } as const;

/** Is this what `top` was asked for? */
export function asksForLast(args: readonly string[]): boolean {
  return args.some((arg) => arg === '--last' || arg.startsWith('--last='));
}

/** Returns the exit status. @throws UsageError: one sentence for everything that can be wrong with what was named. */
export function last(args: readonly string[]): number {
  const { target, json } = parse(args);
  const readers = /^\d+$/.test(target) ? openPid(target) : [openNamed(target)];
  try {
    // What is wrong with one is known before anything is printed.
    const texts = readers.map((reader) => (json ? jsonOf(reader) : tableOf(reader)));
    process.stdout.write(texts.join(''));
    return 0;
  } finally {
    for (const reader of readers) reader.close();
  }
}

function parse(args: readonly string[]): { target: string; json: boolean } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: OPTIONS,
      strict: true,
      allowPositionals: false,
    });
    const target = values.last ?? '';
    if (target !== '') return { target, json: values.json === true };
  } catch (error) {
    const sentence = (error as Error).message.split('\n')[0]!.replace(/\.?( To specify .*)?$/, '');
    throw new UsageError(`${sentence}; \`top --last PID|FILE\` takes --json and nothing else`);
  }
  throw new UsageError("option '--last' needs a value; name a pid, or the file of a region");
}

function tableOf(reader: RegionReader): string {
  const runs = isRunning(ownersOf(reader.header).process);
  return renderLast(
    stateOf(reader, runs),
    { isRunning: runs },
    widthOf(process.stdout.columns, process.env['COLUMNS']),
  );
}

function jsonOf(reader: RegionReader): string {
  const runs = isRunning(ownersOf(reader.header).process);
  return `${JSON.stringify(documentOfLast(stateOf(reader, runs), { isRunning: runs }), null, 2)}\n`;
}

function stateOf(reader: RegionReader, runs: boolean): ReturnType<typeof lastState> {
  return lastState(reader, runs ? Number(process.hrtime.bigint()) : undefined);
}

function openNamed(file: string): RegionReader {
  try {
    return RegionReader.open(file, 'named');
  } catch (error) {
    if (error instanceof TaskperfError) throw new UsageError(error.message);
    const { code } = error as NodeJS.ErrnoException;
    const shown = printable(file);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new UsageError(`there is no file '${shown}'; name a pid, or the file of a region`);
    if (code === 'EACCES')
      throw new UsageError(`'${shown}' may not be read by you (EACCES); ask its owner, or root`);
    throw new UsageError(`cannot read '${shown}': ${messageOf(error)}`);
  }
}

/** The region of the process, and those of its workers where they have their own. */
function openPid(text: string): RegionReader[] {
  const path = regionDirectory(process.env);
  const directory = openDirectory(path);
  const names = (directory?.names() ?? [])
    .filter((name) => isRegionFile(name) && pidOfFile(name) === Number(text))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  if (directory === undefined || names.length === 0) {
    throw new UsageError(
      `there is no region of process ${text} in ${printable(path)}; it did not run under taskperf, or its table was printed and the region removed`,
    );
  }
  try {
    return names.map((name) => RegionReader.open(directory.at(name), 'private', directory.shown(name)));
  } catch (error) {
    if (error instanceof TaskperfError) throw new UsageError(error.message);
    throw new UsageError(`cannot read the region of process ${text}: ${messageOf(error)}`);
  } finally {
    directory.close();
  }
}

/** Undefined when there is none. */
function openDirectory(path: string): PrivateDirectory | undefined {
  if (!fs.existsSync(path)) return undefined;
  try {
    return PrivateDirectory.open(path);
  } catch (error) {
    if (error instanceof TaskperfError) throw new UsageError(error.message);
    throw error;
  }
}
