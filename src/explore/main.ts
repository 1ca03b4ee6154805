/** The command: which scenarios, on which core, and what is printed. Files, clock and output are the caller's. */
import { layoutOf } from '../core/layout.ts';
import { type Exploration, Explorer, explore, replay, scenarioByName } from './explorer.ts';
import { REPRODUCED } from './history.ts';
import type { Sources } from './link.ts';
import type { Mutant } from './mutate.ts';
import { MUTANTS } from './mutants.ts';
import type { Run } from './run.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { decodeSchedule, encodeSchedule } from './schedule.ts';
import { tableOf } from './table.ts';
import type { Site } from './transform.ts';
import { capacitiesOf } from './world.ts';

export interface Host {
  readonly sources: Sources;
  /** Where a place of a compiled module is in the TypeScript source. */
  readonly locate: (site: Site) => string;
  readonly nowMs: () => number;
  readonly print: (line: string) => void;
  readonly complain: (line: string) => void;
}

/** A mistake in the command line. */
const USAGE = 129;
/** No scenario takes longer. */
const LIMIT_MS = 60_000;

interface Options {
  names: string[];
  list: boolean;
  mutants: boolean;
  mutant: Mutant | undefined;
  schedule: number[] | undefined;
}

export function main(args: readonly string[], host: Host): number {
  const options = parse(args);
  if (typeof options === 'string') {
    host.complain(`explore: ${options}`);
    return USAGE;
  }
  if (options.list) return list(host);
  if (options.mutants) return exploreMutants(host, options);
  const scenarios =
    options.names.length === 0 ? SCENARIOS : options.names.map((name) => scenarioByName(name)!);
  if (options.schedule !== undefined) return repeat(host, scenarios[0]!, options);
  return exploreAll(host, scenarios, options.mutant);
}

function parse(args: readonly string[]): Options | string {
  const options: Options = { names: [], list: false, mutants: false, mutant: undefined, schedule: undefined };
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    const problem = argument.startsWith('-')
      ? parseOption(options, argument, () => args[++i])
      : parseName(options, argument);
    if (problem !== undefined) return problem;
  }
  if (options.schedule !== undefined && options.names.length !== 1)
    return 'a schedule belongs to one scenario: give its name before --schedule';
  return options;
}

/** A scenario, or a bug of the history that one shows. */
function parseName(options: Options, name: string): string | undefined {
  const bug = REPRODUCED.find((one) => one.bug === name);
  if (bug !== undefined) options.names.push(bug.scenario);
  if (bug !== undefined) return undefined;
  if (scenarioByName(name) === undefined)
    return `there is no scenario "${name}": see npm run explore -- --list`;
  options.names.push(name);
  return undefined;
}

function parseOption(options: Options, option: string, next: () => string | undefined): string | undefined {
  if (option === '--list') options.list = true;
  else if (option === '--mutants') options.mutants = true;
  else if (option === '--mutant') {
    const name = next();
    options.mutant = MUTANTS.find((one) => one.name === name);
    if (options.mutant === undefined)
      return `there is no mutant "${name ?? ''}": see npm run explore -- --mutants`;
  } else if (option === '--schedule') {
    const word = next() ?? '';
    options.schedule = decodeSchedule(word);
    if (options.schedule === undefined)
      return `"${word}" is not a schedule: it is made of thread numbers, like 000110{7}`;
  } else return `there is no option "${option}": --list, --mutants, --mutant NAME, --schedule WORD`;
  return undefined;
}

function list(host: Host): number {
  const width = Math.max(...SCENARIOS.map(({ name }) => name.length));
  for (const { name, title } of SCENARIOS) host.print(`${name.padEnd(width)}  ${title}`);
  for (const { bug, title, scenario, mutant } of REPRODUCED)
    host.print(`${bug.padEnd(width)}  ${title}: ${scenario} --mutant ${mutant}`);
  return 0;
}

function exploreAll(host: Host, scenarios: readonly Scenario[], mutant: Mutant | undefined): number {
  const explorer = new Explorer(host.sources, mutant);
  const width = Math.max(...scenarios.map(({ name }) => name.length));
  host.print(`${'scenario'.padEnd(width)}  schedules      steps  cuts      time`);
  let schedules = 0;
  let failed = 0;
  const started = host.nowMs();
  for (const scenario of scenarios) {
    const { exploration, ms } = timed(host, explorer, scenario);
    schedules += exploration.schedules;
    host.print(`${scenario.name.padEnd(width)}  ${figures(exploration, ms)}  ${verdict(exploration)}`);
    if (exploration.found === undefined && exploration.isComplete) continue;
    failed++;
    if (exploration.found !== undefined) show(host, explorer, exploration);
  }
  const seconds = ((host.nowMs() - started) / 1000).toFixed(1);
  host.print(`${scenarios.length} scenarios, ${schedules} schedules, ${failed} failed, ${seconds} s`);
  return failed === 0 ? 0 : 1;
}

function timed(host: Host, explorer: Explorer, scenario: Scenario): { exploration: Exploration; ms: number } {
  const started = host.nowMs();
  const exploration = explore(explorer, scenario, () => host.nowMs() - started > LIMIT_MS);
  return { exploration, ms: host.nowMs() - started };
}

function figures({ schedules, steps, cuts }: Exploration, ms: number): string {
  const time = `${(ms / 1000).toFixed(2)} s`;
  return `${String(schedules).padStart(9)}  ${String(steps).padStart(9)}  ${String(cuts || '').padStart(4)}  ${time.padStart(8)}`;
}

function verdict({ found, isComplete, scenario: { bound } }: Exploration): string {
  if (found !== undefined) return 'FAILED';
  if (!isComplete) return 'NOT FINISHED in time';
  return bound === undefined
    ? 'all schedules right'
    : `all with ${bound} preemptions, and random ones, right`;
}

/** The failing schedule, its table, and how to repeat it. */
function show(host: Host, explorer: Explorer, { scenario, found, lifetime }: Exploration): void {
  const { failure, trail } = found!;
  const program = explorer.program(scenario, lifetime);
  const run = replay(program, trail);
  showRun(host, explorer, scenario, run);
  const again =
    run.failure?.error.message === failure.error.message ? '' : ' (the repetition ended otherwise)';
  const mutant = explorer.mutant === undefined ? '' : ` --mutant ${explorer.mutant.name}`;
  host.print(
    `repeat: npm run explore -- ${scenario.name}${mutant} --schedule '${encodeSchedule(trail)}'${again}\n`,
  );
}

function showRun(host: Host, explorer: Explorer, scenario: Scenario, run: Run): void {
  const { sites } = explorer.linked;
  host.print('');
  host.print(tableOf(run, { layout: layoutOf(capacitiesOf(scenario)), sites, locate: host.locate }));
  const { failure } = run;
  if (failure === undefined) host.print('every promise holds at the end of this schedule');
  else
    host.print(`${failure.thread < 0 ? 'at the end' : `thread ${failure.thread}`}: ${failure.error.message}`);
}

function repeat(host: Host, scenario: Scenario, options: Options): number {
  const explorer = new Explorer(host.sources, options.mutant);
  const trail = options.schedule!;
  const dies = scenario.dies ?? -1;
  const lifetime = trail.filter((thread) => thread === dies).length;
  try {
    const run = replay(explorer.program(scenario, dies < 0 ? -1 : lifetime), trail);
    showRun(host, explorer, scenario, run);
    return run.failure === undefined ? 0 : 1;
  } catch (error) {
    host.complain(`explore: ${(error as Error).message}`);
    return USAGE;
  }
}

function exploreMutants(host: Host, options: Options): number {
  const width = Math.max(...MUTANTS.map(({ name }) => name.length));
  let survivors = 0;
  const mutants = MUTANTS.filter(
    ({ scenario }) => options.names.length === 0 || options.names.includes(scenario),
  );
  for (const mutant of mutants) {
    const explorer = new Explorer(host.sources, mutant);
    const { exploration, ms } = timed(host, explorer, scenarioByName(mutant.scenario)!);
    const isCaught = exploration.found !== undefined;
    if (!isCaught) survivors++;
    const how = isCaught ? `caught: ${exploration.found!.failure.error.message}` : 'SURVIVED';
    host.print(`${mutant.name.padEnd(width)}  ${mutant.scenario}  ${(ms / 1000).toFixed(2)} s  ${how}`);
  }
  host.print(`${mutants.length} mutants, ${survivors} survived`);
  return survivors === 0 ? 0 : 1;
}
