/** A broken assumption of ours: stop and say so. Facts of the user's machine are TaskperfError values instead. */
export class AssertionError extends Error {
  override name = 'TaskperfAssertionError';
}

export function assert(condition: boolean, claim: string): asserts condition {
  if (!condition) throw new AssertionError(`taskperf: broken assumption: ${claim}. Please report this.`);
}
