/** Writes a recording while the program runs: every task as it is read, the rest at the end. */
import {
  E_F64_ENABLED,
  E_F64_END,
  E_F64_ID,
  E_F64_RUNNING,
  E_F64_START,
  E_F64_VALUES,
  E_NAME,
  EVENT_LINES,
} from '../../core/layout.ts';
import type { RunArguments } from '../arguments.ts';
import type { Blockages } from '../blocked.ts';
import type { BlockedReport } from '../blocked-table.ts';
import type { Followed, Found, Observer } from '../measure.ts';
import type { Words } from '../reader.ts';
import type { RegionSession } from '../regions.ts';
import type { ExitPlace } from '../ring.ts';
import { version } from '../version.ts';
import { endText, processText } from './end.ts';
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
  /** By pid, the line that tells of it. */
  readonly #processes: Map<number, string> = new Map();
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

  readonly onExit = ({ i32, f64 }: Words, word: number, place: ExitPlace): void => {
    const { pid, thread, nameOf } = place;
    if (!this.#processes.has(pid)) this.#addProcesses();
    const at = word / 2;
    const values = at + E_F64_VALUES;
    const task: Task = {
      name: nameOf(i32[word + E_NAME]!),
      id: f64[at + E_F64_ID]!,
      pid,
      thread,
      startNs: f64[at + E_F64_START]! - this.#startNs,
      endNs: f64[at + E_F64_END]! - this.#startNs,
      enabledNs: f64[at + E_F64_ENABLED]!,
      runningNs: f64[at + E_F64_RUNNING]!,
      counters: this.#lines.named(f64.subarray(values, values + EVENT_LINES)),
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
    const { ended, elapsedNs, tally, others, owners, notes, events } = found;
    const { threads, processes, lost } = tally;
    const rows = [...tally.rows.values()].map(({ key: _, ...row }) => row);
    const shown = events.map(({ id }) => id);
    const blocked = found.blocked && sinceStart(found.blocked);
    const end = { ended, elapsedNs, shown, rows, threads, processes, others, owners, blocked, lost, notes };
    this.#add(endText(end, this.#lines));
    this.#flush();
  }

  /** Those that are new, or say something else than before. */
  #addProcesses(): void {
    const { scaling } = this.#session!;
    for (const facts of this.#session!.facts()) {
      const text = processText(facts, this.#lines);
      if (this.#processes.get(facts.pid) === text) continue;
      this.#processes.set(facts.pid, text);
      this.#add(text);
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
