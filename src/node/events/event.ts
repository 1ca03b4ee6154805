/** What the name of an event stands for: where its counts come from. */

/** Words of perf_event_attr (perf_event_open(2)). */
export interface PerfSpec {
  readonly type: number;
  readonly config: bigint;
  readonly config1: bigint;
  readonly config2: bigint;
  readonly excludeUser: boolean;
  readonly excludeKernel: boolean;
}

/** Counts that the addon takes one by one; the numbers are native/sources.h's. */
export type SingleSource =
  | 'page-faults'
  | 'minor-faults'
  | 'major-faults'
  | 'context-switches'
  | 'voluntary-switches'
  | 'involuntary-switches'
  | 'gc-time'
  | 'gc-count'
  | 'gc-minor'
  | 'gc-major'
  | 'alloc-bytes'
  | 'external-bytes';

export type EventSource =
  | { readonly kind: 'fixed'; readonly line: number }
  | { readonly kind: 'single'; readonly source: SingleSource }
  | {
      readonly kind: 'perf';
      readonly spec: PerfSpec;
      /** Serves where the kernel's part may not be counted by perf_event_open. */
      readonly fallback?: SingleSource;
    };

export interface ResolvedEvent {
  /** As it is shown, modifiers included. */
  readonly name: string;
  /** As it was asked for: resolves to the same again. */
  readonly text: string;
  readonly unit: 'ns' | 'count' | 'bytes';
  readonly meaning: string;
  readonly additive: boolean;
  readonly source: EventSource;
}

/** Events that are to be on the PMU together; a single one where the user made no group. */
export interface EventGroup {
  readonly events: readonly ResolvedEvent[];
  /** Written with braces. */
  readonly isExplicit: boolean;
}
