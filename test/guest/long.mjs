// Three tasks that take turns, long enough for the kernel to share the registers out many times. Each has a twin that
// does the same with empty loops, before it.
import { createRequire } from 'node:module';
import { spawn } from 'taskperf';

const { loop } = createRequire(import.meta.url)('./counted.node');
const TURNS = 40;
/** 3.8 ms of this machine: no multiple of the 4 ms after which counters change places. */
const ROUNDS = 1_900_000;

async function work(rounds) {
  for (let i = 0; i < TURNS; i++) {
    loop(rounds);
    await new Promise(setImmediate);
  }
}

/** Three tasks side by side. */
function three(prefix, rounds) {
  return Promise.all(['one', 'two', 'three'].map((name) => spawn(prefix + name, () => work(rounds))));
}

for (let i = 0; i < 3; i++) await three('warm-up ', 0);
await three('empty ', 0);
await three('', ROUNDS);
