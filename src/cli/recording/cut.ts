/**
 * The end of a recording that has none, because the tool was killed: what can be told from the tasks alone. Of the threads
 * only what these tasks used is known, and nothing of tasks that had not ended.
 */
import { TASK_CLOCK } from '../../core/events.ts';
import { EVENT_LINES, REASON_NONE } from '../../core/layout.ts';
import { NO_OTHERS } from '../os-rows.ts';
import { rowKey } from '../tally.ts';
import type { ProcessFacts, Row, ThreadBooks } from '../tally.ts';
import type { End } from './end.ts';
import type { Header, Task } from './format.ts';
import type { Recording } from './load.ts';
import type { EventRow } from '../reader.ts';
import type { Scaling } from '../scaling.ts';

const NOTE =
  'the recording has no end: taskperf was killed. Only tasks that had ended are in it, nothing of what threads did beside';

/** Throws UsageError: a line is damaged. */
export function cutEnd(recording: Recording): End {
  const cut = new CutEnd(recording.header);
  for (const entry of recording.entries()) {
    if (entry.kind === 'task') cut.add(entry.task, entry.values);
    else if (entry.kind === 'scaled') cut.scale(entry.lines);
  }
  return cut.end();
}

class CutEnd {
  readonly #header: Header;
  readonly #rows: Map<string, Row> = new Map();
  readonly #threads: Map<string, ThreadBooks> = new Map();
  /** Bit per event that some task has counted. */
  #eventBits: number = 1 << TASK_CLOCK;
  #elapsedNs = 0;
  readonly #events: Map<number, EventRow> = new Map();

  constructor(header: Header) {
    this.#header = header;
  }

  add({ name, pid, thread, endNs }: Task, values: Float64Array): void {
    const key = rowKey('part', { pid, thread, name });
    let row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, (row = emptyRow({ key, name, pid, thread })));
    let books = this.#threads.get(`${pid}/${thread}`);
    if (books === undefined) this.#threads.set(`${pid}/${thread}`, (books = emptyBooks(pid, thread)));
    row.count++;
    for (let line = 0; line < EVENT_LINES; line++) {
      if (values[line] === 0) continue;
      this.#eventBits |= 1 << line;
      for (const sums of [row.exited, row.values, books.total, books.tasks]) sums[line]! += values[line]!;
    }
    this.#elapsedNs = Math.max(this.#elapsedNs, endNs);
  }

  scale(lines: Scaling): void {
    for (const [event, missedLine] of lines)
      this.#events.set(event, { name: '', flags: 0, errno: 0, missedLine });
  }

  end(): End {
    const threads = [...this.#threads.values()];
    return {
      ended: { code: null, signal: null, forced: false },
      elapsedNs: this.#elapsedNs,
      shown: this.#header.events.map(({ id }) => id),
      rows: [...this.#rows.values()],
      threads,
      processes: [...new Set(threads.map(({ pid }) => pid))].map((pid) => this.#processOf(pid)),
      others: NO_OTHERS,
      owners: new Map(),
      blocked: undefined,
      lost: { tasks: 0, contexts: 0, counters: 0, names: 0, slices: 0, threads: 0, events: 0 },
      notes: [NOTE],
    };
  }

  #processOf(pid: number): ProcessFacts {
    return {
      pid,
      innerPid: pid,
      script: '',
      owner: null,
      node: '',
      exited: false,
      eventBits: this.#eventBits,
      estimatedBits: 0,
      reason: REASON_NONE,
      events: this.#events,
      off: undefined,
    };
  }
}

function emptyRow(place: Pick<Row, 'key' | 'name' | 'pid' | 'thread'>): Row {
  const [exited, values] = [lines(), lines()];
  return { ...place, count: 0, live: 0, exited, values, liveEnabledNs: 0, liveRunningNs: 0 };
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
