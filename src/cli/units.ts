/**
 * Numbers for people: one unit per column, so that a longer number is a larger one.
 *
 * Right: `const unit = unitFor(column); column.map((ns) => inUnit(ns, unit))`.
 */

import { cellsIn, headOf, tailOf } from './cells.ts';

export interface Unit {
  /** Empty: the number itself. */
  readonly name: string;
  readonly size: number;
  readonly decimals: number;
}

/** Smallest first. */
const TIMES: readonly Unit[] = [
  { name: 'ns', size: 1, decimals: 0 },
  { name: 'µs', size: 1e3, decimals: 1 },
  { name: 'ms', size: 1e6, decimals: 3 },
  { name: 's', size: 1e9, decimals: 3 },
];
/** Up to 99,999 a count is shown as it is: a unit would hide how few there were. */
const COUNT_WHOLE_MAX = 1e5;
const DECIMALS_MAX = 3;
const COUNTS: readonly Unit[] = [
  { name: '', size: 1, decimals: 1 },
  { name: 'K', size: 1e3, decimals: 1 },
  { name: 'M', size: 1e6, decimals: 3 },
  { name: 'G', size: 1e9, decimals: 3 },
];
const BYTES: readonly Unit[] = [
  { name: 'B', size: 1, decimals: 0 },
  { name: 'kB', size: 1e3, decimals: 1 },
  { name: 'MB', size: 1e6, decimals: 3 },
  { name: 'GB', size: 1e9, decimals: 3 },
];

/** The largest unit in which the smallest value above 0 still shows two digits, and the largest is at least 1. */
export function unitFor(valuesNs: readonly number[]): Unit {
  return largestUnit(valuesNs, TIMES) ?? TIMES[2]!;
}

/** The same for counts and for bytes. */
export function countUnitFor(values: readonly number[]): Unit {
  const known = values.filter((value) => !Number.isNaN(value));
  const plain = { ...COUNTS[0]!, decimals: decimalsFor(known) };
  if (known.every((value) => value < COUNT_WHOLE_MAX)) return plain;
  const unit = largestUnit(known, COUNTS);
  return unit === undefined || unit === COUNTS[0] ? plain : unit;
}

/** None where all are whole; else so many that the smallest above 0 has two digits, and no more than DECIMALS_MAX. */
function decimalsFor(values: readonly number[]): number {
  if (values.every(Number.isInteger)) return 0;
  const smallest = Math.min(...values.filter((value) => value > 0));
  return Math.min(Math.max(1 - Math.floor(Math.log10(smallest)), 1), DECIMALS_MAX);
}

export function byteUnitFor(values: readonly number[]): Unit {
  return largestUnit(values, BYTES) ?? BYTES[0]!;
}

function largestUnit(values: readonly number[], units: readonly Unit[]): Unit | undefined {
  const positive = values.filter((value) => value > 0);
  const smallest = Math.min(...positive);
  const largest = Math.max(...positive);
  if (positive.length === 0) return undefined;
  let chosen = units[0]!;
  for (const unit of units) {
    const twoDigits = (10 * unit.size) / 10 ** unit.decimals;
    if (unit.size <= largest && (smallest >= twoDigits || largest / chosen.size >= 1e7)) chosen = unit;
  }
  return chosen;
}

/** A value in the column's unit, without the unit: "1,234.567". */
export function inUnit(value: number, unit: Unit): string {
  return grouped(value / unit.size, unit.decimals);
}

/** A single time with the unit that suits it: "1.23 ms". */
export function time(ns: number): string {
  const unit = TIMES.findLast((candidate) => Math.abs(ns) >= candidate.size) ?? TIMES[0]!;
  return `${grouped(ns / unit.size, unit.size === 1 ? 0 : 2)} ${unit.name}`;
}

/** A count: "12,345"; fractions (means) with one decimal. */
export function count(value: number): string {
  return grouped(value, Number.isInteger(value) ? 0 : 1);
}

/** A share: "45.6", without the sign; "-" when there is nothing to be a share of. */
export function percent(part: number, whole: number): string {
  return whole > 0 ? ((part / whole) * 100).toFixed(1) : '-';
}

/** Cuts in the middle: the method and the last part of a route tell most. */
export function shorten(text: string, width: number): string {
  if (cellsIn(text) <= width) return text;
  if (width <= 1) return '…'.slice(0, Math.max(width, 0));
  const head = Math.ceil((width - 1) / 2);
  return `${headOf(text, head)}…${tailOf(text, width - 1 - head)}`;
}

/** "1,234.50". */
export function grouped(value: number, decimals: number): string {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.');
  const sign = value < 0 && Number(value.toFixed(decimals)) !== 0 ? '-' : '';
  const thousands = whole!.replace(/\B(?=(\d{3})+$)/g, ',');
  return sign + (fraction === undefined ? thousands : `${thousands}.${fraction}`);
}
