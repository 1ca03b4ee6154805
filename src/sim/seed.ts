/**
 * A seed is the run: 64 bits, written as `0x` and up to 16 hexadecimal digits (decimal is read, too). Everything that
 * is drawn in a run follows from it, so a failure is repeated by giving the seed again.
 */
import { TaskperfError } from '../core/index.ts';

export const SEED_MAX: bigint = 2n ** 64n - 1n;

/** @throws TaskperfError EINVAL, in one sentence, unless the text is a seed. */
export function parseSeed(text: string): bigint {
  const isSeed = /^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text);
  const seed = isSeed ? BigInt(text) : -1n;
  if (seed >= 0n && seed <= SEED_MAX) return seed;
  throw new TaskperfError(
    'EINVAL',
    `"${text}" is no seed: give a number below 2^64, such as 0x1f or 31`,
    text,
  );
}

export function formatSeed(seed: bigint): string {
  return `0x${seed.toString(16).padStart(16, '0')}`;
}

/** The first 64 bits of a hexadecimal text, such as the hash of a commit. */
export function seedOfHash(hash: string): bigint {
  return parseSeed(`0x${hash.slice(0, 16)}`);
}
