// The simulated machine, from the command line: `npm run sim [-- SEED]`, `npm run sim:soak -- --minutes 30`.
//
//     SEED          repeats a run; without it a random one is drawn, and printed first
//     --steps N     only the first N steps
//     --at-the-end  check at the end only, not after each step
//     --runs N      N runs with the seeds from SEED on, and what they covered
//     --soak        random seeds until --minutes are over (default 1) or a run fails, which is then shortened
//     --speed       simulated switches per second of CPU, for slices of up to 32, 256 and 1,024 switches
//     --json        one document instead of text
//
// Exit status: 0 nothing found, 1 a run failed, 129 a wrong argument.
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  Coverage,
  Prng,
  coverageLines,
  describeOptions,
  drawOptions,
  formatSeed,
  headLines,
  parseSeed,
  resultLines,
  run,
  shrink,
} from '../dist/sim/index.js';

const EXIT_USAGE = 129;
const PROGRESS_MS = 60_000;
const SPEED = { runs: 40, rounds: 3, steps: 1000, bursts: [32, 256, 1024] };

try {
  const asked = parse(process.argv.slice(2));
  if (asked.soak) soak(asked);
  else if (asked.speed) measure();
  else if (asked.runs !== undefined) runMany(asked);
  else runOnce(asked);
} catch (error) {
  if (error.code !== 'EINVAL' && !error.code?.startsWith('ERR_PARSE_ARGS')) throw error;
  console.error(`sim: ${error.message.split('\n')[0]}`);
  process.exitCode = EXIT_USAGE;
}

function parse(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      steps: { type: 'string' },
      'at-the-end': { type: 'boolean', default: false },
      runs: { type: 'string' },
      soak: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '1' },
      speed: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length > 1) throw usage(`one seed at a time, not "${positionals.join(' ')}"`);
  return {
    seed: positionals.length === 0 ? randomSeed() : parseSeed(positionals[0]),
    steps: count('steps', values.steps),
    runs: count('runs', values.runs),
    minutes: count('minutes', values.minutes),
    soak: values.soak,
    speed: values.speed,
    json: values.json,
    checks: values['at-the-end'] ? 'at the end' : 'every step',
  };
}

function count(option, text) {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text);
  throw usage(`--${option} takes a whole number from 1 on, not "${text}"`);
}

function usage(message) {
  return Object.assign(new Error(message), { code: 'EINVAL' });
}

function randomSeed() {
  return parseSeed(`0x${randomBytes(8).toString('hex')}`);
}

function settingsOf({ seed, steps, checks }) {
  return steps === undefined ? { seed, checks } : { seed, checks, steps };
}

function runOnce(asked) {
  // Before the run: it may not come back.
  const options = describeOptions(drawOptions(new Prng(asked.seed).split()));
  if (!asked.json) console.log(headLines(asked.seed, options).join('\n'));
  const report = run(settingsOf(asked));
  if (asked.json) console.log(JSON.stringify(documentOf([report], report.coverage), null, 2));
  else console.log(resultLines(report).join('\n'));
  if (report.failure !== undefined) process.exitCode = 1;
}

function runMany(asked) {
  const coverage = new Coverage();
  const reports = Array.from({ length: asked.runs }, (_, i) => {
    const report = run(settingsOf({ ...asked, seed: (asked.seed + BigInt(i)) & (2n ** 64n - 1n) }));
    coverage.merge(report.coverage);
    return report;
  });
  if (asked.json) console.log(JSON.stringify(documentOf(reports, coverage), null, 2));
  else {
    console.log(`${sumLine(reports)}\n\n${coverageLines(coverage).join('\n')}`);
    for (const report of reports.filter(({ failure }) => failure !== undefined)) fail(asked, report);
  }
  if (reports.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

function soak(asked) {
  const started = performance.now();
  const coverage = new Coverage();
  const sums = { runs: 0, steps: 0, switches: 0, failures: 0 };
  const secondsSince = () => (performance.now() - started) / 1000;
  let reported = started;
  for (
    let { seed } = asked;
    secondsSince() < asked.minutes * 60 && sums.failures === 0;
    seed = randomSeed()
  ) {
    const report = run(settingsOf({ ...asked, seed }));
    coverage.merge(report.coverage);
    sums.runs++;
    sums.steps += report.steps;
    sums.switches += report.switches;
    if (report.failure !== undefined) {
      sums.failures++;
      fail({ ...asked, seed }, report);
    }
    if (performance.now() - reported < PROGRESS_MS || asked.json) continue;
    reported = performance.now();
    console.log(`${Math.round(secondsSince() / 60)} minutes: ${sumText(sums)}`);
  }
  const seconds = Math.round(secondsSince());
  if (asked.json) console.log(JSON.stringify({ schema: 'taskperf.sim/1', ...sums, seconds }, null, 2));
  else console.log(`${seconds} s: ${sumText(sums)}, ${Math.round(sums.switches / seconds)} switches/s`);
  if (sums.failures > 0) process.exitCode = 1;
}

/** The same runs with both kinds of checks, by the time of the CPU, the best of some rounds: others use the machine, too. */
function measure() {
  for (const burst of SPEED.bursts) {
    for (const checks of ['every step', 'at the end']) {
      const best = Math.max(...Array.from({ length: SPEED.rounds }, () => speedOf(burst, checks)));
      const speed = Math.round(best).toLocaleString('en');
      console.log(`slices of up to ${burst}, checks ${checks}: ${speed} simulated switches/s`);
    }
  }
}

function speedOf(burst, checks) {
  let switches = 0;
  const started = process.cpuUsage();
  for (let seed = 1n; seed <= SPEED.runs; seed++) {
    const change = (drawn) => ({ ...drawn, steps: SPEED.steps, burst });
    switches += run({ seed, checks, change }).switches;
  }
  const { user, system } = process.cpuUsage(started);
  return (switches / (user + system)) * 1e6;
}

/** Prints the run, shortened as far as it still fails. */
function fail(asked, report) {
  const shortest = shrink(settingsOf({ ...asked, seed: report.seed }), report);
  const options = describeOptions(drawOptions(new Prng(report.seed).split()));
  console.error(['', ...headLines(report.seed, options), ...resultLines(shortest)].join('\n'));
}

function sumLine(reports) {
  const sum = (of) => reports.reduce((total, report) => total + of(report), 0);
  return sumText({
    runs: reports.length,
    steps: sum(({ steps }) => steps),
    switches: sum(({ switches }) => switches),
    failures: sum(({ failure }) => Number(failure !== undefined)),
  });
}

function sumText({ runs, steps, switches, failures }) {
  return `${runs} runs, ${steps} steps, ${switches} switches, ${failures} failures`;
}

function documentOf(reports, coverage) {
  return {
    schema: 'taskperf.sim/1',
    runs: reports.map(({ seed, steps, switches, clock, failure }) => ({
      seed: formatSeed(seed),
      steps,
      switches,
      clockNs: clock,
      failure: failure === undefined ? null : { step: failure.step, message: failure.message },
    })),
    coverage: {
      operations: Object.fromEntries(
        [...coverage.outcomes].map(([name, of]) => [name, Object.fromEntries(of)]),
      ),
      states: Object.fromEntries(coverage.states),
      pairs: Object.fromEntries(coverage.pairs),
    },
  };
}
