/**
 * Blocked loops: who keeps a thread busy now, and what kept it busy longest. All of it is read from the regions; the
 * program does nothing for it while it is blocked.
 *
 * A section that still goes on when its process ends is in no record: its words tell who and since when, and what was seen
 * of it while it lasted (its CPU time, its stack) is remembered here.
 */
import {
  WHO_LATE,
  WHO_LOOP,
  WHO_NOBODY,
  WHO_TASK,
  blockagesOf,
  blockedTotals,
  runningOf,
} from '../core/blockages.ts';
import type { Running, Who } from '../core/blockages.ts';
import { BEHIND_LOOP, BEHIND_NOBODY, waitPairsOf } from '../core/behind.ts';
import { H_PID, H_STATE, PROCESS_EXITED, T_F64_NATIVE, T_ID, T_TID } from '../core/layout.ts';
import { NATIVE_NOW } from '../core/outside.ts';
import { hasProc, schedStatFile, schedStatIn } from './os-proc.ts';
import { threadName } from './reader.ts';
import type { RegionReader, Words } from './reader.ts';
import type { Stack, Stacks } from './stacks.ts';

const LOOP = '(event loop)';
const NOBODY = '(no task)';
const SEVERAL = '(many short ones)';
/** Below this share of the time on a core the thread was parked: in Atomics.wait, a synchronous child process, a lock. */
const PARKED_SHARE = 0.2;
/** Reports for the document and the table; what is shorter is in no list. */
const KEPT_MAX = 1000;
const STACKS_MAX = 1000;

/** Whose it was, for people and for programs. */
export interface Culprit {
  /** A task's name, or what is in parentheses: (no task), (event loop), (many short ones). */
  readonly name: string;
  /** Undefined: not a task, or one that had ended (`isLate`). */
  readonly id: number | undefined;
  readonly isLate: boolean;
}

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
  /** Its stack when it was last looked at; undefined: not asked for, or it was too short to be seen. */
  readonly stack: Stack | undefined;
  /** It still went on when the process ended. */
  readonly untilEnd: boolean;
}

/** Whose code has a thread now, and for longer than the limit. */
export interface BlockedNow extends Culprit {
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

export class BlockedLog {
  /** The longest ones of processes that have ended, and all of the sections that were as long as the limit. */
  readonly totals: { count: number; ns: number } = { count: 0, ns: 0 };
  readonly limitNs: number;
  #rows: BlockageRow[] = [];
  readonly #waits: Map<string, WaitRow> = new Map();
  /** By process, thread and beginning: CPU time of a section that goes on, as last seen. */
  readonly #seen: Map<string, BlockedNow> = new Map();
  #lookedNs = 0;
  readonly #stacks: Stacks | undefined;
  /** Stacks taken, by process and beginning of the section. */
  readonly #taken: Map<string, Stack> = new Map();

  /** @param stacks also ask for the stacks of blocked threads. */
  constructor(limitNs: number, stacks: Stacks | undefined) {
    this.limitNs = limitNs;
    this.#stacks = stacks;
  }

  /** The blockages that go on, as of the last look. */
  get now(): readonly BlockedNow[] {
    return [...this.#seen.values()];
  }

  /** The longest first. */
  get rows(): readonly BlockageRow[] {
    return this.#rows;
  }

  get waits(): readonly WaitRow[] {
    return [...this.#waits.values()].sort((a, b) => b.atMostNs - a.atMostNs);
  }

  /** Looks at the threads of a process that runs, before its rings are drained. */
  look(reader: RegionReader, pid: number): void {
    const nowNs = Number(process.hrtime.bigint());
    for (let index = 0; index < reader.threadsUsed; index++) {
      const key = `${pid}:${index}`;
      const before = this.#seen.get(key);
      this.#seen.delete(key);
      const slot = reader.thread(index);
      const running = slot && runningOf(slot);
      // Of the loop itself it cannot be told whether it works or has just begun to wait.
      if (running === undefined || running.kind === WHO_LOOP || nowNs - running.beginNs < this.limitNs)
        continue;
      const { beginNs } = running;
      const tid = tidOf(reader, slot!, pid);
      const cpu = tid === undefined ? undefined : cpuOf(pid, tid);
      // A terminated worker leaves its slot as it is.
      if (cpu === 'gone') {
        if (before?.beginNs === beginNs) this.#push({ ...before, ...UNTIL_END });
        continue;
      }
      const place = { ...placeOf(slot!, pid), ...culpritOf(running, reader, slot!) };
      const { beginCpuNs } = running;
      const cpuNs = cpu === undefined || beginCpuNs === undefined ? undefined : Math.max(0, cpu - beginCpuNs);
      const stack = this.#stackOf(reader, { index, slot: slot!, running, pid });
      this.#seen.set(key, { ...place, beginNs, wallNs: nowNs - beginNs, cpuNs, stack });
    }
    this.#lookedNs = nowNs;
  }

  #stackOf(
    reader: RegionReader,
    { index, slot, running, pid }: { index: number; slot: Words; running: Running; pid: number },
  ): Stack | undefined {
    const stack = this.#stacks?.of(reader, index, slot, running);
    if (stack !== undefined && this.#taken.size < STACKS_MAX)
      this.#taken.set(`${pid} ${running.beginNs}`, stack);
    return stack;
  }

  /** Takes what a process that has ended leaves. */
  close(reader: RegionReader, pid: number): void {
    const hasExited = reader.header.i32[H_STATE] === PROCESS_EXITED;
    for (let index = 0; index < reader.threadsUsed; index++) {
      const slot = reader.thread(index);
      if (slot === undefined) continue;
      this.#addRecords(reader, slot, pid);
      const endNs = hasExited ? slot.f64[T_F64_NATIVE + NATIVE_NOW]! : Number(process.hrtime.bigint());
      this.#addLast(reader, slot, { pid, endNs, seen: this.#seen.get(`${pid}:${index}`) });
      this.#seen.delete(`${pid}:${index}`);
    }
    this.#rows.sort((a, b) => b.wallNs - a.wallNs);
    this.#rows.length = Math.min(this.#rows.length, KEPT_MAX);
  }

  #addRecords(reader: RegionReader, slot: Words, pid: number): void {
    const place = placeOf(slot, pid);
    for (const blockage of blockagesOf(slot)) {
      const { beginNs, wallNs, cpuNs, gcNs, waited } = blockage;
      const whose = culpritOf(blockage, reader, slot);
      const stack = this.#taken.get(`${pid} ${beginNs}`);
      this.#rows.push({ ...place, ...whose, beginNs, wallNs, cpuNs, gcNs, waited, stack, untilEnd: false });
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
    const running = runningOf(slot);
    if (running === undefined || running.kind === WHO_LOOP || endNs - running.beginNs < this.limitNs) return;
    const { beginNs } = running;
    const isSeen = seen?.beginNs === beginNs;
    // Of a worker that was terminated before: it was not seen any more when last looked.
    if (!isSeen && this.#lookedNs - beginNs > this.limitNs) return;
    const cpuNs = isSeen ? seen.cpuNs : undefined;
    const place = { ...placeOf(slot, pid), ...culpritOf(running, reader, slot) };
    const stack = this.#taken.get(`${pid} ${beginNs}`);
    this.#push({ ...place, beginNs, wallNs: endNs - beginNs, cpuNs, stack, ...UNTIL_END });
  }

  #push(row: BlockageRow): void {
    this.#rows.push(row);
    this.totals.count++;
    this.totals.ns += row.wallNs;
  }
}

/** "54 %", "parked"; empty: not known. */
export function cpuShareText({ cpuNs, wallNs }: Pick<BlockageRow, 'cpuNs' | 'wallNs'>): string {
  if (cpuNs === undefined) return '';
  const share = wallNs > 0 ? cpuNs / wallNs : 1;
  return share < PARKED_SHARE ? 'parked' : `${Math.round(share * 100)} %`;
}

/** "GET /report #8123", "GET /report (late)", "(no task)". */
export function culpritText({ name, id, isLate }: Culprit): string {
  if (isLate) return `${name} (late)`;
  return id === undefined ? name : `${name} #${id}`;
}

function culpritOf({ kind, id, name }: Who, reader: RegionReader, slot: Words): Culprit {
  if (kind === WHO_TASK || kind === WHO_LATE) {
    const text = reader.name(name!);
    // The thread's own task: what of its code is told apart is nobody's.
    if (text === threadName(slot)) return { name: NOBODY, id: undefined, isLate: false };
    return { name: text, id, isLate: kind === WHO_LATE };
  }
  const text = kind === WHO_LOOP ? LOOP : kind === WHO_NOBODY ? NOBODY : SEVERAL;
  return { name: text, id: undefined, isLate: false };
}

function behindName(reader: RegionReader, behind: number): string {
  if (behind === BEHIND_LOOP) return LOOP;
  return behind === BEHIND_NOBODY ? NOBODY : reader.name(behind);
}

function placeOf(slot: Words, pid: number): Pick<BlockageRow, 'pid' | 'thread' | 'threadId'> {
  return { pid, thread: threadName(slot), threadId: slot.i32[T_ID]! };
}

/** Undefined: not known. In a pid namespace of its own the thread has another number here. */
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
