// The library on real counters: what readings around loops of known length say, and what too large a group says.
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { openCounter, openGroup, spawn } from 'taskperf';

const { loop } = createRequire(import.meta.url)('./counted.node');
const ROUNDS = [0, 1, 100, 10_000, 300_000];
const READINGS = 200;

/** The least of many readings around a loop of each length: [rounds, [instructions, cycles]]. */
function readings() {
  const group = openGroup(['instructions:u', 'cycles:u']);
  const found = ROUNDS.map((rounds) => [rounds, [Infinity, Infinity]]);
  for (let i = 0; i < READINGS; i++)
    for (const [rounds, least] of found) {
      const before = group[0].readGroup();
      loop(rounds);
      const after = group[0].readGroup();
      for (const index of [0, 1])
        least[index] = Math.min(least[index], after[index].value - before[index].value);
    }
  for (const counter of group) counter.close();
  return found;
}

/** What is thrown, as code and message. */
function thrownBy(action) {
  try {
    action();
    return null;
  } catch ({ code, message }) {
    return { code, message };
  }
}

const found = await spawn('known', async () => {
  const tooLarge = thrownBy(() => openGroup(process.env.TWELVE.split(',')));
  // What was refused as a group is counted by itself.
  const counter = openCounter({ event: 'instructions:u' });
  loop(1_000_000);
  await null;
  const afterRefusal = counter.read().value;
  counter.close();
  return { tooLarge, afterRefusal, readings: readings() };
});
writeFileSync('/tmp/out/library.json', JSON.stringify(found));
