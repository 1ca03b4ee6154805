/**
 * After CockroachDB's TestEquivalentGoroutines and TestProportionalGoroutines: the shares that counters report are the
 * shares of work that tasks did, however they interleave. Ratios only: a task burns until the thread's own CPU clock has
 * advanced by its amount, and its share is that of what it really burned. A virtual machine that is paused in the middle
 * of a slice makes that clock jump: slices of 9 ms have been seen to end at 12.5 ms, in the count and in the truth alike.
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

interface Share {
  /** Part of all that was counted, and of all that was burned. */
  readonly counted: number;
  readonly burned: number;
}

/** Once before with small amounts: what is compiled at first would be charged to whoever comes first, rightly so. */
async function warmSharesOf(amountsNs: readonly number[]): Promise<Share[]> {
  await sharesOf(amountsNs.map((amountNs) => amountNs / 20));
  return sharesOf(amountsNs);
}

async function sharesOf(amountsNs: readonly number[]): Promise<Share[]> {
  // The first counter of a program installs the hooks, in the time of whoever opens it.
  const first = openCounter({ event: 'task-clock' });
  const values = await Promise.all(
    amountsNs.map((amountNs, index) =>
      spawn(`task ${index}`, async () => {
        const counter = openCounter({ event: 'task-clock' });
        let burned = 0;
        for (let slice = 0; slice < SLICES; slice++) {
          burned += burn(amountNs);
          await yieldThread(slice);
        }
        const { value } = counter.read();
        counter.close();
        return { counted: value, burned };
      }),
    ),
  );
  first.close();
  const total = (of: keyof Share): number => values.reduce((sum, value) => sum + value[of], 0);
  const [counted, burned] = [total('counted'), total('burned')];
  return values.map((value) => ({ counted: value.counted / counted, burned: value.burned / burned }));
}

/** By how much the counted shares differ from the burned ones, in parts of these. */
function errorsOf(shares: readonly Share[]): number[] {
  return shares.map(({ counted, burned }) => Math.abs(counted / burned - 1));
}

const percent = (values: readonly number[]): string => values.map((v) => (v * 100).toFixed(2)).join(' ');

test('ten equal tasks interleaving by awaits, timers and immediates each get 9.5-10.5 % of the CPU', async () => {
  const shares = await warmSharesOf(new Array<number>(TASKS).fill(20_000_000));
  const errors = errorsOf(shares); // 0.5 of 10 %
  assert.ok(Math.max(...errors) < 0.05, `${percent(errors)} % off ${percent(shares.map((s) => s.burned))} %`);
});

test('ten tasks of 1x to 10x load are each within 3 % of their share', async () => {
  const shares = await warmSharesOf(Array.from({ length: TASKS }, (_, index) => (index + 1) * 10_000_000));
  const errors = errorsOf(shares);
  assert.ok(Math.max(...errors) < 0.03, `${percent(errors)} % off ${percent(shares.map((s) => s.burned))} %`);
});
