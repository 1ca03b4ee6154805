/**
 * `npm run fuzz -- [--images N] [--seed S] [--from I] [--seconds T]`: damaged regions through the whole reading path, with
 * a watch over it, since what hangs cannot tell. The exit status is 1 when something was found; each finding names the
 * command that repeats it.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Fuzzer } from './fuzzer.ts';
import type { Outcome } from './fuzzer.ts';

const HANG_MS = 20_000;
const PROGRESS_MS = 60_000;
const BATCH = 1000;

interface Job {
  readonly seed: number;
  readonly from: number;
  readonly images: number;
  readonly untilMs: number;
  /** [0]: the number of the image that is being read, as a double. */
  readonly at: Float64Array;
}

if (isMainThread) main();
else fuzz(workerData as Job);

function main(): void {
  const { values } = parseArgs({
    options: {
      images: { type: 'string' },
      seed: { type: 'string' },
      from: { type: 'string' },
      seconds: { type: 'string' },
    },
  });
  const job: Job = {
    seed: Number(values.seed ?? randomInt(2 ** 32)),
    from: Number(values.from ?? 0),
    images: Number(values.images ?? (values.seconds === undefined ? 100_000 : Infinity)),
    untilMs: Date.now() + Number(values.seconds ?? Infinity) * 1000,
    at: new Float64Array(new SharedArrayBuffer(8)),
  };
  console.log(`fuzz: seed ${job.seed}`);
  const started = performance.now();
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  worker.on('message', (outcome: Outcome) => console.log(lineOf(outcome, performance.now() - started)));
  worker.on('error', (error) => finding(job, error.stack ?? error.message));
  watch(job, worker);
}

/** An image that takes HANG_MS hangs. */
function watch(job: Job, worker: Worker): void {
  let last = -1;
  const timer = setInterval(() => {
    const at = job.at[0]!;
    if (at === last) {
      finding(job, `an image takes more than ${HANG_MS} ms`);
      void worker.terminate();
    }
    last = at;
  }, HANG_MS);
  worker.once('exit', () => clearInterval(timer));
}

function finding(job: Job, what: string): void {
  console.error(`fuzz: image ${job.at[0]} of seed ${job.seed}: ${what}`);
  console.error(`repeat: npm run fuzz -- --seed ${job.seed} --from ${job.at[0]} --images 1`);
  process.exitCode = 1;
}

function fuzz({ seed, from, images, untilMs, at }: Job): void {
  const fuzzer = new Fuzzer(BigInt(seed));
  let shown = Date.now();
  for (let i = 0; i < images; i++) {
    at[0] = from + i;
    fuzzer.run(from + i);
    if (i % BATCH !== 0) continue;
    const now = Date.now();
    if (now >= untilMs) break;
    if (now - shown < PROGRESS_MS) continue;
    shown = now;
    parentPort!.postMessage(fuzzer.outcome);
  }
  parentPort!.postMessage(fuzzer.outcome);
}

function lineOf({ images, refused, noticed, plain, torn }: Outcome, ms: number): string {
  const count = (value: number): string => value.toLocaleString('en-US');
  const rate = Math.round((images / ms) * 1000);
  return `fuzz: ${count(images)} images, ${count(rate)} a second: ${count(refused)} refused, ${count(noticed)} with a notice, ${count(plain)} plain, ${count(torn)} changed while read; nothing found`;
}
