/** `taskperf report`: the table or the document of a recording. */
import fs from 'node:fs';
import { parseReport } from '../arguments.ts';
import { imbalances } from '../document.ts';
import { REPORT_HELP } from '../help.ts';
import { UsageError } from '../options.ts';
import { Output } from '../output.ts';
import { print } from '../print.ts';
import { reportOf } from './books.ts';
import { FILE_DEFAULT } from './file.ts';
import { SCHEMA_START } from './format.ts';
import { Recording } from './load.ts';

const STATUS_FAILED = 1;

/** Returns the exit status. Throws UsageError. */
export function report(args: readonly string[]): number {
  const options = parseReport(args);
  if (options.help) {
    process.stdout.write(REPORT_HELP);
    return 0;
  }
  const recording = Recording.open(options.input ?? FILE_DEFAULT);
  try {
    const found = reportOf(recording, options.by);
    if (options.output !== undefined) requireNoRecording(options.output);
    const output = new Output(options.output, options.color, { env: process.env, stream: process.stdout });
    const notes = [...found.notes, ...imbalances(found)];
    const isWritten = print({ ...found, notes }, { json: options.json, output });
    output.close();
    return isWritten ? 0 : STATUS_FAILED;
  } finally {
    recording.close();
  }
}

/** `-o` names what is recorded with `record`, and what is read with nobody. */
function requireNoRecording(file: string): void {
  const start = Buffer.alloc(SCHEMA_START.length);
  try {
    const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    fs.readSync(fd, start, 0, start.length, 0);
    fs.closeSync(fd);
  } catch {
    return; // nothing that could be lost
  }
  if (start.toString() === SCHEMA_START)
    throw new UsageError(
      `'${file}' is a recording, which would be lost; give -o another file (the recording to show is named without -o)`,
    );
}
