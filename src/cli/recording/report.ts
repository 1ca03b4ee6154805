/** `taskperf report`: the table or the document of a recording. */
import fs from 'node:fs';
import { parseReport } from '../arguments.ts';
import { imbalances } from '../document.ts';
import { REPORT_HELP } from '../help.ts';
import { UsageError } from '../options.ts';
import { Output } from '../output.ts';
import { print } from '../stat.ts';
import { reportOf } from './books.ts';
import { Recording } from './load.ts';
import { FILE_DEFAULT } from './record.ts';

/** Returns the exit status. Throws UsageError. */
export function report(args: readonly string[]): number {
  const options = parseReport(args);
  if (options.help) {
    process.stdout.write(REPORT_HELP);
    return 0;
  }
  const input = options.input ?? FILE_DEFAULT;
  if (options.output !== undefined && isSame(input, options.output))
    throw new UsageError(`'${options.output}' is the recording itself; give -o another file`);
  const recording = Recording.open(input);
  try {
    const found = reportOf(recording, options.by);
    const output = new Output(options.output, options.color, { env: process.env, stream: process.stdout });
    print({ ...found, notes: [...found.notes, ...imbalances(found)] }, { json: options.json, output });
    output.close();
    return 0;
  } finally {
    recording.close();
  }
}

function isSame(one: string, other: string): boolean {
  try {
    const [a, b] = [one, other].map((file) => fs.statSync(file));
    return a!.ino === b!.ino && a!.dev === b!.dev;
  } catch {
    return false; // one of them does not exist, or may not be looked at
  }
}
