// Counts what every job of a queue costs: `npm run build && node dist/examples/job-queue/main.js`
import { type Counter, openGroup, spawn } from 'taskperf';
import { queueOf, type Job } from './queue.ts';

const WORKERS = 4;
const JOBS = 60;

/** Costs of all jobs of one kind. */
interface Total {
  jobs: number;
  cpuNs: number;
  wallNs: number;
  waitNs: number;
}

const totals = new Map<string, Total>();

/** Runs one job as a task of its own and adds up what it cost. Jobs of all workers interleave; the counts do not. */
async function runJob(job: Job): Promise<void> {
  await spawn(`job ${job.kind}`, async () => {
    // On the current task, which is the job. `inherit`: tasks that the job spawns count as well.
    const group = openGroup(['task-clock', 'wall', 'wait'], { inherit: true });
    try {
      await job.run();
    } finally {
      addUp(job.kind, group);
      for (const counter of group) counter.close();
    }
  });
}

function addUp(kind: string, group: readonly Counter[]): void {
  const [cpuNs = 0, wallNs = 0, waitNs = 0] = group.map((counter) => counter.read().value);
  const total = totals.get(kind) ?? { jobs: 0, cpuNs: 0, wallNs: 0, waitNs: 0 };
  total.jobs++;
  total.cpuNs += cpuNs;
  total.wallNs += wallNs;
  total.waitNs += waitNs;
  totals.set(kind, total);
}

const jobs = queueOf(JOBS);

async function worker(): Promise<void> {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await runJob(job);
}

await Promise.all(Array.from({ length: WORKERS }, worker));

const ms = (ns: number, count: number): string => (ns / count / 1e6).toFixed(2).padStart(10);
console.log(
  `${'job'.padEnd(12)}${'count'.padStart(6)}${'cpu ms'.padStart(10)}${'wall ms'.padStart(10)}${'wait ms'.padStart(10)}`,
);
for (const [kind, { jobs: count, cpuNs, wallNs, waitNs }] of totals) {
  const columns = [cpuNs, wallNs, waitNs].map((ns) => ms(ns, count)).join('');
  console.log(`${kind.padEnd(12)}${String(count).padStart(6)}${columns}`);
}
