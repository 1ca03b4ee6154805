/** The processes of a document: whose rows are whose, and that everything is in one of them. */
import assert from 'node:assert/strict';
import { assertBalanced } from './run-stat.js';
import type { Document, Row } from './run-stat.js';

export type Process = Document['processes'][number];

/** Whatever a process used is in its entry once, and nothing else is: of each event the entries add up to the threads. */
export function assertSums(document: Document): void {
  assertBalanced(document);
  const { processes, conservation } = document;
  for (const [event, { threads }] of Object.entries(conservation)) {
    const sum = processes.reduce((total, one) => total + (one.counters[event]?.value ?? 0), 0);
    assert.equal(sum, threads, event);
  }
  if (processes[0]?.system === undefined) return;
  for (const one of processes.filter(({ pid }) => pid > 0)) {
    const parts = [...document.tasks.filter((row) => row.process === one.pid), ...one.system!];
    const sum = parts.reduce((total, part) => total + part.counters['task-clock']!.value, 0);
    assert.equal(sum, one.counters['task-clock']!.value, one.name);
  }
}

export function processNamed({ processes }: Document, name: string): Process {
  const found = processes.find((one) => one.name === name);
  assert.ok(found, `${name} among ${processes.map((one) => one.name).join(', ')}`);
  return found;
}

export function rowsIn({ tasks }: Document, { pid }: Process): Row[] {
  return tasks.filter((row) => row.process === pid);
}
