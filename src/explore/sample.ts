/**
 * Where all schedules are too many: those in which at most so many times a thread is stopped that could have gone on
 * (most bugs need one or two such preemptions), then random ones from a fixed seed.
 */
import { type Program, Run } from './run.ts';
import type { SearchOptions, Summary } from './search.ts';

export interface SampleOptions extends SearchOptions {
  readonly preemptions: number;
  /** Random schedules. */
  readonly random: number;
}

/** A state, and what was chosen there. */
interface Choice {
  thread: number;
  /** Threads that were not tried, as bits. */
  left: number;
  /** Preemptions before it. */
  readonly spent: number;
  readonly enabled: number;
  /** The thread that made the step before, −1 at the start. */
  readonly last: number;
}

const SEED = 0x9e3779b9;

export function sample(program: Program, options: SampleOptions): Summary {
  const summary: Summary = { schedules: 0, redundant: 0, steps: 0, isComplete: false, found: undefined };
  const note = (run: Run): boolean => {
    summary.schedules++;
    summary.steps += run.steps.length;
    const failure = run.finish();
    options.visit?.(run);
    if (failure !== undefined) summary.found = { failure, trail: [...run.trail] };
    return failure !== undefined || options.isEnough?.(summary.schedules) === true;
  };
  if (bounded(program, options.preemptions, note)) return summary;
  if (random(program, options.random, note)) return summary;
  summary.isComplete = true;
  return summary;
}

/** Returns true when it was told to stop. */
function bounded(program: Program, preemptions: number, note: (run: Run) => boolean): boolean {
  const { memory } = program;
  let choices: Choice[] = [];
  for (;;) {
    memory.grew = false;
    const run = new Run(program);
    for (const { thread } of choices) run.step(thread);
    while (run.enabled !== 0) {
      const choice = choose(run, choices, preemptions);
      choices.push(choice);
      run.step(choice.thread);
    }
    if (note(run)) return true;
    if (memory.grew) choices = [];
    else if (!advance(choices)) return false;
  }
}

function choose(run: Run, choices: readonly Choice[], preemptions: number): Choice {
  const before = choices.at(-1);
  const last = before?.thread ?? -1;
  const spent = (before?.spent ?? 0) + (before !== undefined && isPreemption(before) ? 1 : 0);
  const { enabled } = run;
  const canGoOn = last >= 0 && (enabled & (1 << last)) !== 0;
  const thread = canGoOn ? last : lowest(enabled);
  const left = canGoOn && spent >= preemptions ? 0 : enabled & ~(1 << thread);
  return { thread, left, spent, enabled, last };
}

function isPreemption({ last, thread, enabled }: Choice): boolean {
  return last >= 0 && thread !== last && (enabled & (1 << last)) !== 0;
}

/** To the next schedule; false when there is none. */
function advance(choices: Choice[]): boolean {
  for (;;) {
    const choice = choices.at(-1);
    if (choice === undefined) return false;
    if (choice.left !== 0) {
      choice.thread = lowest(choice.left);
      choice.left &= ~(1 << choice.thread);
      return true;
    }
    choices.pop();
  }
}

function random(program: Program, count: number, note: (run: Run) => boolean): boolean {
  let state = SEED;
  for (let i = 0; i < count; i++) {
    const run = new Run(program);
    while (run.enabled !== 0) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      const awake = [0, 1, 2, 3, 4, 5, 6, 7].filter((t) => (run.enabled & (1 << t)) !== 0);
      run.step(awake[(state >>> 0) % awake.length]!);
    }
    if (note(run)) return true;
  }
  return false;
}

function lowest(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
