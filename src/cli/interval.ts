/** -I: what each interval added, as a block of the table and as an entry of the document. */
import type { EventInfo } from '../core/events.ts';
import { TASK_CLOCK } from '../core/events.ts';
import type { Collector } from './collector.ts';
import { valuesJson } from './document.ts';
import type { IntervalJson } from './document.ts';
import type { RegionSession } from './regions.ts';
import { isCounted, sumOf } from './report.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import type { Style } from './table.ts';
import type { Row, Tally } from './tally.ts';
import { count, inUnit, percent, shorten, unitFor } from './units.ts';

/** Entries kept for the document; later intervals are counted only. */
export const INTERVALS_MAX: number = 10_000;
const ROWS_MAX = 20;

interface Delta {
  readonly key: string;
  readonly name: string;
  readonly count: number;
  readonly values: Float64Array;
}

export class Intervals {
  readonly kept: IntervalJson[] = [];
  /** Intervals that found no room in `kept`. */
  dropped = 0;
  readonly #session: RegionSession;
  readonly #collector: Collector;
  readonly #events: readonly EventInfo[];
  #before: Tally | undefined;
  #startNs = 0;

  constructor(session: RegionSession, collector: Collector, events: readonly EventInfo[]) {
    this.#session = session;
    this.#collector = collector;
    this.#events = events;
  }

  /** Ends the interval at `nowNs` since the start, keeps it, and returns its block. */
  next(nowNs: number, style: Style): string {
    this.#session.poll();
    const tally = this.#session.tally();
    const deltas = deltasOf(tally, this.#before);
    const cpuNs = cpuOf(tally) - (this.#before === undefined ? 0 : cpuOf(this.#before));
    const block = this.#render(deltas, { nowNs, cpuNs, style });
    this.#keep(deltas, tally, nowNs);
    this.#before = tally;
    this.#startNs = nowNs;
    this.#collector.reset();
    return block;
  }

  #keep(deltas: readonly Delta[], { processes }: Tally, endNs: number): void {
    if (this.kept.length === INTERVALS_MAX) {
      this.dropped++;
      return;
    }
    const counted = this.#events.filter((event) => isCounted(event, processes));
    const scaling = scalingOf(processes);
    const tasks = deltas.map(({ name, count: ended, values }) => {
      return { name, count: ended, counters: valuesJson(counted, scaledValues(values, scaling)) };
    });
    this.kept.push({ startNs: this.#startNs, endNs, tasks });
  }

  #render(deltas: readonly Delta[], frame: { nowNs: number; cpuNs: number; style: Style }): string {
    const { nowNs, cpuNs, style } = frame;
    const shown = deltas.slice(0, ROWS_MAX);
    const unit = unitFor(shown.map((delta) => delta.values[TASK_CLOCK]!));
    const spreads = shown.map((delta) => this.#collector.groups.get(delta.key)?.spread(TASK_CLOCK));
    const quantileUnit = unitFor(
      spreads.flatMap((spread) => (spread === undefined ? [] : [spread.p50, spread.max])),
    );
    const nameWidth = Math.max(style.width - 59, 16);
    const row = (cells: readonly string[]): string => {
      const [name, ...rest] = cells;
      const text = shorten(name!, nameWidth);
      const gap = ' '.repeat(nameWidth - [...text].length);
      return ` ${text}${gap}${rest.map((cell) => cell.padStart(10)).join(' ')}`.trimEnd();
    };
    const quantiles = ['p50', 'p99', 'max'] as const;
    const titles = quantiles.map((kind) => `${kind} ${quantileUnit.name}`);
    const title = `${(nowNs / 1e9).toFixed(3)} s`;
    const lines = shown.map((delta, i) => {
      const spread = spreads[i];
      const cells = quantiles.map((kind) => (spread === undefined ? '' : inUnit(spread[kind], quantileUnit)));
      const values = delta.values[TASK_CLOCK]!;
      return row([
        delta.name,
        count(delta.count),
        inUnit(values, unit),
        `${percent(values, cpuNs)}%`,
        ...cells.slice(1),
      ]);
    });
    if (deltas.length > ROWS_MAX) lines.push(row([`… ${deltas.length - ROWS_MAX} more`]));
    if (lines.length === 0) lines.push(' no task ran');
    return `${row([title, 'count', `CPU ${unit.name}`, 'share', ...titles.slice(1)])}\n${lines.join('\n')}\n`;
  }
}

function deltasOf(tally: Tally, before: Tally | undefined): Delta[] {
  return tally
    .sortedRows()
    .map((row) => deltaOf(row, before?.rows.get(row.key)))
    .filter((delta) => delta.count > 0 || delta.values.some((value) => value > 0))
    .sort((a, b) => b.values[TASK_CLOCK]! - a.values[TASK_CLOCK]!);
}

/** Never below 0: a task that ended while the books were read may have been seen twice before. */
function deltaOf(row: Row, before: Row | undefined): Delta {
  const values = row.values.map((value, event) => Math.max(0, value - (before?.values[event] ?? 0)));
  return { key: row.key, name: row.name, count: Math.max(0, row.count - (before?.count ?? 0)), values };
}

function cpuOf(tally: Tally): number {
  return sumOf(tally.threads.map((thread) => thread.total))[TASK_CLOCK]!;
}
