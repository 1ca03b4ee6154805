/** `taskperf record`: counts as `stat` does, and keeps every task in a file, from which `taskperf report` makes the table. */
import { parseRecord } from '../arguments.ts';
import type { RunArguments } from '../arguments.ts';
import { RECORD_HELP } from '../help.ts';
import { checkEvents, measure } from '../measure.ts';
import type { Found } from '../measure.ts';
import { printable } from '../printable.ts';
import { count } from '../units.ts';
import { RecordingFile } from './file.ts';
import { Recorder } from './recorder.ts';

export const FILE_DEFAULT = 'taskperf.jsonl';

/** Returns the exit status. Throws UsageError and LaunchError before anything has run. */
export async function record(args: readonly string[]): Promise<number> {
  const options = parseRecord(args);
  if (options.help) {
    process.stdout.write(RECORD_HELP);
    return 0;
  }
  checkEvents(options);
  const file = new RecordingFile(options.output ?? FILE_DEFAULT);
  try {
    return await run(options, file);
  } finally {
    file.close();
  }
}

async function run(options: RunArguments, file: RecordingFile): Promise<number> {
  const recorder = new Recorder(options, file);
  const { found, status } = await measure(options, recorder);
  recorder.finish(found);
  for (const line of closingLines(recorder.tasks, found, file))
    process.stderr.write(`taskperf: ${printable(line)}\n`);
  return status;
}

/** Nothing of a file that could not be written: that was said. */
function closingLines(tasks: number, { tally, notes }: Found, file: RecordingFile): string[] {
  const lost = tally.lost.events;
  const missing = `${count(lost)} tasks are missing in it, only their sums are there: the program ended them faster than they could be read`;
  const show = `taskperf report${file.path === FILE_DEFAULT ? '' : ` ${file.path}`}`;
  return [
    ...(tally.processes.length === 0 ? notes : []),
    ...(lost > 0 ? [missing] : []),
    ...(file.isWhole
      ? [`recorded ${count(tasks)} tasks in '${file.path}' (${sizeText(file.bytes)}); \`${show}\` shows them`]
      : []),
  ];
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
