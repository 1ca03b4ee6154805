/** Reports as lines of text. docs/simulation.md has the legend. */
import type { Coverage } from './coverage.ts';
import { formatTable } from './journal.ts';
import type { Report } from './run.ts';
import { formatSeed } from './seed.ts';

/** The head is printed before the run, since a run may not come back. */
export function headLines(seed: bigint, options: readonly string[]): string[] {
  return [`seed        ${formatSeed(seed)}`, ...options];
}

export function resultLines(report: Report): string[] {
  const { steps, switches, clock, failure } = report;
  const did = `${steps} steps, ${switches} switches, ${clock} ns of simulated time`;
  if (failure === undefined) return [`${did}: no violation`];
  return [
    `${did}: FAILED`,
    '',
    ...failure.journal,
    '',
    failure.message,
    `repeat with: npm run sim -- ${formatSeed(report.seed)} --steps ${steps}`,
  ];
}

/** Operations with their outcomes, states, and pairs, as tables. */
export function coverageLines(coverage: Coverage): string[] {
  return [
    ...outcomeLines(coverage),
    '',
    ...formatTable([
      ['seen: states of counters after a step, switches, overflows', 'times'],
      ...sorted(coverage.states).map(([state, times]) => [state, String(times)]),
    ]),
    '',
    ...pairLines(coverage),
  ];
}

function outcomeLines({ outcomes }: Coverage): string[] {
  const codes = [...new Set([...outcomes.values()].flatMap((of) => [...of.keys()]))].sort();
  const rows = [...outcomes].sort(([a], [b]) => (a < b ? -1 : 1));
  return formatTable([
    ['operation', ...codes.map((code) => (code === '' ? 'done' : code))],
    ...rows.map(([name, of]) => [name, ...codes.map((code) => String(of.get(code) ?? ''))]),
  ]);
}

/** A request of the row's kind was waiting for the thread when it did the column's operation. */
function pairLines({ pairs }: Coverage): string[] {
  const split = [...pairs].map(([pair, times]) => [...pair.split(' > '), times] as [string, string, number]);
  const asked = [...new Set(split.map(([first]) => first))].sort();
  const did = [...new Set(split.map(([, second]) => second))].sort();
  return formatTable([
    ['while it waited, the thread did', ...asked],
    ...did.map((second) => [
      second,
      ...asked.map((first) => String(pairs.get(`${first} > ${second}`) ?? '')),
    ]),
  ]);
}

function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([, a], [, b]) => b - a);
}
