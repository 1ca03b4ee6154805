/**
 * Numbers for people: one unit per column, so that a longer number is a larger one.
 *
 * Right: `const unit = unitFor(column); column.map((ns) => inUnit(ns, unit))`.
 */

export interface Unit {
  readonly name: 'ns' | 'µs' | 'ms' | 's';
  readonly ns: number;
  readonly decimals: number;
}

/** Smallest first. */
const UNITS: readonly Unit[] = [
  { name: 'ns', ns: 1, decimals: 0 },
  { name: 'µs', ns: 1e3, decimals: 1 },
  { name: 'ms', ns: 1e6, decimals: 3 },
  { name: 's', ns: 1e9, decimals: 3 },
];

/** The largest unit in which the smallest value above 0 still shows two digits, and the largest is at least 1. */
export function unitFor(valuesNs: readonly number[]): Unit {
  const positive = valuesNs.filter((ns) => ns > 0);
  const smallest = Math.min(...positive);
  const largest = Math.max(...positive);
  let chosen = UNITS[0]!;
  if (positive.length === 0) return UNITS[2]!;
  for (const unit of UNITS) {
    const twoDigits = (10 * unit.ns) / 10 ** unit.decimals;
    if (unit.ns <= largest && (smallest >= twoDigits || largest / chosen.ns >= 1e7)) chosen = unit;
  }
  return chosen;
}

/** A time in the column's unit, without the unit: "1,234.567". */
export function inUnit(ns: number, unit: Unit): string {
  return grouped(ns / unit.ns, unit.decimals);
}

/** A single time with the unit that suits it: "1.23 ms". */
export function time(ns: number): string {
  const unit = UNITS.findLast((candidate) => Math.abs(ns) >= candidate.ns) ?? UNITS[0]!;
  return `${grouped(ns / unit.ns, unit.ns === 1 ? 0 : 2)} ${unit.name}`;
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
  const characters = [...text];
  if (characters.length <= width) return text;
  if (width <= 1) return '…'.slice(0, Math.max(width, 0));
  const head = Math.ceil((width - 1) / 2);
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (width - 1 - head)).join('')}`;
}

function grouped(value: number, decimals: number): string {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.');
  const sign = value < 0 && Number(value.toFixed(decimals)) !== 0 ? '-' : '';
  const thousands = whole!.replace(/\B(?=(\d{3})+$)/g, ',');
  return sign + (fraction === undefined ? thousands : `${thousands}.${fraction}`);
}
