// Instructions per request in an emulated arm64 machine that counts them exactly, so without any noise of this one:
// `npm run bench -- guest`. What is counted, and what the host needs: bench/guest/README.md.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installMissing } from '../scripts/guest/host-packages.mjs';
import { boot } from '../scripts/guest/machine.mjs';
import { compileProgram, stage, stagePackage, stageTaskperf } from '../scripts/guest/stage.mjs';
import { childVariables } from './http/taskperf.mjs';
import { save } from './machine.mjs';

const { values: options } = parseArgs({
  options: {
    work: { type: 'string', default: join(tmpdir(), 'taskperf-guest') },
    node: { type: 'string', default: '24' },
    variants: { type: 'string', default: 'none,loaded,counting,hardware,hardware-read' },
    connections: { type: 'string', default: '10' },
    short: { type: 'string', default: '16000' },
    long: { type: 'string', default: '24000' },
    repeats: { type: 'string', default: '1' },
    limit: { type: 'string', default: '1200' },
    'no-save': { type: 'boolean', default: false },
  },
});

const obstacle = installMissing();
if (obstacle !== null) throw new Error(`the guest is not possible: ${obstacle}`);
for (const major of options.node.split(',')) await measure(major);

async function measure(major) {
  const app = mkdtempSync(join(tmpdir(), 'taskperf-guest-app-'));
  const out = mkdtempSync(join(tmpdir(), 'taskperf-guest-out-'));
  try {
    stageAll(app);
    const machine = {
      work: resolve(options.work),
      app,
      out,
      node: major,
      limitSeconds: Number(options.limit),
    };
    const { status } = await boot({ ...machine, onOutput: (text) => process.stdout.write(text) });
    const file = join(out, 'instructions.json');
    if (status !== 0 || !existsSync(file)) throw new Error(`the guest failed: ${status}`);
    const measured = JSON.parse(readFileSync(file, 'utf8'));
    const result = { ...measured, variants: ratios(measured.results) };
    print(result);
    if (!options['no-save']) save(`guest-${major}`, result);
  } finally {
    for (const folder of [app, out]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Everything the guest needs, as the folder that becomes its /app. */
function stageAll(app) {
  stageTaskperf(app);
  stage(app, 'bench/guest/run.sh', 'run.sh');
  stage(app, 'bench/guest/drive.mjs', 'drive.mjs');
  stage(app, 'bench/machine.mjs');
  stage(app, 'bench/http');
  stagePackage(app, 'fastify');
  compileProgram(app, 'count', ['bench/guest/count.c']);
  const variants = Object.fromEntries(
    options.variants.split(',').map((name) => [name, childVariables(name, '/dev/shm/taskperf', '/app')]),
  );
  const plan = {
    variants,
    connections: options.connections.split(',').map(Number),
    short: Number(options.short),
    long: Number(options.long),
    repeats: Number(options.repeats),
  };
  writeFileSync(join(app, 'plan.json'), JSON.stringify(plan));
}

/** Every variant over "none" at the same number of connections; of repeats, the mean. */
function ratios(results) {
  const mean = (name, connections, mode) => {
    const values = results
      .filter((r) => r.name === name && r.connections === connections)
      .map((r) => r[mode]);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const keys = new Map(
    results.map(({ name, connections }) => [`${name}/${connections}`, { name, connections }]),
  );
  return [...keys.values()].map(({ name, connections }) => ({
    name,
    connections,
    user: Math.round(mean(name, connections, 'user')),
    kernel: Math.round(mean(name, connections, 'kernel')),
    ratio: mean(name, connections, 'user') / mean('none', connections, 'user'),
  }));
}

function print({ node, variants }) {
  console.log(`\n${node} (arm64, emulated): user instructions per request`);
  for (const { name, connections, user, kernel, ratio } of variants)
    console.log(
      `  ${name.padEnd(10)} ${String(connections).padStart(3)} connections ${String(user).padStart(8)}` +
        `  ratio ${ratio.toFixed(3)}  (kernel ${kernel})`,
    );
}
