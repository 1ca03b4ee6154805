/**
 * Blocked loops: who keeps a thread busy now, and what kept it busy longest. All of it is read from the regions; the
 * program does nothing for it while it is blocked.
 *
 * A section that still goes on when its process ends is in no record: its words tell who and since when, and what was seen
 * of it while it lasted (its CPU time, its stack) is remembered here.
 */
import { WHO_LOOP, blockagesOf, blockedTotals, runningOf } from '../core/blockages.ts';
import type { Running } from '../core/blockages.ts';
import { BEHIND_LOOP, BEHIND_NOBODY, waitPairsOf } from '../core/behind.ts';
import {
  H_PID,
  H_REASON,
  H_STATE,
  PROCESS_EXITED,
  REASON_NO_ADDON,
  T_F64_NATIVE,
  T_ID,
  T_TID,
} from '../core/layout.ts';
import { NATIVE_NOW } from '../core/outside.ts';
import { LOOP, NOBODY, culpritOf } from './culprit.ts';
import type { Culprit } from './culprit.ts';
import { hasProc, isAsleep, schedStatFile, schedStatIn } from './os-proc.ts';
import { threadName } from './reader.ts';
import type { RegionReader, Words } from './reader.ts';
import type { Stack, Stacks } from './stacks.ts';

/** Reports for the document and the table; what is shorter is in no list. */
const KEPT_MAX = 1000;
const SIGHTS_MAX = 10_000;

export interface BlockageRow extends Culprit {
  readonly pid: number;
  readonly thread: string;
  readonly threadId: number;
  /** CLOCK_MONOTONIC. */
  readonly beginNs: number;
  readonly wallNs: number;
  /** Undefined: not known. */
  readonly cpuNs: number | undefined;
  readonly gcNs: number | undefined;
  readonly waited: number;
  /**
   * When it was looked at the thread slept, mostly: in Atomics.wait, a synchronous child process, a file. Not so one that
   * wants a core and gets none. Undefined: it was too short to be looked at.
   */
  readonly isParked: boolean | undefined;
  /** Its stack when it was last looked at; undefined: not asked for, or it was too short to be seen. */
  readonly stack: Stack | undefined;
  /** It still went on when the process ended. */
  readonly untilEnd: boolean;
}

/** Whose code has a thread now, and for longer than the limit. */
export interface BlockedNow extends Culprit {
  /** As in BlockageRow, so far. */
  readonly isParked: boolean | undefined;
  /** Undefined: not asked for. */
  readonly stack: Stack | undefined;
  readonly pid: number;
  readonly thread: string;
  readonly threadId: number;
  readonly beginNs: number;
  /** So far. */
  readonly wallNs: number;
  readonly cpuNs: number | undefined;
}

export interface WaitRow {
  readonly waiting: string;
  readonly behind: string;
  readonly count: number;
  readonly ns: number;
  readonly atMostNs: number;
}

const UNTIL_END = { gcNs: undefined, waited: 0, untilEnd: true } as const;

interface Sight {
  /** How long the section had gone on when it was last looked at. */
  wallNs: number;
  stack: Stack | undefined;
  /** Looks that found the thread asleep, minus those that did not. */
  looks: number;
}

function isParkedIn(sight: Sight | undefined): boolean | undefined {
  return sight === undefined || sight.looks === 0 ? undefined : sight.looks > 0;
}

/** A thread, looked at. */
interface Look {
  readonly index: number;
  readonly slot: Words;
  readonly pid: number;
  readonly nowNs: number;
}

/** What was found at the end. */
export interface Blockages {
  readonly limitNs: number;
  /** Of all sections that were as long as the limit. */
  readonly totals: { readonly count: number; readonly ns: number };
  /** The longest first. */
  readonly rows: readonly BlockageRow[];
  readonly waits: readonly WaitRow[];
}

export class BlockedLog implements Blockages {
  readonly totals: { count: number; ns: number } = { count: 0, ns: 0 };
  readonly limitNs: number;
  #rows: BlockageRow[] = [];
  readonly #waits: Map<string, WaitRow> = new Map();
  /** By process, thread and beginning: CPU time of a section that goes on, as last seen. */
  readonly #seen: Map<string, BlockedNow> = new Map();
  #endNs = Number.POSITIVE_INFINITY;
  #lookedNs = 0;
  readonly #stacks: Stacks | undefined;
  /** What was seen of sections while they went on, by process and beginning. */
  readonly #sights: Map<string, Sight> = new Map();

  /** @param stacks also ask for the stacks of blocked threads. */
  constructor(limitNs: number, stacks: Stacks | undefined) {
    this.limitNs = limitNs;
    this.#stacks = stacks;
  }

  /** The blockages that go on, as of the last look. */
  get now(): readonly BlockedNow[] {
    return [...this.#seen.values()];
  }

  get rows(): readonly BlockageRow[] {
    return this.#rows;
  }

  get waits(): readonly WaitRow[] {
    return [...this.#waits.values()].sort((a, b) => b.atMostNs - a.atMostNs);
  }

  /** Looks at the threads of a process that runs, before its rings are drained. */
  look(reader: RegionReader, pid: number): void {
    const nowNs = Number(process.hrtime.bigint());
    if (isCopy(reader) || nowNs > this.#endNs) return;
    for (let index = 0; index < reader.threadsUsed; index++) {
      const key = `${pid}:${index}`;
      const before = this.#seen.get(key);
      this.#seen.delete(key);
      const slot = reader.thread(index);
      const blocked = slot && this.#blockedAt(reader, { index, slot, pid, nowNs }, before);
      if (blocked !== undefined) this.#seen.set(key, blocked);
    }
    this.#lookedNs = nowNs;
  }

  #blockedAt(reader: RegionReader, at: Look, before: BlockedNow | undefined): BlockedNow | undefined {
    const { slot, pid, nowNs } = at;
    const running = runningOf(slot);
    // Of the loop itself it cannot be told whether it works or has just begun to wait.
    if (running === undefined || running.kind === WHO_LOOP) return undefined;
    const { beginNs, beginCpuNs } = running;
    if (nowNs - beginNs < this.limitNs) return undefined;
    const tid = tidOf(reader, slot, pid);
    const cpu = tid === undefined ? undefined : cpuOf(pid, tid);
    if (cpu === 'gone') {
      // A terminated worker leaves its slot as it is.
      if (before?.beginNs === beginNs) this.#push({ ...before, ...UNTIL_END });
      return undefined;
    }
    const place = { ...placeOf(slot, pid), ...culpritOf(running, reader, slot) };
    const isKnown = cpu !== undefined && beginCpuNs !== undefined;
    const cpuNs = isKnown ? Math.max(0, cpu - beginCpuNs) : undefined;
    const sight = this.#sight(reader, at, running);
    if (tid !== undefined) sight.looks += isAsleep(pid, tid) === true ? 1 : -1;
    const { stack } = sight;
    return { ...place, beginNs, wallNs: nowNs - beginNs, cpuNs, stack, isParked: isParkedIn(sight) };
  }

  #sight(reader: RegionReader, { index, slot, pid, nowNs }: Look, running: Running): Sight {
    const key = `${pid} ${running.beginNs}`;
    const sight = this.#sights.get(key) ?? { stack: undefined, looks: 0, wallNs: 0 };
    sight.stack = this.#stacks?.of(reader, index, slot, running);
    sight.wallNs = nowNs - running.beginNs;
    if (this.#sights.size >= SIGHTS_MAX) this.#forgetShortSights();
    this.#sights.set(key, sight);
    return sight;
  }

  /** The list at the end is of the longest. */
  #forgetShortSights(): void {
    const longestFirst = [...this.#sights].sort(([, a], [, b]) => b.wallNs - a.wallNs);
    for (const [key] of longestFirst.slice(SIGHTS_MAX >> 1)) this.#sights.delete(key);
  }

  /** What is known of a section besides its record. */
  #seenOf(pid: number, beginNs: number): Pick<BlockageRow, 'stack' | 'isParked'> {
    const sight = this.#sights.get(`${pid} ${beginNs}`);
    return { stack: sight?.stack, isParked: isParkedIn(sight) };
  }

  /** Takes what a process that has ended leaves. */
  close(reader: RegionReader, pid: number): void {
    const hasExited = reader.header.i32[H_STATE] === PROCESS_EXITED;
    for (let index = 0; index < reader.threadsUsed; index++) {
      const slot = reader.thread(index);
      if (slot === undefined) continue;
      this.#addRecords(reader, slot, pid);
      const endNs = hasExited ? slot.f64[T_F64_NATIVE + NATIVE_NOW]! : this.#untilNs();
      this.#addLast(reader, slot, { pid, endNs, seen: this.#seen.get(`${pid}:${index}`) });
      this.#seen.delete(`${pid}:${index}`);
    }
    this.#rows.sort((a, b) => b.wallNs - a.wallNs);
    this.#rows.length = Math.min(this.#rows.length, KEPT_MAX);
  }

  /** Nothing lasts longer: the run was over then, however long it takes to look at all of it. */
  endsAt(ns: number): void {
    this.#endNs = ns;
  }

  #untilNs(): number {
    return Math.min(this.#endNs, Number(process.hrtime.bigint()));
  }

  #addRecords(reader: RegionReader, slot: Words, pid: number): void {
    const place = placeOf(slot, pid);
    for (const blockage of blockagesOf(slot)) {
      const { beginNs, wallNs, cpuNs, gcNs, waited } = blockage;
      const whose = culpritOf(blockage, reader, slot);
      const seen = this.#seenOf(pid, beginNs);
      this.#rows.push({ ...place, ...whose, ...seen, beginNs, wallNs, cpuNs, gcNs, waited, untilEnd: false });
    }
    const totals = blockedTotals(slot);
    this.totals.count += totals.count;
    this.totals.ns += totals.ns;
    for (const pair of waitPairsOf(slot)) {
      const waiting = reader.name(pair.waiting);
      const behind = behindName(reader, pair.behind);
      const before = this.#waits.get(`${waiting}\n${behind}`) ?? { count: 0, ns: 0, atMostNs: 0 };
      this.#waits.set(`${waiting}\n${behind}`, {
        waiting,
        behind,
        count: before.count + pair.count,
        ns: before.ns + pair.ns,
        atMostNs: before.atMostNs + pair.atMostNs,
      });
    }
  }

  #addLast(
    reader: RegionReader,
    slot: Words,
    { pid, endNs, seen }: { pid: number; endNs: number; seen: BlockedNow | undefined },
  ): void {
    const running =
      isCopy(reader) && reader.header.i32[H_STATE] !== PROCESS_EXITED ? undefined : runningOf(slot);
    if (running === undefined || running.kind === WHO_LOOP || endNs - running.beginNs < this.limitNs) return;
    const { beginNs } = running;
    const isSeen = seen?.beginNs === beginNs;
    // Of a worker that was terminated before: it was not seen any more when last looked.
    if (!isSeen && this.#lookedNs - beginNs > this.limitNs) return;
    const cpuNs = isSeen ? seen.cpuNs : undefined;
    const place = { ...placeOf(slot, pid), ...culpritOf(running, reader, slot) };
    const sight = this.#seenOf(pid, beginNs);
    this.#push({ ...place, ...sight, beginNs, wallNs: endNs - beginNs, cpuNs, ...UNTIL_END });
  }

  #push(row: BlockageRow): void {
    this.#rows.push(row);
    this.totals.count++;
    this.totals.ns += row.wallNs;
  }
}

/** "54 %", "parked"; empty: not known. */
export function cpuShareText({
  cpuNs,
  wallNs,
  isParked,
}: Pick<BlockageRow, 'cpuNs' | 'wallNs' | 'isParked'>): string {
  if (isParked === true) return 'parked';
  if (cpuNs === undefined) return '';
  return `${Math.round(wallNs > 0 ? (cpuNs / wallNs) * 100 : 100)} %`;
}

function behindName(reader: RegionReader, behind: number): string {
  if (behind === BEHIND_LOOP) return LOOP;
  return behind === BEHIND_NOBODY ? NOBODY : reader.name(behind);
}

function placeOf(slot: Words, pid: number): Pick<BlockageRow, 'pid' | 'thread' | 'threadId'> {
  return { pid, thread: threadName(slot), threadId: slot.i32[T_ID]! };
}

/** Undefined: not known. In a pid namespace of its own the thread has another number here. */
/** Without the addon the file is written by the loop itself: while that is blocked it tells of the time before. */
function isCopy(reader: RegionReader): boolean {
  return reader.header.i32[H_REASON] === REASON_NO_ADDON;
}

function tidOf(reader: RegionReader, slot: Words, pid: number): number | undefined {
  const tid = slot.i32[T_TID]!;
  return tid === 0 || pid !== reader.header.i32[H_PID] ? undefined : tid;
}

/** CPU time of a thread. */
function cpuOf(pid: number, tid: number): number | 'gone' | undefined {
  if (!hasProc()) return undefined;
  const file = schedStatFile(pid, tid);
  const cpuNs = schedStatIn(file)?.cpuNs;
  file.close();
  return cpuNs ?? 'gone';
}
