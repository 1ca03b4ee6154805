/** The last state for programs: schema `taskperf.last/1`. Fields are only ever added; times are ns, moments epoch ms. */
import { valuesJson } from '../document.ts';
import type { ValuesJson } from '../document.ts';
import { seenEpochMs } from './render.ts';
import type { Found } from './render.ts';
import type { LastState } from './state.ts';

export interface LastJson {
  readonly schema: 'taskperf.last/1';
  readonly pid: number;
  readonly node: string;
  readonly region: string;
  /** `ended`: it said so itself; `gone`: it did not, it was killed or crashed. */
  readonly state: 'running' | 'ended' | 'gone';
  readonly startedEpochMs: number;
  readonly seenEpochMs: number;
  readonly threads: readonly {
    readonly id: number;
    readonly tid: number;
    readonly name: string;
    readonly live: boolean;
    readonly running: { readonly name: string; readonly id: number } | null;
    /** How long it had the thread when the region was last written. */
    readonly runningNs: number;
    readonly switches: number;
  }[];
  readonly tasks: readonly {
    readonly name: string;
    readonly id: number;
    readonly ageNs: number;
    readonly counters: ValuesJson;
  }[];
  /** How many tasks had not ended; `tasks` has the most costly of them. */
  readonly taskCount: number;
  readonly names: readonly {
    readonly name: string;
    readonly count: number;
    readonly live: number;
    readonly counters: ValuesJson;
  }[];
  readonly notes: readonly string[];
}

export function documentOfLast(state: LastState, { isRunning }: Found): LastJson {
  const { events, seenNs } = state;
  return {
    schema: 'taskperf.last/1',
    pid: state.pid,
    node: state.node,
    region: state.path,
    state: state.exited ? 'ended' : isRunning ? 'running' : 'gone',
    startedEpochMs: state.startEpochMs,
    seenEpochMs: seenEpochMs(state),
    threads: state.threads.map(({ id, tid, name, isLive, running, sinceNs, switches }) => {
      const runningNs = isLive ? Math.max(0, seenNs - sinceNs) : 0;
      return { id, tid, name, live: isLive, running: running ?? null, runningNs, switches };
    }),
    tasks: state.tasks.map(({ name, id, startNs, values }) => {
      return { name, id, ageNs: Math.max(0, seenNs - startNs), counters: valuesJson(events, values) };
    }),
    taskCount: state.taskCount,
    names: state.names.map(({ name, count, live, values }) => {
      return { name, count, live, counters: valuesJson(events, values) };
    }),
    notes: state.notes,
  };
}
