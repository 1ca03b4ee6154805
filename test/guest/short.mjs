// A task of known length, and an exit status of its own.
import { createRequire } from 'node:module';
import { spawn } from 'taskperf';

const { loop } = createRequire(import.meta.url)('./counted.node');

await spawn('known', async () => {
  loop(5_000_000);
  await null;
});
process.exitCode = 7;
