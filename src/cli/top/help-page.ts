/** The page behind `?`: the keys, and what the columns mean. */
import { wrapped } from '../wrapped.ts';
import { COLUMNS } from './columns.ts';
import { EMPTY, line } from './lines.ts';
import type { Line } from './lines.ts';
import { legend } from './thread-lines.ts';

const KEYS: readonly (readonly [string, string])[] = [
  ['q, Ctrl-C', 'quit'],
  ['? h', 'this page; up and down move in it, any other key goes back'],
  ['up down j k', 'choose a row; Page Up, Page Down, Home, End'],
  ['Enter', 'details of the name: all that is counted, a histogram, its live tasks; again: of one task'],
  ['Esc', 'back; in the table: no filter'],
  ['< > left right', 'sort by the column to the left or right'],
  ['r', 'sort the other way round'],
  ['/', 'show only names that contain a text'],
  ['space p', 'freeze the screen, and go on'],
  ['P', 'one row per name of all processes, or per name of each'],
  ['Ctrl-L', 'draw the screen again'],
];

const INDENT = 19;
const NOTE =
  'Times are CPU time, except wait. p50, p99 and max since the start are of the tasks seen since top began, and of those ' +
  'still in the ring before (the last 16,384 of a thread). Where there is no room for all columns the one that is sorted ' +
  'by is always shown.';

export function helpPage(width: number): Line[] {
  const rows = (pairs: readonly (readonly [string, string])[]): Line[] =>
    pairs.flatMap(([what, meaning]) =>
      wrapped(meaning, Math.max(20, width - INDENT)).map((text, i) =>
        line([` ${(i === 0 ? what : '').padEnd(INDENT - 1)}`, 'bold'], text),
      ),
    );
  const spans = { now: 'now', window: 'in the last window', start: 'since the start' };
  return [
    line([' taskperf top: keys and columns', 'bold']),
    EMPTY,
    ...rows(KEYS),
    EMPTY,
    legend(),
    EMPTY,
    ...rows(COLUMNS.map(({ title, meaning, span }) => [title, `${meaning}, ${spans[span]}`])),
    EMPTY,
    ...wrapped(NOTE, Math.max(20, width - 1)).map((text) => line(` ${text}`)),
  ];
}
