/**
 * The scenarios on real threads: the same bodies, untransformed, on a SharedArrayBuffer, with the same checks at the end.
 * A Cpu is an object of one thread, so it travels to the thread that runs its body and back.
 */
import { Cpu } from '../core/cpu.ts';
import { layoutOf } from '../core/layout.ts';
import { Region } from '../core/region.ts';
import { closeAll, settle } from './finish.ts';
import { inspect } from './oracles.ts';
import { SMALL, type Scenario, type World, claim } from './scenario.ts';
import { StepPmu } from './step-pmu.ts';
import { bytesOf, makeCpu, makeWorld } from './world.ts';

/** What a Cpu is made of, as a message can carry it. */
export interface PackedCpu {
  readonly numbers: readonly (readonly [string, number])[];
  readonly raw: Float64Array;
  readonly delta: Float64Array;
  readonly pmuNow: number;
}

export interface RealRound {
  readonly scenario: Scenario;
  readonly world: World;
  readonly given: unknown;
}

export function beginRound(scenario: Scenario): RealRound {
  const world = makeWorld(scenario, new SharedArrayBuffer(bytesOf(scenario)));
  return { scenario, world, given: scenario.setup(world) };
}

export interface BodyEnd {
  readonly result: unknown;
  /** The thread's Cpu as it is then; none when the body makes its own. */
  readonly cpu: PackedCpu | undefined;
  /** Those it made. */
  readonly made: readonly PackedCpu[];
}

/** Runs one thread's body. */
export function runBody(
  scenario: Scenario,
  thread: number,
  input: { readonly buffer: SharedArrayBuffer; readonly cpu: PackedCpu | undefined; readonly given: unknown },
): BodyEnd {
  const region = Region.open(input.buffer);
  const cpu = input.cpu && unpackCpu(region, input.cpu);
  const world: World = { region, cpus: [] };
  const result = scenario.threads[thread]!.body(world, cpu!, input.given);
  return { result, cpu: cpu && packCpu(cpu), made: world.cpus.map(packCpu) };
}

/** Takes the Cpus back, and checks what the explorer checks. */
export function endRound(round: RealRound, results: readonly unknown[]): void {
  const { scenario, world, given } = round;
  settle(world);
  scenario.check?.(world, given, results);
  scenario.finish?.(world, given, results);
  inspect(world.region, 0);
  closeAll(world);
  const { live } = inspect(world.region, 0);
  claim(
    live.every((count) => count === 0),
    `${live.join(', ')} tasks, contexts and counters are left when all is closed`,
  );
}

export function packCpu(cpu: Cpu): PackedCpu {
  const numbers = Object.entries(cpu).filter(
    (entry): entry is [string, number] => typeof entry[1] === 'number',
  );
  return { numbers, raw: cpu.raw, delta: cpu.delta, pmuNow: (cpu.pmu as StepPmu).now };
}

/** Only a constructor makes an object with private methods: it makes one elsewhere, which is then moved here. */
export function unpackCpu(region: Region, packed: PackedCpu): Cpu {
  const cpu = makeCpu(scratch(), 0);
  const pmu = new StepPmu();
  pmu.now = packed.pmuNow;
  cpu.raw.set(packed.raw);
  cpu.delta.set(packed.delta);
  const { i32, f64 } = region;
  return Object.assign(cpu, Object.fromEntries(packed.numbers), { region, i32, f64, pmu });
}

function scratch(): Region {
  const header = { pid: 1, session: 0, nodeVersion: '', startEpochMs: 0, startMono: 0 };
  return Region.format(new ArrayBuffer(layoutOf(SMALL).bytes), SMALL, header);
}
