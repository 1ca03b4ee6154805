/** Operations on counters of another thread's task, against what that thread does meanwhile. */
import {
  COUNTING,
  STATE_DEAD,
  STATE_EXIT,
  STATE_INACTIVE,
  STATE_OFF,
  packedOf,
  stateOf,
} from '../../core/counter.ts';
import type { Cpu } from '../../core/cpu.ts';
import { TaskperfError } from '../../core/errors.ts';
import { TASK_CLOCK } from '../../core/events.ts';
import { C_COUNT, K_STATE, R_CONTEXT, TASK_LIVE } from '../../core/layout.ts';
import { type Scenario, type World, claim, scenario } from '../scenario.ts';

/** A task of thread 0 and counters on it: a leader, its sibling, and one alone. */
interface Counted {
  readonly task: number;
  readonly leader: number;
  readonly sibling: number;
  readonly single: number;
  readonly disabled: number;
}

function counted(w: World): Counted {
  const cpu = w.cpus[0]!;
  const task = cpu.fork(cpu.root, 0);
  cpu.retain(task);
  const leader = cpu.openCounter({ event: TASK_CLOCK, task });
  const sibling = cpu.openCounter({ event: TASK_CLOCK, task, group: leader });
  const single = cpu.openCounter({ event: TASK_CLOCK, task });
  const disabled = cpu.openCounter({ event: TASK_CLOCK, task, disabled: true });
  return { task, leader, sibling, single, disabled };
}

/** The same, and the task runs. */
function running(w: World): Counted {
  const given = counted(w);
  w.cpus[0]!.switchTo(given.task);
  return given;
}

/** undefined, or the code of the refusal. */
function close(cpu: Cpu, counter: number): string | undefined {
  try {
    cpu.close(counter);
    return undefined;
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function closeLeader(_w: World, cpu: Cpu, given: Counted): string | undefined {
  return close(cpu, given.leader);
}

function closeSibling(_w: World, cpu: Cpu, given: Counted): string | undefined {
  return close(cpu, given.sibling);
}

function closeSingle(_w: World, cpu: Cpu, given: Counted): string | undefined {
  return close(cpu, given.single);
}

function closeGroup(_w: World, cpu: Cpu, given: Counted): void {
  close(cpu, given.leader);
  close(cpu, given.sibling);
}

function exit(_w: World, cpu: Cpu, { task }: Counted): void {
  cpu.exit(task);
}

function fold(_w: World, cpu: Cpu): void {
  cpu.fold();
  cpu.fold();
}

function switchAway(_w: World, cpu: Cpu): void {
  cpu.switchTo(cpu.root);
}

function openAndClose(_w: World, cpu: Cpu, { task }: Counted): string | undefined {
  try {
    const counter = cpu.openCounter({ event: TASK_CLOCK, task });
    cpu.close(counter);
    return undefined;
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function openSibling(_w: World, cpu: Cpu, { task, leader }: Counted): number | string {
  try {
    return cpu.openCounter({ event: TASK_CLOCK, task, group: leader });
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function enable(_w: World, cpu: Cpu, { disabled }: Counted): void {
  cpu.enable(disabled);
}

function enableAndDisable(_w: World, cpu: Cpu, { disabled }: Counted): void {
  cpu.enable(disabled);
  cpu.disable(disabled);
}

function disable(_w: World, cpu: Cpu, { single }: Counted): void {
  cpu.disable(single);
}

function reset(_w: World, cpu: Cpu, { leader }: Counted): void {
  cpu.reset(leader, { group: true });
}

function disableAll(_w: World, cpu: Cpu, { task }: Counted): void {
  cpu.disableCounters(task);
  cpu.enableCounters(task);
}

function letGo(w: World, { task }: Counted): void {
  w.cpus.at(0)!.release(task);
}

const stateIn = (w: World, counter: number): number => stateOf(packedOf(w.region, counter));

/** S18: what the exit left on the books is what is still open. */
function isOffTheBooks(w: World, given: Counted): void {
  const { i32, contextW, counterW, taskW } = w.region;
  claim(i32[taskW + given.task * 16 + K_STATE] !== TASK_LIVE, 'the task has exited');
  for (const counter of [given.leader, given.sibling, given.single, given.disabled]) {
    const state = stateIn(w, counter);
    claim(
      state === STATE_EXIT || state === STATE_DEAD,
      `counter ${counter} is in state ${state} after the exit`,
    );
    if (state === STATE_DEAD) continue;
    const context = i32[counterW + counter * 16 + R_CONTEXT]!;
    claim(i32[contextW + context * 16 + C_COUNT] === 0, 'no counter is listed after the exit');
  }
}

function isClosed(w: World, counter: number): void {
  claim(
    stateIn(w, counter) === STATE_DEAD,
    `counter ${counter} was closed and is in state ${stateIn(w, counter)}`,
  );
}

const EXIT_CLOSE = { cpus: 2, warm: 4, setup: counted, finish: letGo } as const;

export const REMOTE: readonly Scenario[] = [
  scenario({
    ...EXIT_CLOSE,
    name: 'exit-close-leader',
    title: 'S18, I18: a task exits while another thread closes a group leader on it',
    threads: [{ body: exit }, { body: closeLeader }],
    check(w, given) {
      isOffTheBooks(w, given);
      isClosed(w, given.leader);
    },
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'exit-close-sibling',
    title: 'S18, I18: a task exits while another thread closes a sibling on it',
    threads: [{ body: exit }, { body: closeSibling }],
    check(w, given) {
      isOffTheBooks(w, given);
      isClosed(w, given.sibling);
    },
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'exit-close-single',
    title: 'S18, I18: a task exits while another thread closes a counter on it that has no group',
    threads: [{ body: exit }, { body: closeSingle }],
    check(w, given) {
      isOffTheBooks(w, given);
      isClosed(w, given.single);
    },
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'close-close',
    title: 'I4: two threads close one counter; it is freed once',
    threads: [{ body: closeSingle }, { body: closeSingle }],
    check: (w, given) => isClosed(w, given.single),
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'close-close-3',
    title: 'I4: two other threads close one counter while the owner comes to its safepoints',
    cpus: 3,
    threads: [{ body: fold }, { body: closeSingle }, { body: closeSingle }],
    check: (w, given) => isClosed(w, given.single),
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'close-install',
    title:
      "H42, I4: a thread opens a counter on another's task and closes it at once, before or after it is installed",
    setup: running,
    threads: [{ body: fold }, { body: openAndClose }],
    check: (_w, _given, results) => claim(results[1] === undefined, `the thread got ${String(results[1])}`),
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'exit-install',
    title: 'H2, H26, I13: a task exits while a counter for it is opened and closed elsewhere',
    setup: running,
    threads: [{ body: exit }, { body: openAndClose }],
    check(w, given, results) {
      isOffTheBooks(w, given);
      claim(results[1] === undefined || results[1] === 'ESRCH', `the thread got ${String(results[1])}`);
    },
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'join-close-leader',
    title: 'H11, I19, I20: a sibling is opened while its leader is closed; it joins or is alone',
    threads: [{ body: closeGroup }, { body: openSibling }],
    check: (w, given) => isClosed(w, given.leader),
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'enable-exit',
    title: 'H28, I44: a counter is enabled by another thread while its task exits',
    threads: [{ body: exit }, { body: enable }],
    check: isOffTheBooks,
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'enable-switch',
    title: 'H16, I39: a counter is enabled by another thread while its task is switched away',
    setup: running,
    threads: [{ body: switchAway }, { body: enable }],
    check(w, given) {
      const packed = packedOf(w.region, given.disabled);
      claim(stateOf(packed) === STATE_INACTIVE && (packed & COUNTING) !== 0, 'the enabled counter counts');
    },
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'disable-reset-exit',
    title: 'H28, I44: counters are disabled and reset by two other threads while their task exits',
    cpus: 3,
    threads: [{ body: exit }, { body: disable }, { body: reset }],
    check: isOffTheBooks,
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'pending-order',
    title: 'H29, I39: what one thread asks is done in that order, whoever else asks meanwhile',
    cpus: 3,
    threads: [{ body: fold }, { body: enableAndDisable }, { body: disable }],
    check(w, given) {
      claim(stateIn(w, given.disabled) === STATE_OFF, 'enabled, then disabled: it is off');
      claim(stateIn(w, given.single) === STATE_OFF, 'disabled by the third: it is off');
    },
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'prctl-exit',
    title: 'S24, I44: another thread disables and enables all counters of a task that exits',
    setup: running,
    threads: [{ body: exit }, { body: disableAll }],
    check: isOffTheBooks,
  }),
  scenario({
    ...EXIT_CLOSE,
    name: 'exit-exit',
    title: 'I13: the owner and another thread end one task',
    threads: [{ body: exit }, { body: exit }],
    check: isOffTheBooks,
  }),
];
