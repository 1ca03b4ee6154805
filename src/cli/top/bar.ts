/** A thread's window as a bar. Every part has a mark of its own, so it can be read without colours, too. */
import type { ThreadTime } from './books.ts';
import type { Tone } from './lines.ts';

export interface Part {
  readonly kind: keyof ThreadTime;
  readonly mark: string;
  readonly tone: Tone;
  readonly meaning: string;
}

/** In the order they are drawn. */
export const PARTS: readonly Part[] = [
  { kind: 'tasks', mark: '█', tone: 'tasks', meaning: 'tasks' },
  { kind: 'other', mark: '▓', tone: 'other', meaning: 'other JavaScript' },
  { kind: 'loop', mark: '▒', tone: 'loop', meaning: 'event loop' },
  { kind: 'gc', mark: 'G', tone: 'gc', meaning: 'GC' },
  { kind: 'idle', mark: '·', tone: 'idle', meaning: 'idle' },
];

/** So many cells per part of PARTS; together `width`. Shares that do not sum to 1: the rest is nobody's, shown as idle. */
export function cellsOf(share: ThreadTime, width: number): number[] {
  const rest = Math.max(0, 1 - PARTS.reduce((sum, { kind }) => sum + share[kind], 0));
  const exact = PARTS.map(({ kind }) => (share[kind] + (kind === 'idle' ? rest : 0)) * width);
  const cells = exact.map((value) => Math.floor(value));
  let left = width - cells.reduce((sum, value) => sum + value, 0);
  const byRemainder = PARTS.map((_, i) => i).sort((a, b) => exact[b]! - cells[b]! - (exact[a]! - cells[a]!));
  for (const i of byRemainder) {
    if (left <= 0 || exact[i] === 0) break;
    cells[i]! += 1;
    left--;
  }
  // Of shares that are rounded there may be one left.
  cells[PARTS.length - 1]! += Math.max(left, 0);
  return cells;
}
