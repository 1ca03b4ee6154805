/**
 * Runs the whole reading path of the tool over damaged images, and checks of each:
 *
 * - nothing is thrown but one TaskperfError when the region is opened;
 * - the work is bounded: the bytes that are read are at most READS_MAX times those of the image;
 * - no text has a control character, no number is NaN, infinite or negative;
 * - the sums are those that the image holds (oracle.ts), or a "damaged region" notice stands beside them.
 *
 * An image follows from the seed and its number alone, so each is repeated by itself.
 */
import assert from 'node:assert/strict';
import { BlockedLog } from '#cli/blocked.js';
import type { Blockages } from '#cli/blocked.js';
import { Collector } from '#cli/collector.js';
import { documentOf, imbalances } from '#cli/document.js';
import { endIn, endText } from '#cli/recording/end.js';
import { Lines } from '#cli/recording/lines.js';
import { documentOfLast } from '#cli/last/document.js';
import { renderLast } from '#cli/last/render.js';
import { lastState } from '#cli/last/state.js';
import type { LastState } from '#cli/last/state.js';
import { NO_OTHERS } from '#cli/os-rows.js';
import { ownersOf } from '#cli/owners.js';
import { RegionReader } from '#cli/reader.js';
import type { Report } from '#cli/report.js';
import { RingReader } from '#cli/ring.js';
import { takeSnapshot } from '#cli/top/snapshot.js';
import type { Snapshot } from '#cli/top/snapshot.js';
import { memorySource } from '#cli/source.js';
import type { RegionSource } from '#cli/source.js';
import { renderTable } from '#cli/table.js';
import { keyOf } from '#cli/tally.js';
import type { Tally } from '#cli/tally.js';
import { EVENTS, EVENT_LINES, TASK_CLOCK, TASK_SWITCHES, TaskperfError, WAIT, WALL } from '#core/index.js';
import { Prng } from '#sim/prng.js';
import { PID, makeImage } from './image.ts';
import type { Image } from './image.ts';
import { Mutator } from './mutate.ts';
import { told } from './oracle.ts';

export interface Outcome {
  images: number;
  /** Not opened: one sentence. */
  refused: number;
  /** Shown with a notice. */
  noticed: number;
  /** Shown without one, since all is possible. */
  plain: number;
  /** Changed while it was being read. */
  torn: number;
}

const READS_MAX = 40;
/** The spread per task is of one image in so many: its histograms take longer than all else. */
const SPREAD_EVERY = 256;
/** Of one image in so many tables and documents are made: they cost ten times as much as the reading. */
const SHOWN_EVERY = 64;
/** One image in so many is changed again during a read. */
const TORN_EVERY = 16;
const PATH = `/regions/${PID}`;
const COUNTED = [EVENTS[TASK_CLOCK]!, EVENTS[WALL]!, EVENTS[TASK_SWITCHES]!, EVENTS[WAIT]!];
const STYLE = { width: 100, color: false };
// What a terminal would obey or turn around; line feeds end our own lines.
const UNSAFE = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u;

export class Fuzzer {
  readonly outcome: Outcome = { images: 0, refused: 0, noticed: 0, plain: 0, torn: 0 };
  readonly #seed: bigint;
  readonly #worlds: { image: Image; mutator: Mutator }[];

  constructor(seed: bigint) {
    this.#seed = seed;
    this.#worlds = [false, true].map((isDead) => {
      const image = makeImage(isDead);
      return { image, mutator: new Mutator(image) };
    });
  }

  /** @throws what is wrong with the image. */
  run(number: number): void {
    const prng = new Prng(this.#seed * 0x9e3779b97f4a7c15n + BigInt(number));
    const { image, mutator } = this.#worlds[prng.below(2)]!;
    mutator.mutate(prng);
    const tornAt = prng.chance(1, TORN_EVERY) ? prng.between(1, 20) : 0;
    const source = new Counted(image, mutator, () => mutator.mutate(prng), tornAt);
    try {
      this.#read(image, source, number);
    } finally {
      mutator.restore();
    }
    this.outcome.images++;
    if (source.wasTorn) this.outcome.torn++;
  }

  #read(image: Image, source: Counted, number: number): void {
    let reader: RegionReader;
    try {
      reader = RegionReader.over(PATH, source);
    } catch (error) {
      assert.ok(error instanceof TaskperfError, String(error));
      checkText(error.message);
      this.outcome.refused++;
      return;
    }
    const state = lastState(reader, undefined);
    const report = reportOf(reader, state.tally, number % SPREAD_EVERY === 0);
    if (number % SHOWN_EVERY === 0) {
      checkLast(state);
      const log = new BlockedLog(1, undefined);
      log.close(reader, PID);
      // As of one that runs, and of one that has ended.
      for (const isFinal of [false, true]) {
        reader.isFinal = isFinal;
        checkSnapshot(takeSnapshot(reader, state.seenNs, undefined));
      }
      checkReport({ ...report, blocked: { log, startNs: 0 } });
      const { limitNs, totals, rows, waits } = log;
      checkRecorded(report, { limitNs, totals, rows, waits });
    }
    assert.ok(source.bytesRead <= READS_MAX * image.bytes.length, `${source.bytesRead} bytes were read`);
    const isNoticed = report.notes.length > 0;
    if (isNoticed) this.outcome.noticed++;
    else this.outcome.plain++;
    // Of an image that changed in between there is no one truth.
    if (!source.wasTorn && !isNoticed) checkTruth(image, state, report);
  }
}

/** Memory as a file: counts what is read, and may change in the middle of it. */
class Counted implements RegionSource {
  bytesRead = 0;
  wasTorn = false;
  readonly #source: RegionSource;
  readonly #change: () => void;
  #untilTorn: number;

  constructor(image: Image, mutator: Mutator, change: () => void, tornAt: number) {
    this.#source = memorySource(image.bytes, () => mutator.size);
    this.#change = change;
    this.#untilTorn = tornAt;
  }

  size(): number {
    return this.#source.size();
  }

  read(target: Uint8Array, offset: number, bytes: number, position: number): number {
    if (--this.#untilTorn === 0) {
      this.#change();
      this.wasTorn = true;
    }
    const read = this.#source.read(target, offset, bytes, position);
    this.bytesRead += read;
    return read;
  }

  close(): void {
    this.#source.close();
  }
}

function reportOf(reader: RegionReader, tally: Tally, withSpread: boolean): Report {
  const events = COUNTED.map(({ id }) => id);
  const collector = new Collector(withSpread ? events : []);
  for (let thread = 0; thread < reader.threadsUsed; thread++) {
    const ring = new RingReader(reader, thread);
    ring.drain(collector.sink(thread, (name) => keyOf(reader, 'name', name, undefined)));
    tally.lost.events += ring.lost;
  }
  const report: Report = {
    command: ['node', 'app.js'],
    pid: PID,
    ended: { code: null, signal: 'SIGKILL', forced: false },
    elapsedNs: 2e9,
    events: COUNTED,
    explicitEvents: true,
    metricGroups: [],
    hidden: new Set(),
    by: 'name',
    tally,
    others: NO_OTHERS,
    groups: collector.groups,
    owners: ownersOf(tally, NO_OTHERS, (owner) => owner.name),
    tasks: [],
    notes: reader.damage.notes(),
  };
  return withSpread ? { ...report, notes: [...report.notes, ...imbalances(report)] } : report;
}

function checkLast(state: LastState): void {
  checkText(renderLast(state, { isRunning: false }, STYLE.width));
  checkNumbers(documentOfLast(state, { isRunning: false }), '');
}

function checkReport(report: Report): void {
  checkText(renderTable(report, STYLE));
  checkNumbers(documentOf(report), '');
}

/** A recording of it can be read. */
function checkRecorded(
  { ended, elapsedNs, events, tally, others, owners, notes }: Report,
  blocked: Blockages,
): void {
  const rows = [...tally.rows.values()].map(({ key: _, ...row }) => row);
  const { threads, processes, lost } = tally;
  const shown = events.map(({ id }) => id);
  const books = { shown, rows, threads, processes, lost, others, othersByThread: others, owners, blocked };
  const lines = new Lines(events);
  const { end } = JSON.parse(endText({ ended, elapsedNs, notes, ...books }, lines)) as { end: unknown };
  assert.equal(endIn(end, lines, events).rows.length, rows.length);
}

/** What `top` is drawn from. */
function checkSnapshot({ startNs, tasksCpuNs, names, threads, waits }: Snapshot): void {
  checkNumbers({ startNs, tasksCpuNs, waits: [...waits.values()] }, 'snapshot');
  for (const [name, { exits, values }] of names) checkNumbers({ exits, values }, name);
  for (const { total, idle } of threads) checkNumbers({ total, idle }, 'thread');
}

function checkText(text: string): void {
  const found = UNSAFE.exec(text);
  if (found !== null) assert.fail(`${JSON.stringify(found[0])} in ${JSON.stringify(text)}`);
}

/** In a document: what JSON cannot hold would become null, and nothing that is counted is negative. */
function checkNumbers(value: unknown, at: string): void {
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || (value < 0 && !at.endsWith('.error'))) assert.fail(`${at} is ${value}`);
  } else if (typeof value === 'object' && value !== null) {
    for (const key in value) checkNumbers((value as Record<string, unknown>)[key], `${at}.${key}`);
  }
}

/** Without a notice the sums are those of the image. */
function checkTruth(image: Image, state: LastState, report: Report): void {
  const truth = told(image, state.seenNs);
  if (typeof truth === 'string') return assert.fail(`not noted: ${truth}`);
  assert.equal(state.names.length, truth.names.size, 'rows');
  for (const row of state.names) {
    const wanted = truth.names.get(row.name);
    assert.ok(wanted !== undefined, `a row ${row.name}`);
    assert.ok(row.count === wanted.count && row.live === wanted.live, `the numbers of ${row.name}`);
    for (let event = 0; event < EVENT_LINES; event++)
      if (row.values[event] !== wanted.values[event])
        assert.fail(`line ${event} of ${row.name}: ${row.values[event]}, not ${wanted.values[event]}`);
  }
  const { threads, lost } = report.tally;
  assert.equal(threads.length, truth.totals.length, 'threads');
  if (lost.slices > 0) return; // what a thread that died in a switch had is worked out
  for (const [i, { total }] of threads.entries())
    for (let event = 0; event < EVENT_LINES; event++)
      assert.equal(total[event], truth.totals[i]![event], `line ${event} of thread ${i}`);
}
