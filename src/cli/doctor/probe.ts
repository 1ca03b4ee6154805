/**
 * What only trying tells: a program of its own, which prints one line of JSON. Separate, because a system call may be
 * answered with a signal (systemd's SystemCallFilter kills with SIGSYS), and that is a finding, too.
 */
import {
  V8_LACKS_ALLOC,
  V8_LACKS_EXTERNAL,
  V8_LACKS_GC,
  LACKS_COMPLETED,
  LACKS_DRAINED,
  LACKS_ENTERED,
  LACKS_LOOP,
  findAddon,
} from '../../node/addon.ts';
import type { Addon } from '../../node/addon.ts';
import { hasFrames } from '../../node/frame-carrier.ts';

/** How a perf event was answered: 0 or the errno, with the kernel's share and without. */
export interface Answer {
  readonly all: number;
  readonly user: number;
}

export interface Probe {
  /** null, or why there is no addon: 'MODULE_NOT_FOUND', 'TASKPERF_NO_ADDON', a platform, the loader's message. */
  readonly noAddon: string | null;
  /** What shows that the kernel took the thread off its core. */
  readonly preemption: 'nothing' | 'rseq' | 'perf';
  /** Task switches are seen in async context frames; else by hooks. */
  readonly frames: boolean;
  /** What V8 and libuv lack of what the boundaries need. */
  readonly boundariesLack: readonly string[];
  /** Events of the runtime that V8 does not tell of. */
  readonly v8Lacks: readonly string[];
  /** perf_event_open kills who calls it; the answers below are those of a process that does not call it. */
  readonly perfKills: boolean;
  readonly taskClock: Answer;
  readonly cycles: Answer;
  readonly instructions: Answer;
  /** Counters of the processor that fit one group; 0 where there are none. */
  readonly registers: number;
  readonly userRead: boolean;
  readonly userTime: boolean;
}

/** perf_event_attr.type and .config, as in linux/perf_event.h. */
const HARDWARE = 0n;
const SOFTWARE = 1n;
const CYCLES = 0n;
const INSTRUCTIONS = 1n;
const TASK_CLOCK_EVENT = 1n;
/** Of tryGroup (native/addon_sources.c). */
const EXCLUDE_KERNEL = 2n;
const IS_USER_READABLE = 2;
/** More than one processor offers to a thread, fewer than tryGroup has room for. */
const REGISTERS_MAX = 20;
const ENOSYS = 38;

const NEVER: Answer = { all: ENOSYS, user: ENOSYS };
const WITHOUT_ADDON: Omit<Probe, 'noAddon'> = {
  preemption: 'nothing',
  frames: false,
  boundariesLack: [],
  v8Lacks: [],
  perfKills: false,
  taskClock: NEVER,
  cycles: NEVER,
  instructions: NEVER,
  registers: 0,
  userRead: false,
  userTime: false,
};

process.stdout.write(`${JSON.stringify(probe())}\n`);

function probe(): Probe {
  const addon = findAddon();
  if (typeof addon === 'string') return { ...WITHOUT_ADDON, noAddon: addon };
  return { noAddon: null, ...runtime(addon), ...counters(addon) };
}

function runtime(addon: Addon): Pick<Probe, 'preemption' | 'frames' | 'boundariesLack' | 'v8Lacks'> {
  const named = (bits: number, names: readonly [number, string][]): string[] =>
    names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  return {
    preemption: (['nothing', 'rseq', 'perf'] as const)[addon.watch()] ?? 'nothing',
    frames: hasFrames(addon),
    boundariesLack: named(addon.boundaryLacks(), [
      [LACKS_ENTERED, 'AddBeforeCallEnteredCallback'],
      [LACKS_COMPLETED, 'AddCallCompletedCallback'],
      [LACKS_DRAINED, 'AddMicrotasksCompletedCallback'],
      [LACKS_LOOP, 'uv_prepare'],
    ]),
    v8Lacks: named(addon.v8Lacks(), [
      [V8_LACKS_GC, 'gc'],
      [V8_LACKS_ALLOC, 'alloc-bytes'],
      [V8_LACKS_EXTERNAL, 'external-bytes'],
    ]),
  };
}

function counters(
  addon: Addon,
): Omit<Probe, 'noAddon' | 'preemption' | 'frames' | 'boundariesLack' | 'v8Lacks'> {
  const answer = (type: bigint, config: bigint): Answer => {
    const of = (exclusions: bigint): number => addon.tryGroup(specs(type, [config], exclusions))[0];
    return { all: of(0n), user: of(EXCLUDE_KERNEL) };
  };
  const cycles = answer(HARDWARE, CYCLES);
  // Cycles may have a register of their own: the group begins with them.
  const many = [CYCLES, ...Array.from({ length: REGISTERS_MAX - 1 }, () => INSTRUCTIONS)];
  const [errno, refused] = addon.tryGroup(specs(HARDWARE, many, EXCLUDE_KERNEL));
  const [, , bits] = addon.tryGroup(specs(HARDWARE, [CYCLES], EXCLUDE_KERNEL));
  return {
    perfKills: false,
    taskClock: answer(SOFTWARE, TASK_CLOCK_EVENT),
    cycles,
    instructions: answer(HARDWARE, INSTRUCTIONS),
    registers: cycles.user !== 0 ? 0 : errno === 0 ? REGISTERS_MAX : refused,
    userRead: cycles.user === 0 && (bits & IS_USER_READABLE) !== 0,
    userTime: addon.userTime() === 1,
  };
}

/** Words of tryGroup: type, config, config1, config2, exclusions. */
function specs(type: bigint, configs: readonly bigint[], exclusions: bigint): BigUint64Array {
  return BigUint64Array.from(configs.flatMap((config) => [type, config, 0n, 0n, exclusions]));
}
