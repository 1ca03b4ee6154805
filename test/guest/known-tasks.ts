/** What `stat --by task` counted for the tasks of tasks.mjs, each beside its twin with empty loops. */
import assert from 'node:assert/strict';
import type { Document } from '../e2e/run-stat.js';

/** counted.c: two instructions a round. */
export const PER_ROUND = 2;

/** Tasks that did the same: so often, so many rounds. */
export interface Kind {
  readonly name: string;
  readonly awaits: number;
  readonly rounds: number;
  /** Instructions of the loops alone. */
  readonly expected: number;
  /** Of the twins with empty loops, in the order in which they ran. */
  readonly empty: readonly number[];
  /** What each has counted more than its twin, in the same order. */
  readonly beyondTwin: readonly number[];
}

export function kindsOf(document: Document, event: string): Kind[] {
  const values = valuesByName(document, event);
  const names = [...values.keys()].filter((name) => values.has(`empty ${name}`));
  assert.ok(names.length > 0, 'there are tasks with a twin');
  return names.map((name) => {
    const [, awaits, rounds] = /(\d+)x(\d+)$/.exec(name)!.map(Number) as [number, number, number];
    const [counted, empty] = [values.get(name)!, values.get(`empty ${name}`)!];
    assert.equal(counted.length, empty.length);
    return {
      name,
      awaits,
      rounds,
      expected: PER_ROUND * awaits * rounds,
      empty,
      beyondTwin: counted.map((value, index) => value - empty[index]!),
    };
  });
}

/** What all twins with the same awaits counted, however long the loops of the other twin were. */
export function twinsByKind(kinds: readonly Kind[]): Map<string, number[]> {
  const twins = new Map<string, number[]>();
  for (const { name, empty } of kinds) {
    const kind = name.replace(/x\d+$/, '');
    twins.set(kind, [...(twins.get(kind) ?? []), ...empty]);
  }
  return twins;
}

/** Of tasks in the order in which they were made. */
function valuesByName(document: Document, event: string): Map<string, number[]> {
  const tasks = document.tasks as (Document['tasks'][number] & { id: number })[];
  const values = new Map<string, number[]>();
  for (const { name, counters } of [...tasks].sort((a, b) => a.id - b.id))
    values.set(name, [...(values.get(name) ?? []), counters[event]!.value]);
  return values;
}

/** The value that comes most often, and how often. */
export function mostFrequent(values: readonly number[]): { value: number; count: number } {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [value, count] = [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  return { value, count };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
