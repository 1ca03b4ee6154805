/**
 * A reader on another thread, against everything the owner does. Time passes in both counts alike (step-pmu.ts), so in a
 * set that is whole the value is the time it was counted over; one that is torn shows a value without its time.
 */
import type { Cpu } from '../../core/cpu.ts';
import { TaskperfError } from '../../core/errors.ts';
import { TASK_CLOCK } from '../../core/events.ts';
import type { CounterReading } from '../../core/family.ts';
import {
  E_F64_ENABLED,
  E_F64_ID,
  E_F64_VALUES,
  E_SEQUENCE,
  T_F64_RING_HEAD,
  T_SEQ,
  ringF64,
  ringWord,
  threadF64,
  threadWord,
} from '../../core/layout.ts';
import type { Step } from '../run.ts';
import { ATTEMPTS, type Scenario, type World, claim, scenario } from '../scenario.ts';

interface Watched {
  readonly counter: number;
  readonly task: number;
  readonly other: number;
}

/** A running task of thread 0 with a counter that is inherited, and a task beside it. */
function watched(w: World): Watched {
  const cpu = w.cpus[0]!;
  const task = cpu.fork(cpu.root, 0);
  const counter = cpu.openCounter({ event: TASK_CLOCK, task, inherit: true, inheritStat: true });
  const other = cpu.fork(task, 0);
  cpu.switchTo(task);
  return { counter, task, other };
}

/** Sisters whose contexts are exchanged at switches; the original is on their dead parent. */
function sisters(w: World): Watched {
  const cpu = w.cpus[0]!;
  const parent = cpu.fork(cpu.root, 0);
  const counter = cpu.openCounter({ event: TASK_CLOCK, task: parent, inherit: true });
  const task = cpu.fork(parent, 0);
  const other = cpu.fork(parent, 0);
  cpu.switchTo(task);
  cpu.exit(parent);
  return { counter, task, other };
}

function read(_w: World, cpu: Cpu, { counter }: Watched): CounterReading {
  return cpu.read(counter);
}

function readIfOpen(_w: World, cpu: Cpu, { counter }: Watched): CounterReading | string {
  try {
    return cpu.read(counter);
  } catch (error) {
    if (error instanceof TaskperfError) return error.code;
    throw error;
  }
}

function readOwn(_w: World, cpu: Cpu, { counter }: Watched): void {
  cpu.read(counter);
}

function switchAway(_w: World, cpu: Cpu, { other }: Watched): void {
  cpu.switchTo(other);
}

function switchAndFold(_w: World, cpu: Cpu, { other }: Watched): void {
  cpu.switchTo(other);
  cpu.fold();
}

function switchLate(_w: World, cpu: Cpu, { task }: Watched): void {
  cpu.switchLate(task, 0);
}

function fork(_w: World, cpu: Cpu, { task }: Watched): void {
  cpu.fork(task, 0);
}

function exitChild(_w: World, cpu: Cpu, { other }: Watched): void {
  cpu.exit(other);
}

function exitParent(_w: World, cpu: Cpu, { task }: Watched): void {
  cpu.exit(task);
}

function openMore(_w: World, cpu: Cpu, { task }: Watched): void {
  cpu.openCounter({ event: TASK_CLOCK, task });
}

function disable(_w: World, cpu: Cpu, { counter }: Watched): void {
  cpu.disable(counter);
}

function close(_w: World, cpu: Cpu, { counter }: Watched): void {
  cpu.close(counter);
}

/** Unless the reader ran out of attempts, what it got is whole. */
function isWhole(w: World, _given: Watched, results: readonly unknown[], steps?: readonly Step[]): void {
  if (steps === undefined || hasRunOut(w, steps)) return;
  const reading = results[1] as CounterReading | string;
  if (typeof reading === 'string') return;
  const { value, enabled, running } = reading;
  claim(
    value === enabled && value === running,
    `a torn set: value ${value}, enabled ${enabled}, running ${running}`,
  );
}

/**
 * Has thread 1 used up its attempts, the last one in vain? An attempt is a load of the sequence number and whatever
 * follows; a load with nothing after it is the look at the end of an attempt.
 */
function hasRunOut(w: World, steps: readonly Step[]): boolean {
  const sequence = threadWord(w.region.layout, 0) + T_SEQ;
  const own = steps.filter(({ access }) => access.thread === 1);
  let attempts = 0;
  let before = 0;
  for (const [i, { access, result }] of own.entries()) {
    if (access.first !== sequence || !access.isAtomic || own[i + 1]?.access.first === sequence) continue;
    if (i === own.length - 1) return attempts >= ATTEMPTS && ((before & 1) !== 0 || result !== before);
    attempts++;
    before = result;
  }
  return attempts >= ATTEMPTS;
}

interface RingEvent {
  readonly id: number;
  readonly value: number;
  readonly enabled: number;
}

/**
 * The tool's reading protocol (src/cli/ring.ts): the head, a copy of the slots, the head again; an event counts when it
 * cannot have been overwritten meanwhile and its sequence word is its number.
 */
function readRing(w: World): RingEvent[] {
  const { i32, f64, layout } = w.region;
  const headAt = threadF64(layout, 0) + T_F64_RING_HEAD;
  const head = f64[headAt]!;
  const copies: (RingEvent & { event: number; sequence: number })[] = [];
  for (let event = Math.max(0, head - layout.ring); event < head; event++) {
    const slot = event % layout.ring;
    const at = ringF64(layout, 0, slot);
    const sequence = i32[ringWord(layout, 0, slot) + E_SEQUENCE]!;
    const id = f64[at + E_F64_ID]!;
    const enabled = f64[at + E_F64_ENABLED]!;
    const value = f64[at + E_F64_VALUES + TASK_CLOCK]!;
    copies.push({ event, sequence, id, value, enabled });
  }
  const oldest = f64[headAt]! - layout.ring;
  const isThere = oldest < 0 || i32[ringWord(layout, 0, oldest % layout.ring) + E_SEQUENCE]! === oldest + 1;
  const gone = isThere ? oldest - 1 : oldest;
  return copies.filter(({ event, sequence }) => event > gone && sequence === event + 1);
}

/** Four tasks of thread 0, each used for its own time: an event's value is as many tens as its id is. */
function fourTasks(w: World): number[] {
  const cpu = w.cpus[0]!;
  const tasks = [1, 2, 3].map(() => {
    const task = cpu.fork(cpu.root, 0);
    cpu.openCounter({ event: TASK_CLOCK, task });
    return task;
  });
  for (const [i, task] of tasks.entries()) {
    cpu.switchTo(task);
    for (let turn = 0; turn < i; turn++) cpu.fold();
  }
  cpu.switchTo(cpu.root);
  cpu.exit(tasks.shift()!);
  return tasks;
}

function exitAll(_w: World, cpu: Cpu, tasks: readonly number[]): void {
  for (const task of tasks) cpu.exit(task);
}

function areWhole(_w: World, _given: unknown, results: readonly unknown[]): void {
  for (const { id, value, enabled } of results[1] as RingEvent[]) {
    claim(value === enabled && value > 0, `event of task ${id} is torn: value ${value}, enabled ${enabled}`);
  }
}

const WATCHED = { cpus: 2, warm: 6, setup: watched, check: isWhole } as const;

export const READ: readonly Scenario[] = [
  scenario({
    ...WATCHED,
    name: 'read-switch',
    title: 'a counter is read while its thread switches; the set is never torn',
    threads: [{ body: switchAway }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-lazy-switch',
    title: 'S2, I40: a family is read while its members exchange contexts',
    setup: sisters,
    threads: [{ body: switchAndFold }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-late',
    title: 'a counter is read while its thread turns to late work',
    threads: [{ body: switchLate }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-read',
    title: 'a counter is read while its own thread reads it',
    threads: [{ body: readOwn }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-fork',
    title: 'a family is read while a child is added to it',
    threads: [{ body: fork }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-exit-child',
    title: 'I34: a family is read while a child is folded into it; its counts are there once',
    threads: [{ body: exitChild }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-exit',
    title: 'I35: a counter is read while its task exits',
    threads: [{ body: exitParent }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-open',
    title: 'a counter is read while another is opened beside it',
    threads: [{ body: openMore }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-disable',
    title: 'a family is read while it is disabled',
    threads: [{ body: disable }, { body: read }],
  }),
  scenario({
    ...WATCHED,
    name: 'read-close',
    title: 'H23: a family is read while it is closed: a value or EBADF, and the read comes to an end',
    threads: [{ body: close }, { body: readIfOpen }],
    check: (_w, _given, results) => claim(results[1] !== undefined, 'the read came to an end'),
  }),
  scenario({
    name: 'ring-read',
    title: 'exit events are read while the oldest are overwritten; no event is torn',
    cpus: 1,
    warm: 6,
    setup: fourTasks,
    threads: [{ body: exitAll }, { body: readRing, cpu: 0 }],
    check: areWhole,
  }),
];
