/** `taskperf report`: the table or the document of a recording. */
import { parseReport } from '../arguments.ts';
import { imbalances } from '../document.ts';
import { REPORT_HELP } from '../help.ts';
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
  const recording = Recording.open(options.input ?? FILE_DEFAULT);
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
