/**
 * A screen as data: lines of spans, each at its column. The terminal (screen.ts) and plain text (plain.ts) are drawn from
 * the same lines, and tests read them.
 */
import { cellsIn, headOf, padded } from '../cells.ts';

export type Tone =
  | 'plain'
  | 'bold'
  | 'dim'
  | 'alarm'
  | 'heading'
  | 'tasks'
  | 'other'
  | 'loop'
  | 'gc'
  | 'idle';

export interface Span {
  /** Column, from 0. */
  readonly at: number;
  readonly text: string;
  readonly tone: Tone;
}

export interface Line {
  readonly spans: readonly Span[];
  /** The whole line stands out. */
  readonly isSelected: boolean;
}

export const EMPTY: Line = { spans: [], isSelected: false };

/** Texts one after the other from the first column on. */
export function line(...parts: readonly (string | readonly [string, Tone])[]): Line {
  const spans: Span[] = [];
  let at = 0;
  for (const part of parts) {
    const [text, tone]: readonly [string, Tone] = typeof part === 'string' ? [part, 'plain'] : part;
    spans.push({ at, text, tone });
    at += cellsIn(text);
  }
  return { spans, isSelected: false };
}

/** Without colours. */
export function textOf({ spans }: Line): string {
  let text = '';
  for (const span of spans) text = `${padded(text, span.at)}${span.text}`;
  return text.trimEnd();
}

/** What of the line fits, so that nothing wraps. */
export function clipped({ spans, isSelected }: Line, width: number): Line {
  const fitting = spans.flatMap((span) => {
    const room = width - span.at;
    return room <= 0 ? [] : [{ ...span, text: headOf(span.text, room) }];
  });
  return { spans: fitting, isSelected };
}
