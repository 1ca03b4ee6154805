/**
 * The end of a recording that has none, because the tool was killed: what can be told from the tasks alone. Of the threads
 * only what these tasks used is known, and nothing of tasks that had not ended.
 */
import { EVENT_LINES } from '../../core/layout.ts';
import { NO_OTHERS } from '../os-rows.ts';
import { isCounted } from '../report.ts';
import { Tally, addTo, rowKey } from '../tally.ts';
import type { ProcessFacts } from '../process-facts.ts';
import type { ThreadBooks } from '../tally.ts';
import type { End } from './end.ts';
import type { Header, Task } from './format.ts';
import type { Recording } from './load.ts';

const NOTE =
  'the recording has no end: taskperf was killed, could not write on, or still records. Only tasks that had ended are in it, ' +
  'nothing of what threads did beside';

/** Throws UsageError: a line is damaged. */
export function cutEnd(recording: Recording): End {
  const cut = new CutEnd(recording.header);
  for (const entry of recording.entries()) {
    if (entry.kind === 'task') cut.add(entry.task, entry.values);
    else if (entry.kind === 'process') cut.say(entry.process);
  }
  return cut.end();
}

class CutEnd {
  readonly #header: Header;
  /** Rows of parts. */
  readonly #tally: Tally = new Tally();
  readonly #threads: Map<string, ThreadBooks> = new Map();
  /** By pid, as it was said last. */
  readonly #processes: Map<number, ProcessFacts> = new Map();
  #elapsedNs = 0;

  constructor(header: Header) {
    this.#header = header;
  }

  add({ name, pid, thread, endNs }: Task, values: Float64Array): void {
    const row = this.#tally.row(rowKey('part', { pid, thread, name }), name, { pid, thread });
    let books = this.#threads.get(`${pid}/${thread}`);
    if (books === undefined) this.#threads.set(`${pid}/${thread}`, (books = emptyBooks(pid, thread)));
    row.count++;
    for (const sums of [row.exited, row.values, books.total, books.tasks]) addTo(sums, values, 0);
    this.#elapsedNs = Math.max(this.#elapsedNs, endNs);
  }

  say(process: ProcessFacts): void {
    this.#processes.set(process.pid, process);
  }

  end(): End {
    const { events, optional } = this.#header;
    const processes = [...this.#processes.values()];
    return {
      ended: { code: null, signal: null, forced: false },
      elapsedNs: this.#elapsedNs,
      shown: events
        .filter((event) => !optional.includes(event.name) || isCounted(event, processes))
        .map(({ id }) => id),
      rows: [...this.#tally.rows.values()],
      threads: [...this.#threads.values()],
      processes,
      others: NO_OTHERS,
      othersByThread: NO_OTHERS,
      owners: new Map(),
      blocked: undefined,
      lost: this.#tally.lost,
      notes: [NOTE],
    };
  }
}

function emptyBooks(pid: number, id: number): ThreadBooks {
  const name = id === 0 ? 'main' : `worker ${id}`;
  const books = { total: lines(), tasks: lines(), unattributed: lines(), late: lines() };
  const costs = { switches: 0, boundaries: 0, switchCostNs: 0 };
  return { pid, id, tid: 0, name, ...books, loop: lines(), idle: lines(), ...costs };
}

function lines(): Float64Array {
  return new Float64Array(EVENT_LINES);
}
