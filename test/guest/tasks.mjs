// Tasks that run a native loop of known length between awaits, several at a time, so that each is left and taken up again
// while others run. A name says it all: `microtask 10x300` waits ten times for a microtask, each time after a loop of 300
// rounds. Of each there is a twin that does the same at the same place with empty loops: `empty microtask 10x300`.
import { createRequire } from 'node:module';
import { spawn } from 'taskperf';

const { loop } = createRequire(import.meta.url)('./counted.node');

const WAYS = {
  microtask: () => undefined,
  immediate: () => new Promise(setImmediate),
};
const AWAITS = [1, 3, 10];
const ROUNDS = [1, 100, 10_000];
/** Half as often: emulated, it takes as long as all the others. */
const LONG_ROUNDS = 300_000;
const WARM_BATCHES = 200;
const REPEATS = 40;

async function work(wait, awaits, rounds) {
  for (let i = 0; i < awaits; i++) {
    loop(rounds);
    await wait();
  }
}

/** Six tasks side by side, all with loops of the same length. */
async function batch(nameOf, rounds) {
  const tasks = [];
  for (const [way, wait] of Object.entries(WAYS))
    for (const awaits of AWAITS)
      tasks.push(spawn(nameOf(`${way} ${awaits}`), () => work(wait, awaits, rounds)));
  await Promise.all(tasks);
}

// Until the compilers have come and gone.
for (let i = 0; i < WARM_BATCHES; i++) await batch(() => 'warm-up', 0);
for (let i = 0; i < REPEATS; i++)
  for (const rounds of i % 2 === 0 ? [...ROUNDS, LONG_ROUNDS] : ROUNDS) {
    await batch((kind) => `empty ${kind}x${rounds}`, 0);
    await batch((kind) => `${kind}x${rounds}`, rounds);
  }
