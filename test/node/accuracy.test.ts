/**
 * After CockroachDB's TestEquivalentGoroutines and TestProportionalGoroutines: the shares that counters report are the
 * shares of work that tasks did, however they interleave. Ratios only, and a task burns until the thread's own CPU
 * clock has advanced by its amount, so a noisy machine does not matter.
 */
import assert from 'node:assert/strict';
import { setImmediate as immediate, setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { openCounter, spawn } from '#node/index.js';
import { burn } from './burn.js';

const TASKS = 10;
const SLICES = 8;

/** Each kind of interleaving in turn: continuation, immediate, timer. */
async function yieldThread(slice: number): Promise<void> {
  if (slice % 3 === 0) await Promise.resolve();
  else if (slice % 3 === 1) await immediate();
  else await delay(1);
}

/** Once before with small amounts: what is compiled at first would be charged to whoever comes first, rightly so. */
async function warmSharesOf(amountsNs: readonly number[]): Promise<number[]> {
  await sharesOf(amountsNs.map((amountNs) => amountNs / 20));
  return sharesOf(amountsNs);
}

async function sharesOf(amountsNs: readonly number[]): Promise<number[]> {
  // The first counter of a program installs the hooks, in the time of whoever opens it.
  const first = openCounter({ event: 'task-clock' });
  const values = await Promise.all(
    amountsNs.map((amountNs, index) =>
      spawn(`task ${index}`, async () => {
        const counter = openCounter({ event: 'task-clock' });
        for (let slice = 0; slice < SLICES; slice++) {
          burn(amountNs);
          await yieldThread(slice);
        }
        const { value } = counter.read();
        counter.close();
        return value;
      }),
    ),
  );
  first.close();
  const total = values.reduce((sum, value) => sum + value, 0);
  return values.map((value) => value / total);
}

test('ten equal tasks interleaving by awaits, timers and immediates each get 9.5-10.5 % of the CPU', async () => {
  const shares = await warmSharesOf(new Array<number>(TASKS).fill(20_000_000));
  for (const share of shares) {
    assert.ok(
      share > 0.095 && share < 0.105,
      `shares ${shares.map((s) => (s * 100).toFixed(2)).join(' ')} %`,
    );
  }
});

test('ten tasks of 1x to 10x load are each within 3 % of their share', async () => {
  const amounts = Array.from({ length: TASKS }, (_, index) => (index + 1) * 10_000_000);
  const sum = amounts.reduce((total, amount) => total + amount, 0);
  const shares = await warmSharesOf(amounts);
  shares.forEach((share, index) => {
    const expected = amounts[index]! / sum;
    const error = Math.abs(share / expected - 1);
    assert.ok(error < 0.03, `task of ${index + 1}x: ${(error * 100).toFixed(2)} % off its share`);
  });
});
