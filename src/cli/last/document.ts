/** The last state for programs: schema `taskperf.last/1`. Fields are only ever added; times are ns, moments epoch ms. */
import { valuesJson } from '../values-json.ts';
import type { ValuesJson } from '../values-json.ts';
import { epochMsOf, seenEpochMs } from './render.ts';
import type { Found } from './render.ts';
import type { LastState, LastThread } from './state.ts';

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
    /** Who had it; null: it waited for events, or has ended. `id` is null where it is no task. */
    readonly running: { readonly name: string; readonly id: number | null; readonly ns: number } | null;
    readonly switches: number;
    /** Oldest first; `atEpochMs` is null where no clock was read. */
    readonly lastSwitches: readonly {
      readonly name: string;
      readonly id: number | null;
      readonly atEpochMs: number | null;
    }[];
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
    threads: state.threads.map((thread) => threadJson(state, thread)),
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

function threadJson(state: LastState, thread: LastThread): LastJson['threads'][number] {
  const { id, tid, name, isLive, running, switches } = thread;
  return {
    id,
    tid,
    name,
    live: isLive,
    running:
      running === undefined
        ? null
        : { name: running.name, id: running.id ?? null, ns: Math.max(0, state.seenNs - running.sinceNs) },
    switches,
    lastSwitches: thread.lastSwitches.map((one) => {
      const atEpochMs = one.sinceNs === undefined ? null : epochMsOf(state, one.sinceNs);
      return { name: one.name, id: one.id ?? null, atEpochMs };
    }),
  };
}
