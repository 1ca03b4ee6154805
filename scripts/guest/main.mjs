// Runs a folder's run.sh on a Linux/arm64 machine with an emulated PMU:
// `node scripts/guest/main.mjs [options] APP`, with Node in PATH, as root, in /app. What it leaves in /tmp/out is in the
// work folder's out/ afterwards. Exit status: run.sh's, 125 when the guest did not come to its end.
//
//   --work DIR       keeps downloads, 200 MB (default: a new folder, removed at the end)
//   --out DIR        where results go (default: out/ in the work folder)
//   --node MAJOR     24
//   --pmu on|off     on
//   --limit SECONDS  120
//   --append WORDS   more arguments for the kernel
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { missingPackages } from './host-packages.mjs';
import { boot } from './machine.mjs';

const NOT_ENDED = 125;
const USAGE_ERROR = 129;

const { values, positionals } = parseArgs({
  options: {
    work: { type: 'string' },
    out: { type: 'string' },
    node: { type: 'string', default: '24' },
    pmu: { type: 'string', default: 'on' },
    limit: { type: 'string', default: '120' },
    append: { type: 'string', default: '' },
  },
  allowPositionals: true,
});

process.exitCode = await main();

async function main() {
  const missing = missingPackages();
  if (positionals.length !== 1 || !['on', 'off'].includes(values.pmu)) {
    console.error(
      'usage: node scripts/guest/main.mjs [options] APP; the options are at the top of that file',
    );
    return USAGE_ERROR;
  }
  if (missing.length > 0) {
    console.error(`the guest needs the Debian packages ${missing.join(' ')}`);
    return NOT_ENDED;
  }
  const work =
    values.work === undefined ? mkdtempSync(join(tmpdir(), 'taskperf-guest-')) : resolve(values.work);
  try {
    const { status, seconds } = await boot({
      work,
      app: positionals[0],
      out: resolve(values.out ?? join(work, 'out')),
      node: Number(values.node),
      pmu: values.pmu === 'on',
      kernelArguments: values.append,
      limitSeconds: Number(values.limit),
      onOutput: (text) => process.stdout.write(text),
    });
    console.log(
      `guest: ${seconds.toFixed(1)} s, run.sh ${status === null ? 'did not end' : `ended with ${status}`}`,
    );
    return status ?? NOT_ENDED;
  } finally {
    if (values.work === undefined) rmSync(work, { recursive: true, force: true });
  }
}
