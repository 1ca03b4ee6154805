/** What stat says of blocked loops: the ten longest blockages, who waited behind whom, and who blocks one now. */
import { cpuShareText } from './blocked.ts';
import { culpritText } from './culprit.ts';
import type { BlockageRow, Blockages, BlockedLog, BlockedNow, WaitRow } from './blocked.ts';
import { printable } from './printable.ts';
import type { Stack } from './stacks.ts';
import { count, inUnit, percent, shorten, time, unitFor } from './units.ts';

export const BLOCKAGES_SHOWN: number = 10;
const WAITS_SHOWN = 5;
const FRAMES_SHOWN = 10;
const GAP = 2;

/** What a report shows of it. */
export interface BlockedReport {
  readonly log: Blockages;
  /** CLOCK_MONOTONIC when the command was started. */
  readonly startNs: number;
}

export interface BlockageJson {
  readonly startNs: number;
  readonly wallNs: number;
  /** null: not known. */
  readonly cpuNs: number | null;
  /** The thread slept in a system call, as far as it was looked at; null: it was not. */
  readonly parked: boolean | null;
  readonly gcNs: number | null;
  readonly name: string;
  /** null: not a task, or one that had ended (`late`). */
  readonly id: number | null;
  readonly late: boolean;
  readonly pid: number;
  readonly thread: string;
  readonly stack?: StackJson;
  readonly waited: number;
  readonly untilEnd: boolean;
}

/** With --stack. */
export interface StackJson {
  /** "function (file:line:column)", innermost first. */
  readonly frames: readonly string[];
  /** Why there are none; null: there are, or it ended before that was known. */
  readonly missing: string | null;
}

/** A name that waited and one that it waited behind; the wait is between the two. */
export interface WaitedBehindJson {
  readonly name: string;
  readonly behind: string;
  readonly count: number;
  readonly waitNs: number;
  readonly atMostNs: number;
}

/** As in the interval's lines: one that goes on. */
export interface BlockedNowJson {
  readonly startNs: number;
  readonly wallNs: number;
  readonly cpuNs: number | null;
  readonly parked: boolean | null;
  readonly name: string;
  readonly id: number | null;
  readonly late: boolean;
  readonly pid: number;
  readonly thread: string;
  readonly stack?: StackJson;
}

export function blockagesJson({ log, startNs }: BlockedReport): BlockageJson[] {
  return log.rows.slice(0, BLOCKAGES_SHOWN).map((row) => {
    return {
      ...sectionJson(row, startNs),
      gcNs: row.gcNs ?? null,
      waited: row.waited,
      untilEnd: row.untilEnd,
    };
  });
}

export function waitedBehindJson({ log }: BlockedReport): WaitedBehindJson[] {
  return log.waits.map(({ waiting, behind, count: waits, ns, atMostNs }) => {
    return { name: waiting, behind, count: waits, waitNs: Math.round(ns), atMostNs: Math.round(atMostNs) };
  });
}

export function blockedNowJson(log: BlockedLog, startNs: number): BlockedNowJson[] {
  return log.now.map((row) => sectionJson(row, startNs));
}

function sectionJson(row: BlockageRow | BlockedNow, startNs: number): BlockedNowJson {
  return {
    startNs: Math.max(0, Math.round(row.beginNs - startNs)),
    wallNs: Math.round(row.wallNs),
    cpuNs: row.cpuNs === undefined ? null : Math.round(row.cpuNs),
    parked: row.isParked ?? null,
    name: row.name,
    id: row.id ?? null,
    late: row.isLate,
    pid: row.pid,
    thread: row.thread,
    ...(row.stack === undefined
      ? {}
      : { stack: { frames: row.stack.frames, missing: row.stack.missing ?? null } }),
  };
}

/** "blocked 2.3 s by GET /report #8123 on main". */
export function blockedNowLines(log: BlockedLog): string[] {
  const several = new Set(log.now.map(({ pid }) => pid)).size > 1;
  return log.now.flatMap((row) => {
    const where = several ? `${row.thread} of process ${row.pid}` : row.thread;
    const parked = row.isParked === true ? ', parked' : '';
    const line = printable(`blocked ${time(row.wallNs)} by ${culpritText(row)} on ${where}${parked}`);
    return [line, ...stackLines(row.stack)];
  });
}

/** Innermost first; empty where none was asked for. */
export function stackLines(stack: Stack | undefined): string[] {
  if (stack === undefined) return [];
  if (stack.missing !== undefined) return [`    no stack: ${stack.missing}`];
  const shown = stack.frames.slice(0, FRAMES_SHOWN).map((frame) => `    at ${printable(frame)}`);
  const more = stack.frames.length - shown.length + stack.cut;
  return more > 0 ? [...shown, `    … ${more} more`] : shown;
}

/** Empty where no loop was blocked for as long as the limit. */
export function blockedLines(report: BlockedReport, width: number): string[] {
  const { log } = report;
  if (log.rows.length === 0) return [];
  return [...longestLines(report, width), ...waitLines(log, width), ''];
}

function longestLines({ log, startNs }: BlockedReport, width: number): string[] {
  const { totals, limitNs } = log;
  const shown = log.rows.slice(0, BLOCKAGES_SHOWN);
  const unit = unitFor(shown.map(({ wallNs }) => wallNs));
  const titles = ['at s', unit.name, 'CPU', 'GC', 'waited'];
  const cells = shown.map((row) => [
    (Math.max(0, row.beginNs - startNs) / 1e9).toFixed(3),
    inUnit(row.wallNs, unit),
    cpuShareText(row),
    row.gcNs === undefined ? '' : `${percent(row.gcNs, row.wallNs)} %`,
    row.untilEnd ? '' : count(row.waited),
  ]);
  const threads = new Set(shown.map(({ pid, thread }) => `${pid} ${thread}`));
  const several = new Set(shown.map(({ pid }) => pid)).size > 1;
  const names = shown.map((row) => {
    const where = several ? ` on ${row.thread} of process ${row.pid}` : ` on ${row.thread}`;
    return culpritText(row) + (threads.size > 1 ? where : '') + (row.untilEnd ? ', until the end' : '');
  });
  const times = `${count(totals.count)} ${totals.count === 1 ? 'time' : 'times'}`;
  const head = ` blocked for ${time(limitNs)} or more: ${times}, ${time(totals.ns)} together`;
  const lines = columns({ titles, cells, names, title: 'blocked by' }, width);
  const withStacks = shown.flatMap((row, i) => [
    lines[i + 1]!,
    ...stackLines(row.stack).map((line) => shorten(`      ${line}`, width)),
  ]);
  return [shorten(head, width), lines[0]!, ...withStacks];
}

function waitLines(log: Blockages, width: number): string[] {
  const waits = log.waits.filter((row) => row.atMostNs >= log.limitNs).slice(0, WAITS_SHOWN);
  if (waits.length === 0) return [];
  const unit = unitFor(waits.flatMap(({ ns, atMostNs }) => [ns, atMostNs]));
  const titles = ['waits', `${unit.name}`, 'at most'];
  const cells = waits.map((row: WaitRow) => [
    count(row.count),
    inUnit(row.ns, unit),
    inUnit(row.atMostNs, unit),
  ]);
  const names = waits.map(({ waiting, behind }) => `${waiting} behind ${behind}`);
  return ['', ...columns({ titles, cells, names, title: 'who waited behind whom' }, width)];
}

interface Lines {
  readonly titles: readonly string[];
  readonly title: string;
  readonly cells: readonly (readonly string[])[];
  readonly names: readonly string[];
}

function columns({ titles, title, cells, names }: Lines, width: number): string[] {
  const widths = titles.map((one, i) => Math.max(one.length, ...cells.map((row) => row[i]!.length)));
  const draw = (row: readonly string[], name: string): string => {
    const left = row.map((cell, i) => cell.padStart(widths[i]!)).join(' '.repeat(GAP));
    return ` ${left}${' '.repeat(GAP)}${shorten(printable(name), Math.max(8, width - left.length - GAP - 1))}`;
  };
  return [draw(titles, title), ...cells.map((row, i) => draw(row, names[i]!))];
}
