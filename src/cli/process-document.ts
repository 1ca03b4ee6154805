/** The entries of `processes` in the document. */
import type { EventInfo } from '../core/events.ts';
import { NO_TASK } from '../core/owner.ts';
import { processRows } from './process-rows.ts';
import type { ProcessRows } from './process-rows.ts';
import type { Report } from './report.ts';
import { scaledValues, scalingOf } from './scaling.ts';
import { valuesJson } from './values-json.ts';
import type { ValuesJson } from './values-json.ts';

export interface ProcessJson {
  /** 0 for what belongs to no process that was seen. */
  readonly pid: number;
  readonly name: string;
  /** Version of Node.js; null where its tasks are not counted, as in other programs. */
  readonly node: string | null;
  /** false: it was killed; null: not known, it is not Node.js. */
  readonly exited: boolean | null;
  /** The task that started it: its name, its number and its process; null: no task, or it is not known. */
  readonly owner: { readonly pid: number; readonly task: string; readonly id: number | null } | null;
  /** All that the process used. */
  readonly counters: ValuesJson;
  /** With --by process only. */
  readonly system?: readonly { readonly name: string; readonly counters: ValuesJson }[];
}

export function processesJson(report: Report, additive: readonly EventInfo[]): ProcessJson[] {
  const everywhere = additive.filter(({ id }) => report.others.lines.includes(id));
  return processRows(report).map((one) => {
    const { pid, name, node, exited, shown } = one;
    const counters = valuesJson(node === null ? everywhere : additive, shown);
    const entry = { pid, name, node, exited, owner: ownerJson(one), counters };
    return report.by !== 'process'
      ? entry
      : { ...entry, system: systemOf(one, report, { additive, everywhere }) };
  });
}

function ownerJson({ owner }: ProcessRows): ProcessJson['owner'] {
  return owner && { pid: owner.pid, task: owner.name, id: owner.task === NO_TASK ? null : owner.task };
}

function systemOf(
  { system, systemOwn }: ProcessRows,
  { tally }: Report,
  events: { readonly additive: readonly EventInfo[]; readonly everywhere: readonly EventInfo[] },
): NonNullable<ProcessJson['system']> {
  const scaling = scalingOf(tally.processes);
  return system.map(({ name, values }, i) => {
    if (i >= systemOwn) return { name, counters: valuesJson(events.everywhere, values) };
    return { name, counters: valuesJson(events.additive, scaledValues(values, scaling)) };
  });
}
