/**
 * What a header must say for the rest to be read: magic, layout version, and capacities that are no larger than any real
 * region's and that the file has room for. They bound what a region can make the tool allocate and look through.
 */
import { TaskperfError } from '../core/errors.ts';
import {
  H_CONTEXTS,
  H_COUNTERS,
  H_MAGIC,
  H_NAMES,
  H_RING,
  H_TASKS,
  H_THREADS,
  H_VERSION,
  LAYOUT_VERSION,
  MAGIC,
  layoutOf,
} from '../core/layout.ts';
import type { Capacities, Layout } from '../core/layout.ts';
import { printable } from './printable.ts';

/** Far above any real region, far below what a damaged header could make us allocate or look through. */
const SLOTS_MAX = {
  threads: 1024,
  names: 1 << 16,
  tasks: 1 << 23,
  contexts: 1 << 23,
  counters: 1 << 25,
  ring: 1 << 24,
};
/** The core makes none that is larger. */
const BYTES_MAX = 2 ** 33;

const CAPACITY_WORDS = [
  ['threads', H_THREADS],
  ['names', H_NAMES],
  ['tasks', H_TASKS],
  ['contexts', H_CONTEXTS],
  ['counters', H_COUNTERS],
  ['ring', H_RING],
] as const;

/** @throws TaskperfError EINVAL. `bytes` is the size of the file. */
export function checkedLayout(file: string, words: Int32Array, bytes: number): Layout {
  const path = printable(file);
  if (words[H_MAGIC] !== MAGIC)
    throw new TaskperfError('EINVAL', `${path} is not a taskperf region; delete it`, file);
  if (words[H_VERSION] !== LAYOUT_VERSION) {
    throw new TaskperfError(
      'EINVAL',
      `${path} has region layout ${words[H_VERSION]}, this taskperf reads layout ${LAYOUT_VERSION}; ` +
        'use the same taskperf version for the command and the program',
      file,
    );
  }
  const isSane = CAPACITY_WORDS.every(([name, word]) => words[word]! >= 1 && words[word]! <= SLOTS_MAX[name]);
  const ring = words[H_RING]!;
  const layout = isSane && (ring & (ring - 1)) === 0 ? layoutOf(capacitiesOf(words)) : undefined;
  if (layout === undefined || layout.bytes > BYTES_MAX)
    throw new TaskperfError('EINVAL', `${path} is damaged: its capacities are impossible; delete it`, file);
  if (bytes < layout.bytes) throw truncated(file, bytes, layout.bytes);
  if (bytes > layout.bytes) {
    const sizes = `it has ${bytes} bytes, and room for ${layout.bytes} in its header`;
    throw new TaskperfError('EINVAL', `${path} is damaged: ${sizes}; delete it`, file);
  }
  return layout;
}

function capacitiesOf(words: Int32Array): Capacities {
  return {
    threads: words[H_THREADS]!,
    names: words[H_NAMES]!,
    tasks: words[H_TASKS]!,
    contexts: words[H_CONTEXTS]!,
    counters: words[H_COUNTERS]!,
    ring: words[H_RING]!,
  };
}

/** `expected` are the bytes that there should be. */
export function truncated(file: string, bytes: number, expected: number): TaskperfError {
  const message = `${printable(file)} is truncated: ${bytes} of ${expected} bytes; delete it`;
  return new TaskperfError('EINVAL', message, file);
}

/** Does it still say what it said when it was opened? */
export function isSameLayout(layout: Layout, words: Int32Array): boolean {
  const isRegion = words[H_MAGIC] === MAGIC && words[H_VERSION] === LAYOUT_VERSION;
  return isRegion && CAPACITY_WORDS.every(([name, word]) => words[word] === layout[name]);
}
