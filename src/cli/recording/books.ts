/** What `stat` would have shown, from a recording: the same report, in the rows that are wanted now. */
import { RING_BYTES } from '../../core/layout.ts';
import { checkRows } from '../balance.ts';
import { Collector } from '../collector.ts';
import { Damage } from '../damage.ts';
import { writeExit } from '../exit-slot.ts';
import { wordsOf } from '../reader.ts';
import type { Words } from '../reader.ts';
import type { Report } from '../report.ts';
import type { ExitSink } from '../ring.ts';
import { Tally, addRow, rowKey } from '../tally.ts';
import type { By } from '../tally.ts';
import { TaskLog } from '../task-log.ts';
import { cutEnd } from './cut.ts';
import type { End } from './end.ts';
import type { Header, Task } from './format.ts';
import type { Recording } from './load.ts';

/** Throws UsageError: a line is damaged. */
export function reportOf(recording: Recording, by: By): Report {
  const { header } = recording;
  const spreads = new Spreads(header, by);
  const end = spreads.addAll(recording) ?? cutEnd(recording);
  const { ended, elapsedNs, owners, blocked } = end;
  const damage = new Damage('the recording');
  const tally = tallyOf(end, by, damage);
  return {
    command: header.command,
    pid: header.pid,
    ended,
    elapsedNs,
    events: header.events.filter(({ id }) => end.shown.includes(id)),
    explicitEvents: header.explicitEvents,
    metricGroups: header.metricGroups,
    hidden: new Set(header.events.filter(({ name }) => header.hidden.includes(name))),
    by,
    tally,
    others: by === 'thread' ? end.othersByThread : end.others,
    groups: spreads.collector.groups,
    tasks: spreads.tasks(),
    owners,
    blocked: blocked && { log: blocked, startNs: 0 },
    notes: [...end.notes, ...damage.notes()],
  };
}

function tallyOf(end: End, by: By, damage: Damage): Tally {
  const tally = new Tally();
  tally.threads.push(...end.threads);
  tally.processes.push(...end.processes);
  Object.assign(tally.lost, end.lost);
  const threadNames = new Map(end.threads.map(({ pid, id, name }) => [`${pid}/${id}`, name]));
  for (const row of end.rows) {
    const { pid = 0, thread, name } = row;
    const isOfThread = by === 'thread';
    const key = rowKey(by, { pid, thread, name });
    const shown = isOfThread ? (threadNames.get(`${pid}/${thread}`) ?? '(unknown thread)') : name;
    addRow(tally.row(key, shown, isOfThread || by === 'process' ? row : {}), { ...row, key });
  }
  if (by !== 'thread') checkRows(tally.rows.values(), damage);
  return tally;
}

/** The recorded tasks, as if they were read from the rings of their threads. */
class Spreads {
  readonly collector: Collector;
  readonly #by: By;
  readonly #slot: Words = wordsOf(RING_BYTES);
  readonly #names: string[] = [];
  readonly #indexes: Map<string, number> = new Map();
  readonly #sinks: Map<string, ExitSink> = new Map();
  readonly #logs: Map<number, TaskLog> = new Map();
  readonly #scaling: Map<number, number> = new Map();

  constructor({ events }: Header, by: By) {
    this.#by = by;
    this.collector = new Collector(
      events.map(({ id }) => id),
      this.#scaling,
    );
  }

  /** Returns the end that it has come to; undefined: there is none. */
  addAll(recording: Recording): End | undefined {
    for (const entry of recording.entries()) {
      if (entry.kind === 'end') return entry.end;
      if (entry.kind === 'task') this.#add(entry.task, entry.values);
      if (entry.kind !== 'scaled') continue;
      for (const [event, missed] of entry.lines) this.#scaling.set(event, missed);
    }
    return undefined;
  }

  #add(task: Task, values: Float64Array): void {
    writeExit(this.#slot, { ...task, name: this.#indexOf(task.name), values });
    this.#sinkOf(task).exit(this.#slot, 0);
  }

  tasks(): Report['tasks'] {
    return [...this.#logs].flatMap(([pid, log]) => log.tasks(pid, (index) => this.#names[index]!));
  }

  #indexOf(name: string): number {
    let index = this.#indexes.get(name);
    if (index === undefined) {
      index = this.#names.push(name) - 1;
      this.#indexes.set(name, index);
    }
    return index;
  }

  #sinkOf({ pid, thread }: Task): ExitSink {
    const place = `${pid}/${thread}`;
    let sink = this.#sinks.get(place);
    if (sink === undefined) {
      const keyOf = (name: number): string => rowKey(this.#by, { pid, thread, name: this.#names[name]! });
      sink = this.collector.sink(thread, keyOf, this.#by === 'task' ? this.#logOf(pid) : undefined);
      this.#sinks.set(place, sink);
    }
    return sink;
  }

  #logOf(pid: number): TaskLog {
    let log = this.#logs.get(pid);
    if (log === undefined) this.#logs.set(pid, (log = new TaskLog()));
    return log;
  }
}
