// A queue of made-up jobs: two that wait, one that works.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** A unit of work of some kind. */
export interface Job {
  readonly kind: string;
  run(): Promise<void>;
}

async function email(): Promise<void> {
  for (let step = 0; step < 3; step++) await sleep(4);
}

async function invoice(): Promise<void> {
  await sleep(2);
  JSON.parse(JSON.stringify(Array.from({ length: 2_000 }, (_, line) => ({ line, cents: line * 99 }))));
  await sleep(2);
}

async function thumbnail(): Promise<void> {
  const picture = Buffer.alloc(256 * 1024);
  for (let tile = 0; tile < 8; tile++) {
    createHash('sha256').update(picture).digest();
    await sleep(0);
  }
}

const KINDS = [email, invoice, thumbnail];

/** That many jobs, the kinds taking turns. */
export function queueOf(count: number): Job[] {
  return Array.from({ length: count }, (_, i) => {
    const run = KINDS[i % KINDS.length] ?? email;
    return { kind: run.name, run };
  });
}
