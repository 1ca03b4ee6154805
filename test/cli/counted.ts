/** Reports of a run that counted cycles and instructions, the latter perhaps a part of the time. */
import { NO_OTHERS } from '#cli/os-rows.js';
import type { Report } from '#cli/report.js';
import { Tally } from '#cli/tally.js';
import { EVENT_GIVEN_FIRST, EVENTS, TASK_CLOCK } from '#core/events.js';
import type { EventInfo } from '#core/events.js';
import { EVENT_LINES } from '#core/layout.js';

export const CYCLES: number = EVENT_GIVEN_FIRST;
export const INSTRUCTIONS: number = EVENT_GIVEN_FIRST + 1;
/** The ns that the group of instructions missed. */
export const MISSED: number = EVENT_LINES - 1;

export function event(id: number, name: string, unit: EventInfo['unit'] = 'count'): EventInfo {
  return EVENTS[id] ?? { id, name, unit, additive: true, meaning: name };
}

export interface Counts {
  readonly cycles?: number;
  readonly instructions?: number;
  readonly missedNs?: number;
}

/** One route of four requests in 8 ms, and a loop; on a machine without a PMU nobody counted the two events. */
export function reportOf(route: Counts, more: Partial<Report> = {}, isCounted = true): Report {
  const values = (ns: number, { cycles = 0, instructions = 0, missedNs = 0 }: Counts): Float64Array => {
    const line = new Float64Array(EVENT_LINES);
    line[TASK_CLOCK] = ns;
    if (isCounted) [line[CYCLES], line[INSTRUCTIONS], line[MISSED]] = [cycles, instructions, missedNs];
    return line;
  };
  const tally = new Tally();
  const row = tally.row('GET /', 'GET /');
  row.count = 4;
  row.values.set(values(8e6, route));
  row.exited.set(row.values);
  const none = new Float64Array(EVENT_LINES);
  const loop = values(2e6, {});
  const total = row.values.map((value, line) => value + loop[line]!);
  const books = { tasks: row.values.slice(), unattributed: none, late: none, loop, idle: none, total };
  tally.threads.push({
    pid: 1,
    id: 0,
    tid: 1,
    name: 'main',
    switches: 4,
    boundaries: 4,
    switchCostNs: 0,
    ...books,
  });
  const missedLine = route.missedNs === undefined ? undefined : MISSED;
  const counted = { name: '', flags: 0, errno: isCounted ? 0 : 2, missedLine };
  const rows = new Map([
    [CYCLES, { ...counted, name: 'cycles', missedLine: undefined }],
    [INSTRUCTIONS, { ...counted, name: 'instructions' }],
  ]);
  tally.processes.push({
    pid: 1,
    innerPid: 1,
    script: '',
    owner: null,
    node: 'v24.0.0',
    exited: true,
    eventBits: 1 | (isCounted ? (1 << CYCLES) | (1 << INSTRUCTIONS) : 0),
    estimatedBits: 0,
    reason: 0,
    events: rows,
    off: undefined,
  });
  return {
    command: ['node', 'app.js'],
    pid: 1,
    ended: { code: 0, signal: null, forced: false },
    elapsedNs: 2e7,
    events: [EVENTS[TASK_CLOCK]!, event(CYCLES, 'cycles'), event(INSTRUCTIONS, 'instructions')],
    explicitEvents: true,
    metricGroups: [],
    hidden: new Set(),
    by: 'name',
    tally,
    others: NO_OTHERS,
    groups: new Map(),
    owners: new Map(),
    tasks: [],
    notes: [],
    ...more,
  };
}
