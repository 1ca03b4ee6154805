/** What a name of an event means: which of the sources of this process counts it, and how. */

/** perf_event_open(2)'s words. `config`s are 64 bits wide. */
export interface PerfSpec {
  readonly type: number;
  readonly config: bigint;
  readonly config1: bigint;
  readonly config2: bigint;
  readonly excludeUser: boolean;
  readonly excludeKernel: boolean;
}

/** What getrusage(2) counts for a thread. page-faults is the sum of both kinds, context-switches too. */
export type RusageField =
  | 'page-faults'
  | 'minor-faults'
  | 'major-faults'
  | 'context-switches'
  | 'voluntary-switches'
  | 'involuntary-switches';

export type V8Count = 'gc-time' | 'gc-count' | 'gc-minor' | 'gc-major' | 'alloc-bytes' | 'external-bytes';

export interface PerfSource {
  readonly kind: 'perf';
  readonly spec: PerfSpec;
  /** What getrusage(2) tells where the kernel refuses the event; null: nothing else can. */
  readonly instead: RusageField | null;
  /** Happens in the kernel only: opened without kernel rights it would always read 0, so it must not be. */
  readonly kernelOnly: boolean;
  /**
   * The PMU that counts it, where the machine has several kinds of core. Then the time that the event missed is also time
   * on cores of the other kind, so its value must not be scaled by it. Null: counts on every core.
   */
  readonly coreType: string | null;
}

export type EventSource =
  /** A line that the core and the boundary fill in any case (core/events.ts). */
  | { readonly kind: 'fixed'; readonly line: number }
  | PerfSource
  | { readonly kind: 'rusage'; readonly field: RusageField }
  | { readonly kind: 'v8'; readonly count: V8Count };

export type EventUnit = 'ns' | 'count' | 'bytes';

export interface ResolvedEvent {
  /** As shown: aliases replaced by perf's own name, modifiers behind it (`cycles:u`, `cpu/event=0x3c/u`). */
  readonly name: string;
  readonly unit: EventUnit;
  readonly meaning: string;
  /** true: threads' total = tasks + system rows must hold. */
  readonly additive: boolean;
  readonly source: EventSource;
}

/** Events that are to be on the PMU together. An event written outside of braces is a group by itself. */
export type EventGroup = readonly ResolvedEvent[];

/** Bytes of UTF-8 that a name may have: what the region has room for. */
export const EVENT_NAME_BYTES_MAX: number = 80;

export const NO_EXCLUSION: { readonly excludeUser: false; readonly excludeKernel: false } = {
  excludeUser: false,
  excludeKernel: false,
};

export function perfSpec(type: number, config: bigint): PerfSpec {
  return { type, config, config1: 0n, config2: 0n, ...NO_EXCLUSION };
}
