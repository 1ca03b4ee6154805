/** read(2)'s layout of perf_event_open: 64-bit values in the order the read_format bits ask for. */
import type { CounterReading } from './family.ts';
import { TaskperfError } from './errors.ts';

export const FORMAT_TOTAL_TIME_ENABLED: number = 1;
export const FORMAT_TOTAL_TIME_RUNNING: number = 2;
export const FORMAT_ID: number = 4;
export const FORMAT_GROUP: number = 8;
export const FORMAT_LOST: number = 16;
const KNOWN_BITS = 31;

/** A member of what is read. */
export interface FormatMember {
  readonly reading: CounterReading;
  /** Unique among all counters of the region's life. */
  readonly id: number;
}

/**
 *     alone:   value, [enabled], [running], [id], [lost]
 *     GROUP:   members, [enabled], [running], then per member: value, [id], [lost]
 *
 * `lost` is what a sampling counter did not count because it was throttled. No member, no words: end of file.
 * @throws TaskperfError EINVAL for an unknown bit.
 */
export function encodeReadFormat(members: readonly FormatMember[], bits: number): BigUint64Array {
  if (!Number.isInteger(bits) || bits < 0 || bits > KNOWN_BITS) {
    throw new TaskperfError(
      'EINVAL',
      `read format ${bits} has unknown bits: use the FORMAT_ constants`,
      bits,
    );
  }
  const [first] = members;
  if (first === undefined) return new BigUint64Array(0);
  const words: number[] = [];
  const times = first.reading;
  const pushTimes = (): void => {
    if ((bits & FORMAT_TOTAL_TIME_ENABLED) !== 0) words.push(times.enabled);
    if ((bits & FORMAT_TOTAL_TIME_RUNNING) !== 0) words.push(times.running);
  };
  const pushIdentity = (member: FormatMember): void => {
    if ((bits & FORMAT_ID) !== 0) words.push(member.id);
    if ((bits & FORMAT_LOST) !== 0) words.push(member.reading.lost ?? 0);
  };
  if ((bits & FORMAT_GROUP) !== 0) {
    words.push(members.length);
    pushTimes();
    for (const member of members) {
      words.push(member.reading.value);
      pushIdentity(member);
    }
  } else {
    words.push(first.reading.value);
    pushTimes();
    pushIdentity(first);
  }
  return BigUint64Array.from(words, BigInt);
}
