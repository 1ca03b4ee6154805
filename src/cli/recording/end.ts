/**
 * The last line of a recording: the books of the run; and what processes say of themselves, which is in it, too. Rows are of a
 * name on a thread each, so that they can be added up by name, process or thread. In the file `undefined` is null, a map is
 * the list of its entries.
 */
import * as v from 'valibot';
import type { EventInfo } from '../../core/events.ts';
import type { Owner } from '../../core/owner.ts';
import type { Blockages, BlockageRow } from '../blocked.ts';
import type { EventState } from '../event-state.ts';
import type { OtherRow, Others } from '../os-rows.ts';
import type { EventRow } from '../reader.ts';
import type { Ending } from '../report.ts';
import type { ProcessFacts } from '../process-facts.ts';
import type { Losses, Row, ThreadBooks } from '../tally.ts';
import { checked, counters, line } from './format.ts';
import { LineError } from './lines.ts';
import type { Lines } from './lines.ts';

export interface End {
  readonly ended: Ending;
  readonly elapsedNs: number;
  /** Ids of the events that have a column. */
  readonly shown: readonly number[];
  readonly rows: readonly Omit<Row, 'key'>[];
  readonly threads: readonly ThreadBooks[];
  readonly processes: readonly ProcessFacts[];
  readonly others: Others;
  /** The same with a row for each thread. */
  readonly othersByThread: Others;
  readonly owners: ReadonlyMap<number, Owner>;
  /** Their times are those of the file. */
  readonly blocked: Blockages | undefined;
  readonly lost: Losses;
  readonly notes: readonly string[];
}

/** As it stands in the file. */
export function endText(end: End, lines: Lines): string {
  return textOf({ end }, lines);
}

export function processText(process: ProcessFacts, lines: Lines): string {
  return textOf({ process }, lines);
}

function textOf(object: object, lines: Lines): string {
  return JSON.stringify(object, (_, value: unknown) => {
    if (value === undefined) return null;
    if (value instanceof Float64Array) return lines.named(value);
    // Of a damaged region, that was said: JSON has no such numbers.
    if (typeof value === 'number' && !Number.isFinite(value)) return 0;
    return value instanceof Map ? [...value] : value;
  });
}

/** @throws LineError */
export function processIn(value: unknown): ProcessFacts {
  return checked(process, value);
}

/** @throws LineError */
export function endIn(value: unknown, lines: Lines, events: readonly EventInfo[]): End {
  return checked(endSchema(schemasFor(lines, events)), value);
}

type Schema<T> = v.GenericSchema<unknown, T>;

const text = v.string();
const flag = v.boolean();
const number = v.number();

function orUndefined<T>(schema: Schema<T>): Schema<T | undefined> {
  return v.pipe(
    v.nullable(schema),
    v.transform((value) => (value === null ? undefined : value)),
  ) as Schema<T | undefined>;
}

function entries<T>(schema: Schema<T>): Schema<Map<number, T>> {
  return v.pipe(
    v.array(v.tuple([number, schema])),
    v.transform((pairs) => new Map(pairs)),
  ) as Schema<Map<number, T>>;
}

const ending: Schema<Ending> = v.pipe(
  v.object({
    code: v.nullable(number),
    signal: v.nullable(text),
    forced: flag,
    runsOn: v.optional(flag),
  }),
  v.transform(({ runsOn, ...rest }) => (runsOn === undefined ? rest : { ...rest, runsOn })),
);

const owner: Schema<Owner> = v.object({ pid: number, task: number, name: text });

const eventRow: Schema<EventRow> = v.object({
  name: text,
  flags: number,
  errno: number,
  missedLine: orUndefined(line),
});

const process: Schema<ProcessFacts> = v.object({
  pid: number,
  innerPid: number,
  script: text,
  owner: v.nullable(owner),
  node: text,
  exited: flag,
  eventBits: number,
  estimatedBits: number,
  reason: number,
  events: entries(eventRow),
  off: orUndefined(text),
});

const losses: Schema<Losses> = v.object({
  tasks: number,
  contexts: number,
  counters: number,
  names: number,
  slices: number,
  threads: number,
  events: number,
});

const blockage: Schema<BlockageRow> = v.object({
  name: text,
  id: orUndefined(number),
  isLate: flag,
  pid: number,
  thread: text,
  threadId: number,
  beginNs: number,
  wallNs: number,
  cpuNs: orUndefined(number),
  gcNs: orUndefined(number),
  waited: number,
  isParked: orUndefined(flag),
  stack: orUndefined(v.object({ frames: v.array(text), cut: number, missing: orUndefined(text) })),
  untilEnd: flag,
});

const blocked: Schema<Blockages> = v.object({
  limitNs: number,
  totals: v.object({ count: number, ns: number }),
  rows: v.array(blockage),
  waits: v.array(v.object({ waiting: text, behind: text, count: number, ns: number, atMostNs: number })),
});

/** Those whose counters have names of this recording. */
interface Schemas {
  readonly values: Schema<Float64Array>;
  readonly event: Schema<EventInfo>;
}

function schemasFor(lines: Lines, events: readonly EventInfo[]): Schemas {
  return {
    values: v.pipe(
      counters,
      v.transform((named) => lines.values(named)),
    ),
    event: v.pipe(
      v.object({ id: number }),
      v.transform(({ id }) => {
        const found = events.find((one) => one.id === id);
        if (found === undefined) throw new LineError(`${id} is no event of this recording`);
        return found;
      }),
    ),
  };
}

function endSchema({ values, event }: Schemas): Schema<End> {
  const others = othersSchema({ values, event });
  const row: Schema<Omit<Row, 'key'>> = v.object({
    name: text,
    pid: orUndefined(number),
    thread: orUndefined(number),
    count: number,
    live: number,
    exited: values,
    values,
    liveEnabledNs: number,
    liveRunningNs: number,
  });
  return v.object({
    ended: ending,
    elapsedNs: number,
    shown: v.array(number),
    rows: v.array(row),
    threads: v.array(threadSchema(values)),
    processes: v.array(process),
    others,
    othersByThread: others,
    owners: entries(owner),
    blocked: orUndefined(blocked),
    lost: losses,
    notes: v.array(text),
  });
}

function threadSchema(values: Schema<Float64Array>): Schema<ThreadBooks> {
  return v.object({
    pid: number,
    id: number,
    tid: number,
    name: text,
    total: values,
    tasks: values,
    unattributed: values,
    late: values,
    loop: values,
    idle: values,
    switches: number,
    boundaries: number,
    switchCostNs: number,
  });
}

function othersSchema({ values, event }: Schemas): Schema<Others> {
  const state: Schema<EventState> = v.object({
    event,
    kind: v.picklist(['exact', 'scaled', 'estimated']),
    supported: flag,
    reason: v.nullable(text),
    share: number,
  });
  const row: Schema<OtherRow> = v.object({ name: text, values });
  return v.object({
    rows: v.array(row),
    threads: v.array(v.object({ pid: number, tid: number, name: text, values })),
    lines: v.array(number),
    states: entries(state),
    seen: v.array(
      v.object({
        pid: number,
        name: text,
        isNode: flag,
        script: text,
        title: text,
        owner: v.nullable(owner),
        rows: v.array(row),
      }),
    ),
    unplaced: values,
    processes: number,
    hasUncountedNode: flag,
    uncountedNode: number,
    notes: v.array(text),
  });
}
