/** The diagnosis for people. Commands stay on one line, to be copied. */
import type { Check } from './check.ts';
import type { Tier } from './tiers.ts';
import type { Diagnosis } from '../doctor.ts';

const TEXT_WIDTH = 100;
const INDENT = ' '.repeat(6);

export function doctorText({ exact, checks, events }: Diagnosis): string {
  const verdict = exact ? 'taskperf stat works exactly here' : 'taskperf stat has to estimate here';
  const nameWidth = Math.max(...checks.map(({ name }) => name.length));
  const lines = [
    verdict,
    '',
    ...checks.flatMap((check) => checkLines(check, nameWidth)),
    '',
    'What each kind of event gets:',
    '',
    ...tierLines(events),
  ];
  return `${lines.join('\n')}\n`;
}

function checkLines({ name, found, ok, costs, remedy }: Check, nameWidth: number): string[] {
  const lines = wrapped(
    `${ok ? ' ok ' : ' -- '} ${name.padEnd(nameWidth)}  ${found}`,
    ' '.repeat(nameWidth + 7),
  );
  if (costs !== null) lines.push(...wrapped(`${INDENT}costs: ${costs}`, `${INDENT}       `));
  if (remedy.length > 0) lines.push(`${INDENT}to change it${remedy.length > 1 ? ', one of' : ''}:`);
  return [...lines, ...remedy.map((line) => `${INDENT}  ${line}`)];
}

function tierLines(tiers: readonly Tier[]): string[] {
  const width = Math.max(...tiers.map(({ events }) => events.length));
  return tiers.map(
    ({ events, kind, how }) => ` ${events.padEnd(width)}  ${kind.padEnd('not supported'.length)}  ${how}`,
  );
}

/** Broken at spaces; what follows is indented. */
function wrapped(line: string, indent: string): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > TEXT_WIDTH) {
    const at = rest.lastIndexOf(' ', TEXT_WIDTH);
    if (at <= indent.length) break;
    lines.push(rest.slice(0, at));
    rest = indent + rest.slice(at + 1);
  }
  return [...lines, rest];
}
