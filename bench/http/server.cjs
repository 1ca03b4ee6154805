// The measured server: one Fastify 5 route that answers JSON after ten awaits and one immediate, with a given amount of
// arithmetic on the way. CommonJS, because that is where the peers' instrumentation is at its best.
//
// It reports its own CPU time when its parent asks (process.resourceUsage, all threads, user and system), so start-up,
// warm-up and everything the load generator does are outside of the figures.
'use strict';
const { promiseHooks } = require('node:v8');
const fastify = require('fastify');

const AWAITS = 10;
/** Arithmetic steps between two awaits; the parent finds the number that makes 1 ms of work per request. */
const steps = { '/awaits': 0, '/work': 0 };

/**
 * Needs no memory and makes no garbage, so it takes the same time whoever else runs. Too large to be inlined: in an async
 * function V8 compiled the loop in one of two ways, 1.1 or 3.3 ms a request, and again when that was thrown away because a
 * promise hook came (1.19 times as long afterwards, without taskperf).
 */
const UNROLLED = 32;
const burn = new Function(
  'seed',
  'count',
  `let x = seed | 0;
  for (let i = 0; i < count; i += ${UNROLLED}) {
    ${'x = (Math.imul(x, 1664525) + 1013904223) | 0;'.repeat(UNROLLED)}
  }
  return x;`,
);

/** Without a use of its result the compiler would leave the loop's body out. */
let checksum = 0;
let removeHooks;

async function step(value, count) {
  checksum ^= burn(value, count);
  return value + 1;
}

const immediate = () => new Promise((resolve) => setImmediate(resolve));

function handler(path) {
  return async (request) => {
    const count = steps[path];
    let value = 0;
    for (let i = 0; i < AWAITS / 2; i++) value = await step(value, count);
    await immediate();
    for (let i = 0; i < AWAITS / 2; i++) value = await step(value, count);
    return { id: request.params.id, path, value, items: ['one', 'two', 'three'] };
  };
}

function cpuMicros() {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return userCPUTime + systemCPUTime;
}

/** Steps per burn so that AWAITS of them take the given time; the fastest of several tries, after a warm-up. */
function calibrate(microseconds) {
  const count = 1_000_000;
  let best = Infinity;
  for (let i = 0; i < 20; i++) {
    const start = cpuMicros();
    checksum ^= burn(i, count);
    best = Math.min(best, cpuMicros() - start);
  }
  return Math.round((count * microseconds) / best / AWAITS);
}

const commands = {
  cpu: cpuMicros,
  calibrate: ({ microseconds }) => calibrate(microseconds),
  /** Also has burn() optimised in every process alike, before the first request. */
  work: ({ count }) => {
    steps['/work'] = count;
    for (let i = 0; i < 1000; i++) checksum ^= burn(i, count);
  },
  /** What V8 alone keeps of hooks that were there once: see detach.mjs. */
  promiseHook: ({ on }) => {
    if (on) removeHooks = promiseHooks.createHook({ before() {} });
    else removeHooks();
  },
  /** How much the variant has seen, so that a peer that did not start is not measured as free. */
  proof: () => globalThis.benchProof?.() ?? null,
  checksum: () => checksum,
};

async function main() {
  const app = fastify();
  for (const path of Object.keys(steps)) app.get(`${path}/:id`, handler(path));
  await app.listen({ port: 0, host: '127.0.0.1' });
  process.on('message', (message) => {
    process.send({ reply: commands[message.command](message) });
  });
  process.on('disconnect', () => process.exit());
  process.send({ reply: app.server.address().port });
}

main();
