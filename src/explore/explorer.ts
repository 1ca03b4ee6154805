/**
 * A core that can be explored, possibly a mutant, and what exploring one scenario on it gives.
 *
 * Order of the end of each schedule: requests go through, the scenario's own check, its `finish`, all structures
 * (oracles.ts), everything is closed and ended, all structures again: nothing is in use (I6).
 */
import type { Cpu } from '../core/cpu.ts';
import { type Linked, type Sources, link } from './link.ts';
import { Memory, NOBODY } from './memory.ts';
import { type Mutant, mutate } from './mutate.ts';
import { inspect } from './oracles.ts';
import { type Body, type Program, Run } from './run.ts';
import { type Scenario, type World, claim } from './scenario.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { sample } from './sample.ts';
import { type SearchOptions, type Summary, search } from './search.ts';
import { bytesOf, makeWorld, twinOf } from './world.ts';

/** A transformed function of (world, …). */
type Stoppable = (...values: unknown[]) => unknown;

/** Beside those with few preemptions. */
const RANDOM_SCHEDULES = 1000;
const RANDOM_PER_CUT = 20;

export class Explorer {
  readonly memory: Memory = new Memory();
  readonly linked: Linked;
  readonly mutant: Mutant | undefined;

  constructor(sources: Sources, mutant?: Mutant) {
    this.mutant = mutant;
    this.linked = link(mutate(sources, mutant), this.memory);
  }

  /** `lifetime`: after so many accesses the thread that may die does; −1 never. */
  program(scenario: Scenario, lifetime: number = -1): ScenarioProgram {
    return new ScenarioProgram(this, scenario, lifetime);
  }

  export(module: string, name: string): unknown {
    const value = this.linked.modules.get(module)?.[name];
    if (value === undefined) throw new Error(`${module} has no ${name}`);
    return value;
  }
}

export class ScenarioProgram implements Program {
  readonly memory: Memory;
  readonly after: readonly number[];
  readonly scenario: Scenario;
  readonly #explorer: Explorer;
  readonly #bodies: readonly Stoppable[];
  readonly #finish: Stoppable | undefined;
  /** What is in the region. */
  readonly buffer: ArrayBuffer;
  readonly #lifetime: number;
  #world: World | undefined;
  #twin: World | undefined;
  #given: unknown;

  constructor(explorer: Explorer, scenario: Scenario, lifetime: number) {
    this.memory = explorer.memory;
    this.scenario = scenario;
    this.after = scenario.threads.map(({ after }) => after ?? -1);
    this.#explorer = explorer;
    this.#lifetime = lifetime;
    const transformed = transformedOf(explorer, scenario);
    this.#bodies = transformed.threads.map(({ body }) => body as Stoppable);
    this.#finish = transformed.finish as Stoppable | undefined;
    this.buffer = new ArrayBuffer(bytesOf(scenario));
  }

  begin(): readonly (() => Body)[] {
    const { memory, scenario } = this;
    memory.attach(this.buffer);
    memory.fuse.fill(-1);
    if (scenario.dies !== undefined) memory.fuse[scenario.dies] = this.#lifetime;
    const world = makeWorld(scenario, this.buffer);
    this.#world = world;
    this.#given = scenario.setup(world);
    this.#twin = twinOf(world, memory, this.#explorer.export('core/cpu.js', 'Cpu') as { prototype: Cpu });
    return scenario.threads.map(
      ({ cpu }, t) =>
        () =>
          this.#start(t, this.#twin!.cpus[cpu ?? t]),
    );
  }

  end(run: Run): void {
    const { scenario } = this;
    const world = this.#world!;
    const { region } = world;
    const hasDied = run.dead !== 0;
    const mayLose = hasDied ? (scenario.mayLose ?? 0) : 0;
    if (hasDied && !this.after.includes(scenario.dies!)) this.#reap();
    this.#call(this.#explorer.export('explore/finish.js', 'settle') as Stoppable, this.#twin);
    if (hasDied) scenario.checkDead?.(world, this.#given);
    else scenario.check?.(world, this.#given, run.results, run.steps);
    if (this.#finish !== undefined) this.#call(this.#finish, this.#twin, this.#given, run.results);
    inspect(region, mayLose);
    this.#call(this.#explorer.export('explore/finish.js', 'closeAll') as Stoppable, this.#twin);
    const { live } = inspect(region, mayLose);
    const left = `${live[0]} tasks, ${live[1]} contexts, ${live[2]} counters are left when all is closed`;
    claim(
      live.every((count) => count <= mayLose),
      left,
    );
  }

  /** The first thread cleans up after the dead one, unless the scenario has done so. */
  #reap(): void {
    const { scenario } = this;
    const { cpu } = scenario.threads[scenario.dies!]!;
    const reaper = this.#twin!.cpus[0]!;
    this.#call(reaper.reap.bind(reaper) as Stoppable, cpu ?? scenario.dies);
  }

  #start(t: number, cpu: Cpu | undefined): Body {
    const body = this.#bodies[t]!(this.#twin, cpu, this.#given);
    return isBody(body) ? body : constant(body);
  }

  /** Runs transformed code to its end at once. */
  #call(callee: Stoppable, ...values: unknown[]): unknown {
    this.memory.thread = NOBODY;
    const result = callee(...values);
    if (!isBody(result)) return result;
    const { done, value } = result.next();
    if (done !== true) throw new Error('transformed code stopped while nobody else runs');
    return value;
  }
}

export interface Exploration extends Summary {
  readonly scenario: Scenario;
  /** Places at which the thread that may die was ended. */
  cuts: number;
  /** With the failure: accesses the dying thread had made; −1 it did not die. */
  lifetime: number;
}

/** Goes through all schedules of the scenario; for one with a thread that may die, through all of them for each cut. */
export function explore(
  explorer: Explorer,
  scenario: Scenario,
  isEnough?: (schedules: number) => boolean,
): Exploration {
  explorer.memory.forget();
  const whole = searchOne(explorer.program(scenario), isEnough === undefined ? {} : { isEnough });
  const result: Exploration = { ...whole, scenario, cuts: 0, lifetime: -1 };
  if (scenario.dies === undefined) return result;
  for (let lifetime = 0; result.found === undefined; lifetime++) {
    let hasDied = false;
    const summary = searchOne(explorer.program(scenario, lifetime), {
      isEnough: (schedules) => isEnough?.(result.schedules + schedules) ?? false,
      visit: (run) => {
        hasDied ||= run.dead !== 0;
      },
    });
    if (!hasDied && summary.found === undefined) break;
    addUp(result, summary);
    result.lifetime = summary.found === undefined ? -1 : lifetime;
    result.cuts++;
    if (!summary.isComplete) break;
  }
  return result;
}

/** All schedules, or a sample when the scenario says that they are too many. */
function searchOne(program: ScenarioProgram, options: SearchOptions): Summary {
  const { bound, dies } = program.scenario;
  if (bound === undefined) return search(program, options);
  const random = dies === undefined ? RANDOM_SCHEDULES : RANDOM_PER_CUT;
  return sample(program, { ...options, preemptions: bound, random });
}

function addUp(total: Exploration, part: Summary): void {
  total.schedules += part.schedules;
  total.redundant += part.redundant;
  total.steps += part.steps;
  total.isComplete &&= part.isComplete;
  total.found ??= part.found;
}

/** Repeats one execution with every access scheduled. Throws when the schedule does not fit. */
export function replay(program: Program, trail: readonly number[]): Run {
  program.memory.all = true;
  try {
    const run = new Run(program);
    for (const [i, thread] of trail.entries()) {
      if (run.failure !== undefined) break;
      if ((run.enabled & (1 << thread)) === 0)
        throw new Error(`this schedule does not fit: at step ${i + 1} thread ${thread} has nothing to do`);
      run.step(thread);
    }
    if (run.failure === undefined && run.enabled !== 0)
      throw new Error('this schedule does not fit: it ends before the threads do');
    run.finish();
    return run;
  } finally {
    program.memory.all = false;
  }
}

export function scenarioByName(name: string): Scenario | undefined {
  return SCENARIOS.find((one) => one.name === name);
}

function transformedOf(explorer: Explorer, { name }: Scenario): Scenario {
  const all = explorer.export('explore/scenarios/index.js', 'SCENARIOS') as readonly Scenario[];
  return all.find((one) => one.name === name)!;
}

function isBody(value: unknown): value is Body {
  return Object.prototype.toString.call(value) === '[object Generator]';
}

// oxlint-disable-next-line require-yield
function* constant(value: unknown): Body {
  return value;
}
