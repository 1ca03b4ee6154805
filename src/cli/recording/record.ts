/** `taskperf record`: counts as `stat` does, and keeps every task in a file, from which `taskperf report` makes the table. */
import { parseRecord } from '../arguments.ts';
import type { RunArguments } from '../arguments.ts';
import { RECORD_HELP } from '../help.ts';
import { checkEvents, measure } from '../measure.ts';
import type { Found } from '../measure.ts';
import { printable } from '../printable.ts';
import { count } from '../units.ts';
import { FILE_DEFAULT, RecordingFile } from './file.ts';
import { Recorder } from './recorder.ts';

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

function closingLines(tasks: number, { tally, notes }: Found, file: RecordingFile): string[] {
  const { events, tasks: uncounted } = tally.lost;
  const missing = [
    [events, 'only their sums are there: the program ended them faster than they could be read'],
    [uncounted, 'and in the sums: all places for tasks that run at once were taken'],
  ] as const;
  return [
    ...notes,
    ...missing.flatMap(([lost, why]) => (lost === 0 ? [] : [`${tasksText(lost)} missing in it, ${why}`])),
    ...(file.isWhole ? [recordedText(tasks, file)] : []), // else it was said
  ];
}

function recordedText(tasks: number, { path, bytes, isPlain }: RecordingFile): string {
  const name = path === FILE_DEFAULT ? '' : ` ${/[^\w./:@%+=-]/.test(path) ? `'${path}'` : path}`;
  const show = isPlain ? `; \`taskperf report${name}\` shows them` : '';
  return `recorded ${tasksText(tasks)} in '${path}' (${sizeText(bytes)})${show}`;
}

function sizeText(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function tasksText(tasks: number): string {
  return `${count(tasks)} ${tasks === 1 ? 'task' : 'tasks'}`;
}
