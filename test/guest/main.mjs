// `npm run guest [-- WORK]`: boots the guest with and without a PMU, at the same time, each on a core; keeps what its
// programs left in WORK/with-pmu and WORK/without-pmu; and lets the tests judge that. WORK also keeps what was downloaded
// (default: taskperf-guest in the system's folder for temporary ones). Where there can be no guest it says `skipped: …`.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boot } from '../../scripts/guest/machine.mjs';
import { SKIPPED_STATUS, prepare } from '../../scripts/guest/prepare.mjs';
import { compileAddon, compileProgram, stage, stageTaskperf } from '../../scripts/guest/stage.mjs';

const NODE_MAJOR = 24;
const LIMIT_SECONDS = 400;
/** Nobody attacks this machine, and a sixth of its time would go to the defence. */
const KERNEL_ARGUMENTS = 'mitigations=off kpti=off nokaslr';
const PROGRAMS = ['run.sh', 'tasks.mjs', 'long.mjs', 'short.mjs', 'library.mjs'];
const KERNEL_COUNTERS = [
  'test/native/perf-group.c',
  ...['group', 'open', 'page'].map((name) => `native/perf_${name}.c`),
];

process.exitCode = await main(process.argv.slice(2));

async function main([work = join(tmpdir(), 'taskperf-guest')]) {
  const obstacle = prepare(work, [NODE_MAJOR]);
  if (obstacle !== null) {
    console.log(`skipped: ${obstacle}`);
    return SKIPPED_STATUS;
  }
  await bootBoth(resolve(work));
  const script = fileURLToPath(new URL('../../scripts/test.mjs', import.meta.url));
  const env = { ...process.env, TASKPERF_GUEST: resolve(work) };
  return spawnSync(process.execPath, [script, 'guest/'], { stdio: 'inherit', env }).status ?? 1;
}

async function bootBoth(work) {
  const app = mkdtempSync(join(tmpdir(), 'taskperf-guest-app-'));
  try {
    stageAll(app);
    await Promise.all([bootOnce(work, app, true), bootOnce(work, app, false)]);
  } finally {
    rmSync(app, { recursive: true, force: true });
  }
}

function stageAll(app) {
  // Nobody shall be able to enter it, too.
  chmodSync(app, 0o755);
  stageTaskperf(app);
  for (const name of PROGRAMS) stage(app, `test/guest/${name}`, name);
  compileAddon(app, 'counted.node', ['test/guest/counted.c']);
  compileProgram(app, 'perf-group', KERNEL_COUNTERS);
  compileProgram(app, 'refuse-perf', ['test/fixtures/native/refuse-perf.c']);
}

async function bootOnce(work, app, pmu) {
  const name = pmu ? 'with-pmu' : 'without-pmu';
  const out = join(work, name);
  const { status, seconds, output } = await boot({
    work,
    app,
    out,
    node: NODE_MAJOR,
    pmu,
    kernelArguments: KERNEL_ARGUMENTS,
    limitSeconds: LIMIT_SECONDS,
  });
  writeFileSync(join(out, 'console'), output);
  console.log(`guest ${name}: ${seconds.toFixed(1)} s`);
  if (status !== 0) throw new Error(`the guest ${name} did not come to its end; it said:\n${output}`);
}
