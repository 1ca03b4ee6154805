/**
 * How wide texts are on a terminal: names in Chinese, Japanese or Korean and emoji take two cells a character. Measured as
 * terminal-kit does, which draws the screen of `top`. What takes no cell at all is escaped by printable.ts.
 */
import { createRequire } from 'node:module';

interface Unicode {
  readonly charWidth: (character: string) => number;
}

/** Some of these take two cells: loaded only when there is one, it takes some milliseconds. Dashes and bars take one. */
const MAY_BE_WIDE = /[^\0-\u10ff\u2010-\u2029\u2500-\u259f]/u;
let unicode: Unicode | undefined;

function widthOf(character: string): number {
  if (!MAY_BE_WIDE.test(character)) return 1;
  unicode ??= createRequire(import.meta.url)('string-kit/lib/unicode.js') as Unicode;
  return unicode.charWidth(character);
}

export function cellsIn(text: string): number {
  let cells = 0;
  for (const character of text) cells += widthOf(character);
  return cells;
}

/** As much from the beginning as fits. */
export function headOf(text: string, cells: number): string {
  return fitting([...text], cells).join('');
}

/** As much of the end as fits. */
export function tailOf(text: string, cells: number): string {
  return fitting([...text].reverse(), cells)
    .reverse()
    .join('');
}

function fitting(characters: readonly string[], cells: number): string[] {
  let left = cells;
  const end = characters.findIndex((character) => (left -= widthOf(character)) < 0);
  return characters.slice(0, end < 0 ? characters.length : end);
}

/** With spaces up to the width. */
export function padded(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - cellsIn(text)));
}
