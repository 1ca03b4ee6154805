// The explorer's scenarios on real threads with real Atomics: what sequential consistency leaves out would show here.
// TASKPERF_STRESS_ROUNDS=10000 makes it long (rounds of each scenario; default 40).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { type RealRound, beginRound, endRound, packCpu, unpackCpu } from '#explore/real.js';
import type { Scenario } from '#explore/scenario.js';
import { SCENARIOS } from '#explore/scenarios/index.js';
import type { Answer, Order } from './stress-worker.ts';

const ROUNDS = Number(process.env['TASKPERF_STRESS_ROUNDS'] ?? 40);
const WORKERS = 3;
const MAX_DELAY = 64;

describe(`on real threads, ${ROUNDS} rounds each:`, () => {
  let workers: Worker[] = [];

  before(() => {
    const file = new URL('./stress-worker.js', import.meta.url);
    workers = Array.from({ length: WORKERS }, () => new Worker(file));
  });

  after(async () => {
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  for (const scenario of SCENARIOS.filter(({ dies }) => dies === undefined)) {
    test(`${scenario.name}: ${scenario.title}`, async () => {
      for (let round = 0; round < ROUNDS; round++) await play(scenario, round);
    });
  }

  async function play(scenario: Scenario, number: number): Promise<void> {
    const round = beginRound(scenario);
    const results: unknown[] = [];
    const waves = [-1, ...scenario.threads.keys()].map((first) =>
      [...scenario.threads.keys()].filter((t) => (scenario.threads[t]!.after ?? -1) === first),
    );
    for (const wave of waves) {
      const gate = new Int32Array(new SharedArrayBuffer(4));
      const orders = wave.map((t): Order => order(round, t, { gate, threads: wave.length, number }));
      const answers = await Promise.all(orders.map((one, i) => ask(workers[i]!, one)));
      for (const answer of answers) take(round, answer, results);
    }
    endRound(round, results);
  }

  function order(
    { scenario, world, given }: RealRound,
    thread: number,
    start: { gate: Int32Array; threads: number; number: number },
  ): Order {
    const { gate, threads, number } = start;
    const own = world.cpus[scenario.threads[thread]!.cpu ?? thread];
    const cpu = own && packCpu(own);
    const delay = (number * (thread + 1) * 7) % MAX_DELAY;
    const buffer = world.region.buffer as SharedArrayBuffer;
    return { scenario: scenario.name, thread, buffer, cpu, given, gate, threads, delay };
  }

  function ask(worker: Worker, message: Order): Promise<Answer> {
    return new Promise((resolve) => {
      worker.once('message', resolve);
      worker.postMessage(message);
    });
  }

  function take({ scenario, world }: RealRound, answer: Answer, results: unknown[]): void {
    assert.equal(answer.error, undefined);
    const { result, cpu, made } = answer.end!;
    const own = world.cpus[scenario.threads[answer.thread]!.cpu ?? answer.thread];
    if (own !== undefined && cpu !== undefined) Object.assign(own, unpackCpu(world.region, cpu));
    for (const one of made) world.cpus.push(unpackCpu(world.region, one));
    results[answer.thread] = result;
  }
});
