/**
 * A schedule as a word: the thread of each access in order, runs of four and more shortened.
 *
 *     000110000000  ↔  000110{7}
 */
const WORD = /^(?:[0-7](?:\{\d{1,6}\})?)*$/;

export function encodeSchedule(trail: readonly number[]): string {
  return trail.join('').replace(/(\d)\1{3,}/g, (run) => `${run.charAt(0)}{${run.length}}`);
}

/** undefined when it is not a schedule. */
export function decodeSchedule(word: string): number[] | undefined {
  if (!WORD.test(word)) return undefined;
  const digits = word.replace(/(\d)\{(\d+)\}/g, (_all, digit: string, count: string) =>
    digit.repeat(Number(count)),
  );
  return [...digits].map(Number);
}
