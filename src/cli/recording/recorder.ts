/** Writes a recording while the program runs: every task as it is read, the rest at the end. */
import type { RunArguments } from '../arguments.ts';
import type { Blockages } from '../blocked.ts';
import type { BlockedReport } from '../blocked-table.ts';
import { readExit } from '../exit-slot.ts';
import type { Followed, Found, Observer } from '../measure.ts';
import type { Words } from '../reader.ts';
import type { RegionSession } from '../regions.ts';
import type { ExitPlace } from '../ring.ts';
import { version } from '../version.ts';
import { endText, processText } from './end.ts';
import type { End } from './end.ts';
import { SCHEMA, scaledText } from './format.ts';
import type { Header, Task } from './format.ts';
import { Lines } from './lines.ts';
import type { RecordingFile } from './file.ts';

/** The text is written when it is as long, and when all that there is has been read. */
const BUFFER_MAX = 1 << 16;

export class Recorder implements Observer {
  readonly by = 'part';
  readonly intervals = false;
  /** Tasks in the file. */
  tasks = 0;
  readonly #file: RecordingFile;
  readonly #lines: Lines;
  readonly #header: Omit<Header, 'command' | 'pid' | 'startedAt'>;
  #session: RegionSession | undefined;
  #text = '';
  #startNs = 0;
  /** By region, what its process has said of what it counts. */
  readonly #processes: Map<string, string> = new Map();
  /** Of how many events it was written that they take turns. */
  #scaled = 0;

  constructor({ asked, explicitEvents, metricGroups }: RunArguments, file: RecordingFile) {
    this.#file = file;
    this.#lines = new Lines(asked.events);
    this.#header = {
      schema: SCHEMA,
      // Read now: root may be another user from `begin` on.
      taskperf: version(),
      events: asked.events,
      hidden: [...asked.hidden].map(({ name }) => name),
      optional: [...asked.optional].map(({ name }) => name),
      explicitEvents,
      metricGroups,
    };
  }

  begin({ session, pid, command, startNs }: Followed): void {
    this.#session = session;
    this.#startNs = startNs;
    this.#file.begin();
    const header: Header = { ...this.#header, command, pid, startedAt: new Date().toISOString() };
    this.#add(JSON.stringify(header));
  }

  readonly onExit = (words: Words, word: number, place: ExitPlace): void => {
    const { region, pid, thread, nameOf } = place;
    if (!this.#processes.has(region)) this.#addProcesses();
    const { name, id, startNs, endNs, enabledNs, runningNs, values } = readExit(words, word);
    const task: Task = {
      name: nameOf(name),
      id,
      pid,
      thread,
      startNs: startNs - this.#startNs,
      endNs: endNs - this.#startNs,
      enabledNs,
      runningNs,
      counters: this.#lines.named(values),
    };
    this.tasks++;
    this.#add(JSON.stringify({ task }));
  };

  polled(): void {
    this.#addProcesses();
    this.#flush();
  }

  /** Nothing more is written after it. */
  finish(found: Found): void {
    const { ended, elapsedNs, tally, owners, notes } = found;
    const { threads, processes, lost } = tally;
    const end: End = {
      ended,
      elapsedNs,
      shown: found.events.map(({ id }) => id),
      rows: [...tally.rows.values()].map(({ key: _, ...row }) => row),
      threads,
      processes,
      others: found.others,
      othersByThread: found.othersBy('thread'),
      owners,
      blocked: found.blocked && sinceStart(found.blocked),
      lost,
      notes,
    };
    this.#add(endText(end, this.#lines));
    this.#flush();
  }

  /** Those that are new, or say something else than before. */
  #addProcesses(): void {
    const { scaling } = this.#session!;
    for (const [region, facts] of this.#session!.facts()) {
      const { eventBits, estimatedBits, reason, off, events } = facts;
      const states = [...events.values()].map(({ flags, errno }) => `${flags}:${errno}`);
      const said = [eventBits, estimatedBits, reason, off, ...states].join(' ');
      if (this.#processes.get(region) === said) continue;
      this.#processes.set(region, said);
      this.#add(processText(facts, this.#lines));
    }
    if (scaling.size === this.#scaled) return;
    this.#scaled = scaling.size;
    this.#add(scaledText(scaling, this.#lines));
  }

  #add(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length >= BUFFER_MAX) this.#flush();
  }

  #flush(): void {
    if (this.#text !== '') this.#file.write(this.#text);
    this.#text = '';
  }
}

function sinceStart({ log, startNs }: BlockedReport): Blockages {
  const { limitNs, totals, rows, waits } = log;
  return { limitNs, totals, waits, rows: rows.map((row) => ({ ...row, beginNs: row.beginNs - startNs })) };
}
