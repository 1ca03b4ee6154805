/** A report as a table or as a document, to where it was asked for. */
import { documentOf } from './document.ts';
import type { IntervalJson } from './document.ts';
import { messageOf } from './directory.ts';
import type { Output } from './output.ts';
import { printable } from './printable.ts';
import type { Report } from './report.ts';
import { renderTable } from './table.ts';

export interface Printing {
  readonly json: boolean;
  readonly output: Output;
  readonly intervals?: readonly IntervalJson[] | undefined;
}

/** false: it could not be written, and that was said. */
export function print(report: Report, { json, output, intervals }: Printing): boolean {
  if (json) return writeOut(output, `${JSON.stringify(documentOf(report, intervals), null, 2)}\n`);
  if (report.tally.processes.length > 0 || report.others.rows.length > 0)
    return writeOut(output, renderTable(report, output.style));
  return writeOut(output, report.notes.map((note) => `taskperf: ${printable(note)}\n`).join(''));
}

/** The same of a part of it. */
export function writeOut(output: Output, text: string): boolean {
  try {
    output.write(text);
    return true;
  } catch (error) {
    process.stderr.write(
      `taskperf: cannot write to '${printable(output.name)}' (${messageOf(error)}); nothing more was written\n`,
    );
    return false;
  }
}
