/** The lines under the table: time, throughput, loop use, what taskperf added, what was lost, how it ended. */
import { CPU_CLOCK } from '../core/events.ts';
import type { EventState } from './event-state.ts';
import { cpuOf, endingText, eventStates, nounFor, overheadOf, sumOf } from './report.ts';
import type { Report, ReportRow } from './report.ts';
import type { Losses } from './tally.ts';
import { count, percent, time } from './units.ts';

/** What each kind of loss means to the reader. */
const LOSS_TEXT: Readonly<Record<keyof Losses, string>> = {
  tasks: 'tasks not counted (task slots full)',
  contexts: 'tasks without counters (context slots full)',
  counters: 'counters not opened (counter slots full)',
  names: 'tasks named (other) (name table full)',
  slices: 'slices of threads that died',
  threads: 'threads not counted (thread slots full)',
  events: 'exits missing in the quantiles (ring overwritten)',
};

const CHILDREN_LINE =
  ' └ +: CPU time of processes that tasks of the row above started; it is in the other rows, too';

/** `dropped` are the titles of columns that found no room. */
export function footerLines(
  report: Report,
  rows: readonly ReportRow[],
  dropped: readonly string[],
): string[] {
  const lines = [timeLine(report, rows), ...cpuLines(report)];
  if (report.tally.processes.length > 0) lines.push(overheadLine(report), lossLine(report.tally.lost));
  lines.push(` program ${endingText(report.ended)}`);
  if (report.owners.size > 0) lines.push(CHILDREN_LINE);
  lines.push(...estimateLines(report));
  if (dropped.length > 0)
    lines.push(` no room for: ${dropped.join(', ')} (use a wider terminal, COLUMNS=120 or --json)`);
  lines.push(...report.notes.map((note) => ` note: ${note}`));
  return lines;
}

function timeLine(report: Report, rows: readonly ReportRow[]): string {
  if (report.tally.processes.length === 0) {
    const cores = (cpuOf(report) / report.elapsedNs).toFixed(2);
    const { processes } = report.others;
    return ` ${time(report.elapsedNs)} elapsed, ${count(processes)} process${processes === 1 ? '' : 'es'}, ${cores} cores used`;
  }
  const tasks = rows.reduce((sum, row) => sum + row.count, 0);
  const live = rows.reduce((sum, row) => sum + row.live, 0);
  const perSecond = (tasks / report.elapsedNs) * 1e9;
  const rate = perSecond >= 100 ? count(Math.round(perSecond)) : perSecond.toFixed(1);
  const unfinished = live === 0 ? '' : ` and ${count(live)} unfinished`;
  const loop = utilisation(report);
  const use = loop === undefined ? '' : `, event loop ${loop} % busy`;
  return ` ${time(report.elapsedNs)} elapsed, ${count(tasks)} ${nounFor(rows)}${unfinished}, ${rate} per second${use}`;
}

/** -M cpu: how many CPUs the threads kept busy on average. */
function cpuLines(report: Report): string[] {
  if (!report.metricGroups.includes('cpu')) return [];
  return [` ${(cpuOf(report) / report.elapsedNs).toFixed(3)} CPUs utilised`];
}

/** Share of the threads' time not spent waiting in the event loop; undefined where idleness was not counted. */
function utilisation({ tally }: Report): string | undefined {
  const total = sumOf(tally.threads.map((thread) => thread.total))[CPU_CLOCK]!;
  const idle = sumOf(tally.threads.map((thread) => thread.idle))[CPU_CLOCK]!;
  return total === 0 ? undefined : percent(Math.max(0, total - idle), total);
}

function overheadLine(report: Report): string {
  const { switches, addedNs } = overheadOf(report.tally);
  if (switches === 0) return ' taskperf added nothing: no task switch was made';
  const each = addedNs / switches;
  if (each === 0)
    return ` taskperf made ${count(switches)} task switches; the cost of one was not calibrated`;
  const share = percent(addedNs, cpuOf(report));
  return ` taskperf added about ${time(addedNs)} (${count(switches)} switches of ${time(each)}), ${share} % of the CPU time`;
}

function lossLine(lost: Losses): string {
  const losses = (Object.keys(lost) as (keyof Losses)[]).filter((kind) => lost[kind] > 0);
  if (losses.length === 0) return ' nothing was lost';
  return ` lost: ${losses.map((kind) => `${count(lost[kind])} ${LOSS_TEXT[kind]}`).join(', ')}`;
}

function stateLabel({ supported, kind }: EventState): string {
  if (!supported) return '<not supported>';
  return kind === 'exact' ? 'counted in part' : `${kind} (~)`;
}

/** Where nothing is Node.js nobody misses what only JavaScript has. */
function isOnlyJavaScript({ tally, others }: Report, { event }: EventState): boolean {
  return tally.processes.length === 0 && !others.states.has(event.id);
}

/** One line per reason, naming the events it makes inexact. */
function estimateLines(report: Report): string[] {
  const byReason = new Map<string, string[]>();
  for (const state of eventStates(report)) {
    if (state.reason === null || (!state.supported && isOnlyJavaScript(report, state))) continue;
    const text = ` ${stateLabel(state)}: NAMES; ${state.reason}`;
    const share = state.kind === 'scaled' ? ` (${percent(state.share, 1)} %)` : '';
    byReason.set(text, [...(byReason.get(text) ?? []), state.event.name + share]);
  }
  return [...byReason].map(([text, names]) => text.replace('NAMES', names.join(', ')));
}
