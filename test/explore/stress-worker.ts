/** One real thread of a scenario: waits until all are ready, runs its body, and sends back what it has. */
import { parentPort } from 'node:worker_threads';
import { scenarioByName } from '#explore/explorer.js';
import { type BodyEnd, type PackedCpu, runBody } from '#explore/real.js';

export interface Order {
  readonly scenario: string;
  readonly thread: number;
  readonly buffer: SharedArrayBuffer;
  readonly cpu: PackedCpu | undefined;
  readonly given: unknown;
  /** [0]: threads that are ready. */
  readonly gate: Int32Array;
  readonly threads: number;
  /** Turns to wait after the gate, so that the threads do not always meet in the same place. */
  readonly delay: number;
}

export interface Answer {
  readonly thread: number;
  readonly end?: BodyEnd;
  readonly error?: string;
}

parentPort!.on('message', (order: Order) => {
  const { scenario, thread, gate, threads, delay } = order;
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < threads);
  for (let turn = 0; turn < delay; turn++) Atomics.load(gate, 0);
  try {
    const end = runBody(scenarioByName(scenario)!, thread, order);
    parentPort!.postMessage({ thread, end } satisfies Answer);
  } catch (error) {
    parentPort!.postMessage({ thread, error: String((error as Error).stack) } satisfies Answer);
  }
});
