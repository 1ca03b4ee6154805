/**
 * A thread that ends for ever between any two of its accesses (worker.terminate()). The first thread then reaps it and
 * goes on; nothing may be corrupt, and what may be lost is a few slots that were in the dead one's hands.
 */
import { ownerOf } from '../../core/context.ts';
import { STATE_DEAD, packedOf, stateOf } from '../../core/counter.ts';
import type { Cpu } from '../../core/cpu.ts';
import { TaskperfError } from '../../core/errors.ts';
import { TASK_CLOCK } from '../../core/events.ts';
import { readFamily } from '../../core/family.ts';
import { isHalfMade } from '../../core/foreign.ts';
import { C_COUNT, C_PARENT, C_REFS, H_CONTEXTS_USED, H_COUNTERS_USED, K_CONTEXT } from '../../core/layout.ts';
import { type Scenario, type World, claim, scenario } from '../scenario.ts';
import type { StepPmu } from '../step-pmu.ts';

interface Victim {
  /** A task of thread 1 with inherited counters, and its two children, which are sisters. */
  readonly parent: number;
  readonly child: number;
  readonly sister: number;
  readonly counter: number;
  readonly sibling: number;
  /** A task of thread 0. */
  readonly elsewhere: number;
  readonly counterElsewhere: number;
}

function family(w: World): Victim {
  const first = w.cpus[0]!;
  const elsewhere = first.fork(first.root, 0);
  first.retain(elsewhere);
  const counterElsewhere = first.openCounter({ event: TASK_CLOCK, task: elsewhere });
  const cpu = w.cpus[1]!;
  const parent = cpu.fork(cpu.root, 0);
  const counter = cpu.openCounter({ event: TASK_CLOCK, task: parent, inherit: true });
  const sibling = cpu.openCounter({ event: TASK_CLOCK, task: parent, inherit: true, group: counter });
  const child = cpu.fork(parent, 0);
  const sister = cpu.fork(parent, 0);
  cpu.switchTo(child);
  return { parent, child, sister, counter, sibling, elsewhere, counterElsewhere };
}

/** The same, and thread 0 has asked for four things. */
function asked(w: World): Victim {
  const given = family(w);
  const first = w.cpus[0]!;
  first.openCounter({ event: TASK_CLOCK, task: given.child });
  first.disable(given.counter);
  first.close(given.sibling);
  first.exit(given.sister);
  return given;
}

/** The third thread keeps the task that it works on; something has been asked already. */
function withThird(w: World): Victim {
  const given = family(w);
  w.cpus[2]!.retain(given.sister);
  w.cpus[0]!.disable(given.counter);
  return given;
}

function switches(_w: World, cpu: Cpu, { child, sister, parent }: Victim): void {
  cpu.switchTo(sister);
  cpu.switchTo(parent);
  cpu.switchTo(child);
}

function exitsOne(_w: World, cpu: Cpu, { sister }: Victim): void {
  cpu.exit(sister);
}

/** What thread 0 does when it hears that thread 1 is gone. */
function reaps(_w: World, cpu: Cpu): void {
  cpu.reap(1);
}

function opensOnVictim(_w: World, cpu: Cpu, { sister }: Victim): number | string {
  try {
    return cpu.openCounter({ event: TASK_CLOCK, task: sister });
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function closesOnVictim(_w: World, cpu: Cpu, { counter }: Victim): string | undefined {
  try {
    cpu.close(counter);
    return undefined;
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function forks(_w: World, cpu: Cpu, { parent }: Victim): void {
  cpu.fork(parent, 0);
}

function exits(_w: World, cpu: Cpu, { child, parent }: Victim): void {
  cpu.exit(child);
  cpu.exit(parent);
}

function opens(_w: World, cpu: Cpu, { child }: Victim): void {
  cpu.openCounter({ event: TASK_CLOCK, task: child, inherit: true });
}

function opensFirst(_w: World, cpu: Cpu): void {
  cpu.openCounter({ event: TASK_CLOCK, task: cpu.root });
  cpu.openCounter({ event: TASK_CLOCK, thread: true });
}

function closes(_w: World, cpu: Cpu, { counter }: Victim): void {
  cpu.close(counter);
}

function disables(_w: World, cpu: Cpu, { parent }: Victim): void {
  cpu.disableCounters(parent);
}

function opensElsewhere(_w: World, cpu: Cpu, { elsewhere }: Victim): void {
  cpu.openCounter({ event: TASK_CLOCK, task: elsewhere });
}

function closesElsewhere(_w: World, cpu: Cpu, { counterElsewhere }: Victim): void {
  cpu.close(counterElsewhere);
}

function folds(_w: World, cpu: Cpu): void {
  cpu.fold();
}

function ends(_w: World, cpu: Cpu): void {
  cpu.end();
}

function letGo(w: World, { elsewhere }: Victim): void {
  w.cpus.at(0)!.release(elsewhere);
}

/** No count is there twice: what the family has counted was used by the dead thread. */
function isCountedOnce(w: World, { counter }: Victim): void {
  if (stateOf(packedOf(w.region, counter)) === STATE_DEAD) return;
  const { value, enabled } = readFamily(w.region, counter, 0, w.region.layout.counters);
  const used = (w.cpus[1]!.pmu as StepPmu).now;
  claim(value <= used && enabled <= used, `${value} ns in ${enabled} ns were counted, ${used} were used`);
}

function isSettled(w: World, given: Victim): void {
  isCountedOnce(w, given);
  leavesNothingHalfMade(w);
  leavesNoClone(w);
}

/** Nobody has a handle of the dead thread's own counters but those that it had opened, which are in chains. */
function leavesNothingHalfMade({ region }: World): void {
  for (let counter = 1; counter <= region.i32[H_COUNTERS_USED]!; counter++) {
    const packed = packedOf(region, counter);
    const isLost = stateOf(packed) !== STATE_DEAD && isHalfMade(region, packed);
    claim(!isLost, `counter ${counter} was being made by the dead thread, and is nobody's now`);
  }
}

/** Contexts that it was making, or had taken from their tasks, have been found: those that are left have no part in others. */
function leavesNoClone({ region }: World): void {
  const { i32, contextW } = region;
  for (let context = 1; context <= i32[H_CONTEXTS_USED]!; context++) {
    const at = contextW + context * 16;
    const isDeads = i32[at + C_REFS]! > 0 && ownerOf(region, context) === 1;
    claim(!isDeads || i32[at + C_PARENT] === 0, `context ${context} of the dead thread is a clone still`);
  }
}

/** Thread 0 has one counter on its own task; nobody else has. */
function leavesNothingElsewhere(w: World, { elsewhere }: Victim): void {
  const { i32, taskW, contextW } = w.region;
  const context = i32[taskW + elsewhere * 16 + K_CONTEXT]!;
  claim(i32[contextW + context * 16 + C_COUNT] === 1, 'a counter of the dead thread is still open');
}

function letGoOfBoth(w: World, given: Victim): void {
  w.cpus.at(0)!.release(given.elsewhere);
  w.cpus.at(0)!.release(given.sister);
}

const DIES = {
  cpus: 2,
  warm: 2,
  setup: family,
  finish: letGo,
  dies: 0,
  mayLose: 3,
  checkDead: isSettled,
} as const;

function dying(name: string, title: string, body: Body): Scenario {
  return scenario({ ...DIES, name, title, threads: [{ body, cpu: 1 }] });
}

type Body = (w: World, cpu: Cpu, given: Victim) => unknown;

/** The first body dies, thread 0 then reaps it, and the second goes on all the time. */
function among(name: string, title: string, [victim, other]: [Body, Body]): Scenario {
  return scenario({
    ...DIES,
    name,
    title,
    cpus: 3,
    setup: withThird,
    threads: [
      { body: victim, cpu: 1 },
      { body: other, cpu: 2 },
      { body: reaps, cpu: 0, after: 0 },
    ],
    finish: letGoOfBoth,
    bound: 0,
  });
}

export const DEATH: readonly Scenario[] = [
  dying('die-switch', 'a thread dies while it switches, lazily and not', switches),
  dying('die-fork', 'I4, I7: a thread dies while it starts a task with inherited counters', forks),
  dying('die-exit', 'I4, I34: a thread dies while its tasks exit, a child and its parent', exits),
  dying('die-open', 'I45: a thread dies while it opens an inherited counter', opens),
  dying(
    'die-open-first',
    'S11: a thread dies while it opens the first counters of a task and of itself',
    opensFirst,
  ),
  dying('die-close', 'I4: a thread dies while it closes a group leader that was inherited', closes),
  dying('die-prctl', 'a thread dies while it disables all counters of a task', disables),
  dying(
    'die-open-elsewhere',
    'I45: a thread dies while it opens a counter on a task of another',
    opensElsewhere,
  ),
  scenario({
    ...DIES,
    name: 'die-open-elsewhere-reap',
    title: 'what a thread has opened on a task of another is closed by who reaps it, wherever it died',
    threads: [
      { body: opensElsewhere, cpu: 1 },
      { body: reaps, cpu: 0, after: 0 },
    ],
    bound: 0,
    checkDead: leavesNothingElsewhere,
  }),
  dying('die-close-elsewhere', 'I4: a thread dies while it asks another to close a counter', closesElsewhere),
  scenario({
    ...DIES,
    name: 'die-consume',
    title: 'I4, I44: a thread dies while it does what another has asked of it',
    setup: asked,
    threads: [{ body: folds, cpu: 1 }],
  }),
  among('die-exit-open', 'a thread dies while its task exits and a third attaches to it', [
    exitsOne,
    opensOnVictim,
  ]),
  among('die-exit-close', 'a thread dies while its task exits and a third closes the family', [
    exitsOne,
    closesOnVictim,
  ]),
  among('die-consume-close', 'a thread dies while it does what it was asked and a third asks for more', [
    folds,
    closesOnVictim,
  ]),
  scenario({
    ...DIES,
    name: 'die-end',
    title: 'I6: a thread dies while it ends',
    setup: asked,
    threads: [{ body: ends, cpu: 1 }],
  }),
];
