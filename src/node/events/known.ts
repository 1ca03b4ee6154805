/** The events that have a name on every machine: taskperf's own, and the kernel's, named as in `perf stat`. */
import {
  CPU_CLOCK,
  EVENTS,
  FORKS,
  LATE,
  TASK_CLOCK,
  TASK_SWITCHES,
  WAIT,
  WALL,
  assert,
} from '../../core/index.ts';
import type { EventSource, EventUnit, RusageField, V8Count } from './event.ts';
import { perfSpec } from './event.ts';

/** perf_event_attr.type. */
export const PERF_TYPE_HARDWARE: number = 0;
export const PERF_TYPE_SOFTWARE: number = 1;
export const PERF_TYPE_HW_CACHE: number = 3;
export const PERF_TYPE_RAW: number = 4;

export type EventKind = 'task' | 'clock' | 'hardware' | 'cache' | 'software' | 'v8';

export interface KnownEvent {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly kind: EventKind;
  readonly unit: EventUnit;
  readonly meaning: string;
  readonly additive: boolean;
  readonly source: EventSource;
}

function fixed(line: number, kind: EventKind): KnownEvent {
  const { name, unit, meaning, additive } = EVENTS[line]!;
  return { name, aliases: [], kind, unit, meaning, additive, source: { kind: 'fixed', line } };
}

function hardware(config: number, names: readonly string[], meaning: string): KnownEvent {
  return perf('hardware', names, meaning, {
    kind: 'perf',
    spec: perfSpec(PERF_TYPE_HARDWARE, BigInt(config)),
    instead: null,
    kernelOnly: false,
    coreType: null,
  });
}

interface SoftwareFacts {
  readonly instead?: RusageField;
  readonly kernelOnly?: boolean;
}

function software(
  config: number,
  names: readonly string[],
  meaning: string,
  { instead, kernelOnly }: SoftwareFacts = {},
): KnownEvent {
  return perf('software', names, meaning, {
    kind: 'perf',
    spec: perfSpec(PERF_TYPE_SOFTWARE, BigInt(config)),
    instead: instead ?? null,
    kernelOnly: kernelOnly === true,
    coreType: null,
  });
}

function perf(kind: EventKind, names: readonly string[], meaning: string, source: EventSource): KnownEvent {
  const [name, ...aliases] = names;
  return { name: name!, aliases, kind, unit: 'count', meaning, additive: true, source };
}

function rusage(field: RusageField, meaning: string): KnownEvent {
  return perf('software', [field], meaning, { kind: 'rusage', field });
}

function v8(count: V8Count, unit: EventUnit, meaning: string): KnownEvent {
  return {
    name: count,
    aliases: [],
    kind: 'v8',
    unit,
    meaning,
    additive: true,
    source: { kind: 'v8', count },
  };
}

const SWITCH = { kernelOnly: true } as const;

/** In the order of `taskperf list`. Numbers are those of linux/perf_event.h, names and aliases those of perf. */
export const KNOWN_EVENTS: readonly KnownEvent[] = [
  fixed(TASK_CLOCK, 'clock'),
  fixed(CPU_CLOCK, 'clock'),
  fixed(WALL, 'clock'),
  fixed(WAIT, 'clock'),
  fixed(LATE, 'clock'),
  fixed(TASK_SWITCHES, 'task'),
  fixed(FORKS, 'task'),

  hardware(0, ['cycles', 'cpu-cycles'], 'CPU cycles; their number per second follows the clock rate'),
  hardware(1, ['instructions'], 'instructions retired: the figure that shakes least from run to run'),
  hardware(2, ['cache-references'], 'accesses to the last cache level'),
  hardware(3, ['cache-misses'], 'accesses that the last cache level could not serve'),
  hardware(4, ['branches', 'branch-instructions'], 'branch instructions retired'),
  hardware(5, ['branch-misses'], 'branches predicted wrongly'),
  hardware(6, ['bus-cycles'], 'cycles of the bus'),
  hardware(7, ['stalled-cycles-frontend', 'idle-cycles-frontend'], 'cycles without an instruction to issue'),
  hardware(
    8,
    ['stalled-cycles-backend', 'idle-cycles-backend'],
    'cycles in which no instruction could go on',
  ),
  hardware(9, ['ref-cycles'], 'cycles at a constant rate, whatever the clock rate is'),

  software(2, ['page-faults', 'faults'], 'pages of memory that the kernel had to provide', {
    instead: 'page-faults',
  }),
  software(5, ['minor-faults'], 'page faults served from memory', { instead: 'minor-faults' }),
  software(6, ['major-faults'], 'page faults that had to be read from a disk', { instead: 'major-faults' }),
  software(3, ['context-switches', 'cs'], 'times the kernel gave the core to another thread', {
    ...SWITCH,
    instead: 'context-switches',
  }),
  rusage('voluntary-switches', 'times the thread gave up its core to wait'),
  rusage('involuntary-switches', 'times the kernel took the core away'),
  software(4, ['cpu-migrations', 'migrations'], 'times the thread went to another core', SWITCH),
  software(7, ['alignment-faults'], 'unaligned accesses that the kernel had to mend'),
  software(8, ['emulation-faults'], 'instructions that the kernel had to emulate'),
  software(11, ['cgroup-switches'], 'switches to a thread of another control group', SWITCH),

  v8('gc-time', 'ns', 'time that garbage collection stopped JavaScript'),
  v8('gc-count', 'count', 'garbage collections of any kind'),
  v8('gc-minor', 'count', 'collections of the young generation'),
  v8('gc-major', 'count', 'collections of the whole heap'),
  v8('alloc-bytes', 'bytes', 'bytes allocated on the JavaScript heap'),
  v8('external-bytes', 'bytes', 'bytes allocated outside of the heap for JavaScript, as those of buffers'),
];

const byName = new Map(
  KNOWN_EVENTS.flatMap((event) => [event.name, ...event.aliases].map((name) => [name, event] as const)),
);

/** By its name or an alias. */
export function knownEvent(name: string): KnownEvent | undefined {
  return byName.get(name);
}

assert(
  byName.size === KNOWN_EVENTS.reduce((sum, { aliases }) => sum + 1 + aliases.length, 0),
  'no two events share a name',
);
