/** Whom an operation is done to. */
import type { Machine, SimCounter, SimCpu, SimTask } from './machine.ts';

/** Mostly a task of the thread itself, often the running one; sometimes any of the machine, or a dead one. */
export function chooseTask(machine: Machine, cpu: SimCpu): SimTask {
  const { prng, tasks, ghosts } = machine;
  const draw = prng.below(16);
  if (draw === 0 && ghosts.length > 0) return prng.pick(ghosts);
  if (draw < 5) return prng.pick(tasks);
  const { running } = cpu.model;
  if (draw < 9 && running !== undefined) return machine.simTask(running);
  return prng.pick(cpu.ready);
}

export function chooseCounter(machine: Machine): SimCounter | undefined {
  return machine.counters.length === 0 ? undefined : machine.prng.pick(machine.counters);
}

const MOST_NS = [1, 10, 1000];

/** Up to 1,000 ns, mostly few. */
export function chooseNs({ prng }: Machine): number {
  return 1 + prng.below(prng.pick(MOST_NS));
}
