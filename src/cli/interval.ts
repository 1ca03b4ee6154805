/** -I: what each interval added, as a block of the table and as an entry of the document. */
import { padded as pad } from './cells.ts';
import type { EventInfo } from '../core/events.ts';
import { TASK_CLOCK } from '../core/events.ts';
import { EVENT_LINES } from '../core/layout.ts';
import { blockedNowJson, blockedNowLines } from './blocked-table.ts';
import type { Collector, Spread } from './collector.ts';
import { columnUnit } from './columns.ts';
import { byCpu, deltasOf, deltasOfProcesses, underProcesses } from './interval-deltas.ts';
import type { Delta } from './interval-deltas.ts';
import type { IntervalJson } from './document.ts';
import { statesOf } from './event-state.ts';
import type { EventState } from './event-state.ts';
import type { OsThreads } from './os-threads.ts';
import { printable } from './printable.ts';
import type { RegionSession } from './regions.ts';
import { busyPids, isCounted, sumOf } from './report.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import type { Scaling } from './scaling.ts';
import type { Style } from './table.ts';
import type { By, Tally } from './tally.ts';
import { count, inUnit, percent, shorten, unitFor } from './units.ts';
import { valuesJson } from './values-json.ts';
import type { ValuesJson } from './values-json.ts';

/** Entries kept for the document; later intervals are counted only. */
export const INTERVALS_MAX: number = 10_000;
const ROWS_MAX = 20;
const NAME_WIDTH_MIN = 16;
/** So that the blocks of most intervals stand in line. */
const WIDTH_MIN = 10;

export interface IntervalOptions {
  readonly by: By;
  readonly events: readonly EventInfo[];
  readonly hidden: ReadonlySet<EventInfo>;
  /** The user named them: they stay longer than the quantiles. */
  readonly explicitEvents: boolean;
  /** Processes that make no region. */
  readonly system: Pick<OsThreads, 'processes' | 'ended'>;
  /** CLOCK_MONOTONIC when the command was started. */
  readonly startNs: number;
}

export class Intervals {
  readonly kept: IntervalJson[] = [];
  /** Intervals that found no room in `kept`. */
  dropped = 0;
  readonly #session: RegionSession;
  readonly #collector: Collector;
  readonly #options: IntervalOptions;
  #before: Tally | undefined;
  /** CPU time of processes by key, where nothing is Node.js. */
  #processesBefore: ReadonlyMap<string, number> = new Map();
  #startNs = 0;

  constructor(session: RegionSession, collector: Collector, options: IntervalOptions) {
    this.#session = session;
    this.#collector = collector;
    this.#options = options;
  }

  /** Ends the interval at `nowNs` since the start, keeps it, and returns its block. */
  next(nowNs: number, style: Style): string {
    this.#session.poll();
    const tally = this.#session.tally();
    const deltas = deltasOf(tally, this.#before);
    const processes = this.#options.by === 'process' ? deltasOfProcesses(tally, this.#before) : undefined;
    const lines = processes === undefined ? deltas : underProcesses(processes, deltas);
    const cpuNs = cpuOf(tally) - (this.#before === undefined ? 0 : cpuOf(this.#before));
    const block =
      tally.processes.length === 0
        ? this.#renderProcesses({ nowNs, style, tally })
        : this.#render(lines, { nowNs, cpuNs, style, tally });
    this.#keep({ deltas, processes, tally, endNs: nowNs });
    this.#before = tally;
    this.#startNs = nowNs;
    this.#collector.reset();
    return block;
  }

  #keep({ deltas, processes, tally, endNs }: Kept): void {
    if (this.kept.length === INTERVALS_MAX) {
      this.dropped++;
      return;
    }
    const counted = this.#options.events.filter((event) => isCounted(event, tally.processes));
    const scaling = scalingOf(tally.processes);
    const shown = (values: Float64Array): ValuesJson => valuesJson(counted, scaledValues(values, scaling));
    const tasks = deltas.map(({ name, pid, count: ended, values }) => {
      return { name, ...(pid === undefined ? {} : { process: pid }), count: ended, counters: shown(values) };
    });
    const { blocked: log } = this.#session;
    const blocked = log === undefined ? [] : blockedNowJson(log, this.#options.startNs);
    const ofProcesses = processes?.map(({ pid, values }) => ({ pid: pid!, counters: shown(values) }));
    const more = ofProcesses === undefined ? {} : { processes: ofProcesses };
    this.kept.push({ startNs: this.#startNs, endNs, tasks, blocked, ...more });
  }

  /** Where nothing is Node.js: the CPU time of each process, as of the last looks at them. */
  #renderProcesses(frame: Omit<Frame, 'cpuNs'>): string {
    const { ended, processes } = this.#options.system;
    const now = new Map(
      [...ended, ...processes.values()].map((one) => [`(process ${one.name} ${one.pid})`, one.cpuNs()]),
    );
    const deltas = [...now].map(([name, ns]): Delta => {
      const values = new Float64Array(EVENT_LINES);
      values[TASK_CLOCK] = Math.max(0, ns - (this.#processesBefore.get(name) ?? 0));
      return { key: name, name, pid: undefined, count: 0, values };
    });
    this.#processesBefore = now;
    const ran = deltas.filter(({ values }) => values[TASK_CLOCK]! > 0).sort(byCpu);
    return this.#render(ran, { ...frame, cpuNs: sumOf(ran.map(({ values }) => values))[TASK_CLOCK]! });
  }

  #render(deltas: readonly Delta[], { nowNs, cpuNs, style, tally }: Frame): string {
    const rowsMax = this.#options.by === 'process' ? ROWS_MAX * 2 : ROWS_MAX;
    const shown = deltas.slice(0, rowsMax);
    const spreads = new Map(
      shown.map((delta) => [delta, this.#collector.groups.get(delta.key)?.spread(TASK_CLOCK)]),
    );
    const states = statesIn(tally, this.#options.events);
    const columns = [
      ...clockColumns(shown, { cpuNs, spreads, mark: markOf(states, TASK_CLOCK) }),
      ...eventColumns(shown, states, { ...this.#options, scaling: scalingOf(tally.processes) }),
    ];
    const fitted = fit(columns, style.width);
    const nameWidth = style.width - 1 - fitted.reduce((sum, { width }) => sum + width + 1, 0);
    const row = (name: string, cells: readonly string[]): string => {
      const text = shorten(name, nameWidth);
      const padded = cells.map((cell, i) => ` ${cell.padStart(fitted[i]!.width)}`);
      return ` ${pad(text, nameWidth)}${padded.join('')}`.trimEnd();
    };
    const titles = fitted.map(({ title }) => title);
    const lines = shown.map((delta, i) =>
      row(
        printable(delta.name),
        fitted.map(({ cells }) => cells[i]!),
      ),
    );
    if (deltas.length > rowsMax) lines.push(row(`… ${deltas.length - rowsMax} more`, []));
    const { blocked } = this.#session;
    if (blocked !== undefined) lines.push(...blockedNowLines(blocked).map((line) => ` ${line}`));
    if (lines.length === 0) lines.push(tally.processes.length === 0 ? ' nothing ran' : ' no task ran');
    return `${row(`${(nowNs / 1e9).toFixed(3)} s`, titles)}\n${lines.join('\n')}\n`;
  }
}

interface Kept {
  readonly deltas: readonly Delta[];
  readonly processes: readonly Delta[] | undefined;
  readonly tally: Tally;
  readonly endNs: number;
}

interface Frame {
  readonly nowNs: number;
  readonly cpuNs: number;
  readonly style: Style;
  readonly tally: Tally;
}

interface Column {
  readonly title: string;
  readonly width: number;
  /** Lower ones stay longer. */
  readonly rank: number;
  readonly cells: readonly string[];
}

function column(title: string, rank: number, cells: readonly string[]): Column {
  return {
    title,
    rank,
    cells,
    width: Math.max(WIDTH_MIN, title.length, ...cells.map(({ length }) => length)),
  };
}

function statesIn(tally: Tally, events: readonly EventInfo[]): EventState[] {
  const { processes, threads } = tally;
  const totals = sumOf(threads.map((thread) => thread.total));
  return statesOf({ events, processes, totals, scaling: scalingOf(processes), busyPids: busyPids(tally) });
}

/** "~" before values that are estimated or scaled. */
function markOf(states: readonly EventState[], id: number): string {
  return (states.find(({ event }) => event.id === id)?.kind ?? 'exact') === 'exact' ? '' : '~';
}

interface Clock {
  readonly cpuNs: number;
  readonly spreads: ReadonlyMap<Delta, Spread | undefined>;
  readonly mark: string;
}

function clockColumns(deltas: readonly Delta[], { cpuNs, spreads, mark }: Clock): Column[] {
  const cpuOfDelta = ({ values }: Delta): number => values[TASK_CLOCK]!;
  const unit = unitFor(deltas.map(cpuOfDelta));
  const known = [...spreads.values()].filter((spread) => spread !== undefined);
  const quantileUnit = unitFor(known.flatMap(({ p50, max }) => [p50, max]));
  const quantile = (kind: 'p99' | 'max', rank: number): Column => {
    const cells = deltas.map((delta) => {
      const spread = spreads.get(delta);
      return spread === undefined ? '' : mark + inUnit(spread[kind], quantileUnit);
    });
    return column(`${kind} ${quantileUnit.name}`, rank, cells);
  };
  return [
    column(
      'count',
      1,
      deltas.map((delta) => count(delta.count)),
    ),
    column(
      `CPU ${unit.name}`,
      0,
      deltas.map((delta) => mark + inUnit(cpuOfDelta(delta), unit)),
    ),
    column(
      'share',
      2,
      deltas.map((delta) => `${percent(cpuOfDelta(delta), cpuNs)}%`),
    ),
    quantile('p99', 4),
    quantile('max', 5),
  ];
}

/** What the interval added of every other event that is counted: sums, as in `perf stat -I`. */
function eventColumns(
  deltas: readonly Delta[],
  states: readonly EventState[],
  {
    hidden,
    explicitEvents,
    scaling,
  }: Pick<IntervalOptions, 'hidden' | 'explicitEvents'> & { scaling: Scaling },
): Column[] {
  return states
    .filter(({ event, supported }) => supported && event.id !== TASK_CLOCK && !hidden.has(event))
    .map(({ event }, i) => {
      const values = deltas.map((delta) => scaledValues(delta.values, scaling)[event.id]!);
      const unit = columnUnit(event, values);
      const mark = markOf(states, event.id);
      const cells = values.map((value) =>
        Number.isNaN(value) ? '<not counted>' : mark + inUnit(value, unit),
      );
      return column(`${event.name} ${unit.name}`.trimEnd(), (explicitEvents ? 3 : 6) + i / 100, cells);
    });
}

/** The most important ones that leave room for a name. */
function fit(columns: readonly Column[], width: number): Column[] {
  const kept = [...columns].sort((a, b) => a.rank - b.rank);
  const used = (): number => kept.reduce((sum, one) => sum + one.width + 1, 1);
  while (kept.length > 1 && used() + NAME_WIDTH_MIN > width) kept.pop();
  return columns.filter((one) => kept.includes(one));
}

function cpuOf(tally: Tally): number {
  return sumOf(tally.threads.map((thread) => thread.total))[TASK_CLOCK]!;
}
