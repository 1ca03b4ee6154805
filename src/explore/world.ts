/** The world of a scenario, made anew for each schedule, and the same world as transformed code sees it. */
import { Cpu } from '../core/cpu.ts';
import { type Capacities, layoutOf } from '../core/layout.ts';
import { Region } from '../core/region.ts';
import { KIND_CONTEXT, KIND_COUNTER, KIND_TASK, giveSlot, takeSlot } from '../core/slab.ts';
import type { Memory } from './memory.ts';
import { SMALL, type Scenario, type World } from './scenario.ts';
import { StepPmu } from './step-pmu.ts';

const HEADER = { pid: 1, session: 0, nodeVersion: '', startEpochMs: 0, startMono: 0 };

export function capacitiesOf(scenario: Scenario): Capacities {
  return { ...SMALL, ...scenario.capacities };
}

export function bytesOf(scenario: Scenario): number {
  return layoutOf(capacitiesOf(scenario)).bytes;
}

/** The buffer is emptied first. */
export function makeWorld(scenario: Scenario, buffer: ArrayBufferLike): World {
  new Uint8Array(buffer).fill(0);
  const region = Region.format(buffer, capacitiesOf(scenario), HEADER);
  const cpus = Array.from({ length: scenario.cpus }, (_, i) => makeCpu(region, i));
  for (const cpu of cpus) warm(cpu, scenario.warm ?? 0);
  return { region, cpus };
}

function warm(cpu: Cpu, count: number): void {
  for (const kind of [KIND_TASK, KIND_CONTEXT, KIND_COUNTER]) {
    const slots = Array.from({ length: count }, () => takeSlot(cpu.region, cpu.index, kind));
    for (const slot of slots) giveSlot(cpu, kind, slot, cpu.index);
  }
}

export function makeCpu(region: Region, i: number): Cpu {
  return new Cpu(region, new StepPmu(), { threadId: i, tid: 0, name: `t${i}` });
}

/** The same objects over the memory of the explorer, with the transformed class's methods. */
export function twinOf(world: World, memory: Memory, type: { readonly prototype: Cpu }): World {
  const views = { i32: memory.i32, f64: memory.f64, u8: memory.u8 };
  const region = Object.assign(Object.create(Region.prototype) as Region, world.region, views);
  const cpus = world.cpus.map((cpu) =>
    Object.assign(Object.create(type.prototype) as Cpu, cpu, { region, i32: views.i32, f64: views.f64 }),
  );
  return { region, cpus };
}
