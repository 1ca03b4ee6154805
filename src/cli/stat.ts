/** `taskperf stat`: counts a command, or a process that runs already, and prints a table or a document at the end. */
import { parseStat } from './arguments.ts';
import type { StatArguments } from './arguments.ts';
import { imbalances } from './document.ts';
import type { IntervalJson } from './document.ts';
import { STAT_HELP } from './help.ts';
import { Intervals } from './interval.ts';
import { checkEvents, measure, nowNs } from './measure.ts';
import type { Followed, Observer } from './measure.ts';
import { Output } from './output.ts';
import { print, writeOut } from './print.ts';

/** Returns the exit status. Throws UsageError and LaunchError before anything has run. */
export async function stat(args: readonly string[]): Promise<number> {
  const options = parseStat(args);
  if (options.help) {
    process.stdout.write(STAT_HELP);
    return 0;
  }
  checkEvents(options);
  const output = new Output(options.output, options.color, { env: process.env, stream: process.stderr });
  try {
    return await run(options, output);
  } finally {
    output.close();
  }
}

async function run(options: StatArguments, output: Output): Promise<number> {
  const observer = new IntervalPrinter(options, output);
  const { found, status } = await measure(options, observer);
  const report = { ...found, by: options.by };
  const notes = [...report.notes, ...observer.notes(), ...imbalances(report)];
  // The program has run: its exit status stays its own, whether that could be written or not.
  print({ ...report, notes }, { json: options.json, output, intervals: observer.kept });
  return status;
}

/** With -I prints what each interval added, and keeps it for the document. */
class IntervalPrinter implements Observer {
  readonly by: StatArguments['by'];
  readonly intervals: boolean;
  readonly #options: StatArguments;
  readonly #output: Output;
  #intervals: Intervals | undefined;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: StatArguments, output: Output) {
    this.by = options.by;
    this.intervals = options.intervalMs !== undefined;
    this.#options = options;
    this.#output = output;
  }

  /** Undefined without -I. */
  get kept(): readonly IntervalJson[] | undefined {
    return this.#intervals?.kept;
  }

  notes(): string[] {
    const dropped = this.#intervals?.dropped ?? 0;
    return dropped === 0 ? [] : [`${dropped} intervals are missing in the document; use a longer -I`];
  }

  begin({ session, system, startNs }: Followed): void {
    const { asked, by, explicitEvents, intervalMs, json } = this.#options;
    const collector = session.intervalCollector;
    if (collector === undefined) return;
    const intervals = new Intervals(session, collector, { ...asked, by, explicitEvents, system, startNs });
    this.#intervals = intervals;
    this.#ticker = setInterval(() => {
      const block = intervals.next(nowNs() - startNs, this.#output.style);
      if (!json) writeOut(this.#output, block);
    }, intervalMs);
  }

  /** The last interval is in the document; the table says it all. */
  end(elapsedNs: number): void {
    clearInterval(this.#ticker);
    this.#intervals?.next(elapsedNs, this.#output.style);
  }
}
