/**
 * Operations on what another thread owns. The caller writes one down in a slot of its own and pushes it on the owner's
 * stack with one compare-and-exchange; the owner performs all of them, oldest first, at its next safepoint. Nobody waits.
 * For a thread that is gone the first thread, which reaps the dead, is responsible.
 */
import { findContext, ownerOf, pinContext, putContext, unpinContext } from './context.ts';
import {
  ON_START,
  STATE_EXIT,
  UNDER_WAY,
  counterWordOf,
  freeCounterSlot,
  packedOf,
  setCounterWord,
  setPacked,
  setState,
} from './counter.ts';
import type { CounterHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { TaskperfError } from './errors.ts';
import { exitTask } from './exit.ts';
import {
  K_CONTEXT,
  K_THREAD,
  O_F64_VALUE,
  O_FLAGS,
  O_GENERATION,
  O_KIND,
  O_SENDER,
  O_TARGET,
  O_TASK,
  R_CONTEXT,
  R_FAMILY,
  R_GENERATION,
  R_LEADER,
  R_NEXT,
  THREAD_LIVE,
  T_ID,
  T_PENDING,
  T_STATE,
  T_TAKEN,
  threadWord,
} from './layout.ts';
import { F_CLOSING, T_HELD, T_OUTBOX } from './outside.ts';
import { changePeriod, closeCounter, disableTask, enableTask, operate, refreshLimit } from './operations.ts';
import { type Opened, arrives, openedBy, openerOf } from './foreign.ts';
import { DO_CREDIT, creditIn, receive } from './job.ts';
import { installCounter } from './open.ts';
import { KIND_COUNTER, pushSlot, takeSlot } from './slab.ts';
import { isLive, releaseTask, retainTask, taskWordOf } from './task.ts';

export const DO_INSTALL: number = 1;
export const DO_ENABLE: number = 2;
export const DO_DISABLE: number = 3;
export const DO_RESET: number = 4;
export const DO_CLOSE: number = 5;
export const DO_ENABLE_TASK: number = 6;
export const DO_DISABLE_TASK: number = 7;
export const DO_EXIT: number = 8;
export const DO_REFRESH: number = 9;
export const DO_PERIOD: number = 10;
// 11 is DO_CREDIT (job.ts).
export const DO_REAP: number = 12;

/** What to do with which counter or task. */
export interface Request {
  readonly kind: number;
  readonly counter: CounterHandle;
  /** Of the counter, read before it was found to be open: the request is for that one alone. 0 without a counter. */
  readonly generation: number;
  readonly task: TaskHandle;
  readonly group: boolean;
  /** How many overflows, or which period; default 0. */
  readonly value?: number;
}

/** Performs the request here if this thread is responsible for its target, else sends it there. */
export function submit(s: CpuState, request: Request): void {
  const owner = responsible(s, request);
  if (owner !== s.index) send(s, request, owner);
  else if (
    request.counter === 0 ||
    counterWordOf(s.region, request.counter, R_GENERATION) === request.generation
  )
    perform(s, request);
}

/** Puts a prepared counter on its task. While that is under way the context is pinned: it stays with the task (I38). */
export function submitInstall(s: CpuState, counter: CounterHandle, task: TaskHandle): void {
  const context = counterWordOf(s.region, counter, R_CONTEXT);
  pinContext(s.region, context);
  setPacked(s.region, counter, packedOf(s.region, counter) | UNDER_WAY);
  try {
    const generation = counterWordOf(s.region, counter, R_GENERATION);
    submit(s, { kind: DO_INSTALL, counter, generation, task, group: false });
  } catch (error) {
    closeCounter(s, counter);
    throw error;
  }
}

/** Performs what other threads have asked for since the last time, oldest first; `head` is the stack's word. */
export function consumePending(s: CpuState, head: number = s.pendingAt): void {
  const takenAt = threadWord(s.region.layout, s.index) + T_TAKEN;
  for (;;) {
    const newest = Atomics.load(s.i32, head);
    // Written down first: if this thread dies, its reaper goes on with what it finds here.
    s.i32[takenAt] = newest;
    if (newest === 0) return;
    if (Atomics.compareExchange(s.i32, head, newest, 0) !== newest) continue;
    performAll(s, newest, takenAt);
    return;
  }
}

/** What a dead thread had taken and not performed. To be called before anybody empties its stack. */
export function takenBy(s: CpuState, thread: number): number {
  const at = threadWord(s.region.layout, thread);
  const taken = s.i32[at + T_TAKEN]!;
  let slot = Atomics.load(s.i32, at + T_PENDING);
  while (slot !== 0 && slot !== taken) slot = counterWordOf(s.region, slot, R_NEXT);
  // Still on the stack: it died between the note and the exchange.
  return slot === taken ? 0 : taken;
}

/** Performs a chain of requests from its end. At any moment the chain from the word `headAt` is what is left. */
export function performAll(s: CpuState, newest: number, headAt: number): void {
  const slots: number[] = [];
  for (let slot = newest; slot !== 0; slot = counterWordOf(s.region, slot, R_NEXT)) slots.push(slot);
  for (let i = slots.length - 1; i >= 0; i--) {
    if (i === 0) s.i32[headAt] = 0;
    else setCounterWord(s.region, slots[i - 1]!, R_NEXT, 0);
    performSlot(s, slots[i]!);
  }
}

function performSlot(s: CpuState, slot: number): void {
  const { region, i32 } = s;
  const at = region.counterW + (slot << 4);
  if (i32[at + O_KIND] === DO_CREDIT) {
    const credit = creditIn(s, slot);
    freeCounterSlot(s, slot, i32[at + O_SENDER]!);
    receive(s, credit);
    releaseTask(s, credit.task);
    return;
  }
  const task = i32[at + O_TASK]!;
  const counter = i32[at + O_TARGET]!;
  const generation = i32[at + O_GENERATION]!;
  const group = i32[at + O_FLAGS] !== 0;
  const value = region.f64[region.counterF + (slot << 3) + O_F64_VALUE]!;
  const request = { kind: i32[at + O_KIND]!, counter, generation, task, group, value };
  const closed = counter !== 0 && counterWordOf(region, counter, R_GENERATION) !== generation;
  freeCounterSlot(s, slot, i32[at + O_SENDER]!);
  if (!closed) perform(s, request);
  if (task !== 0) releaseTask(s, task);
}

/**
 * Hands on what was asked of a thread that has ended: to the first thread, which is responsible for the dead, or to the
 * caller when that is gone, too. Called by the ending thread after it is marked, and by whoever pushed a request and then
 * finds the mark: of the two at least one sees the other, and one exchange gives the requests to either.
 */
export function forwardPending(s: CpuState, thread: number): void {
  const { region, i32 } = s;
  const heir = responsibleForDead(s);
  const from = threadWord(region.layout, thread) + T_PENDING;
  if (heir === s.index) {
    if (thread !== s.index) consumePending(s, from);
    return;
  }
  const newest = Atomics.exchange(i32, from, 0);
  if (newest === 0) return;
  let oldest = newest;
  for (let next = newest; next !== 0; next = counterWordOf(region, next, R_NEXT)) oldest = next;
  push(s, heir, { first: newest, last: oldest });
}

/** Sends what is in the outbox: what jobs have cost, one exchange for all that one of them has shipped. */
export function sendCredits(s: CpuState): void {
  const { region, i32 } = s;
  while (i32[s.outboxAt] !== 0) {
    let first = i32[s.outboxAt]!;
    i32[s.outboxAt] = 0; // before it is sent: it must not be sent again by whoever reaps this thread
    while (first !== 0) {
      const task = counterWordOf(region, first, O_TASK);
      let last = first;
      let next = counterWordOf(region, last, R_NEXT);
      for (
        ;
        next !== 0 && counterWordOf(region, next, O_TASK) === task;
        next = counterWordOf(region, last, R_NEXT)
      )
        last = next;
      const owner = responsible(s, { kind: DO_CREDIT, counter: 0, generation: 0, task, group: false });
      push(s, owner, { first, last });
      if (owner === s.index) consumePending(s);
      first = next;
    }
  }
}

/** What a dead thread was about to send, and the task that it held. */
export function takeOver(s: CpuState, thread: number): void {
  const { region, i32 } = s;
  const at = threadWord(region.layout, thread);
  const first = i32[at + T_OUTBOX]!;
  const held = i32[at + T_HELD]!;
  i32[at + T_OUTBOX] = 0;
  i32[at + T_HELD] = 0;
  if (held !== 0) releaseTask(s, held);
  if (first === 0) return;
  let last = first;
  for (let next = first; next !== 0; next = counterWordOf(region, next, R_NEXT)) last = next;
  setCounterWord(region, last, R_NEXT, i32[s.outboxAt]!);
  i32[s.outboxAt] = first;
}

/** Puts a chain of requests on a thread's stack. */
function push(s: CpuState, owner: number, chain: { readonly first: number; readonly last: number }): void {
  const { region, i32 } = s;
  const at = threadWord(region.layout, owner);
  pushSlot(i32, at + T_PENDING, region.counterW + (chain.last << 4) + R_NEXT, chain.first);
  if (Atomics.load(i32, at + T_STATE) !== THREAD_LIVE) forwardPending(s, owner);
}

/** Tells the thread that reaps the dead of one. Nothing happens if that is gone, too: the process ends. */
export function reportDeath(s: CpuState, thread: number): void {
  const generation = s.i32[threadWord(s.region.layout, thread) + T_ID]!;
  const request = { kind: DO_REAP, counter: 0, generation, task: 0, group: false, value: thread };
  const reaper = responsibleForDead(s);
  if (reaper !== s.index) send(s, request, reaper);
}

function isThread(s: CpuState, thread: number, id: number): boolean {
  return s.i32[threadWord(s.region.layout, thread) + T_ID] === id;
}

/** The thread that may change the target, as of now. */
function responsible(s: CpuState, request: Request): number {
  const { region } = s;
  const owner =
    request.task !== 0
      ? taskWordOf(region, request.task, K_THREAD)
      : ownerOf(region, counterWordOf(region, request.counter, R_CONTEXT));
  if (owner === s.index) return owner;
  if (region.i32[threadWord(region.layout, owner) + T_STATE] === THREAD_LIVE) return owner;
  return responsibleForDead(s);
}

function responsibleForDead(s: CpuState): number {
  return s.i32[threadWord(s.region.layout, 0) + T_STATE] === THREAD_LIVE ? 0 : s.index;
}

function send(s: CpuState, request: Request, owner: number): void {
  const { region, i32 } = s;
  const slot = reservedFor(s, request) || takeSlot(region, s.index, KIND_COUNTER);
  if (slot === 0) {
    const what = 'no room for a request to another thread: close some counters, or raise their capacity';
    throw new TaskperfError('ENOSPC', what, request.kind);
  }
  const at = region.counterW + (slot << 4);
  i32[at + O_TARGET] = request.counter;
  i32[at + O_TASK] = request.task;
  i32[at + O_SENDER] = s.index;
  i32[at + O_FLAGS] = request.group ? 1 : 0;
  i32[at + O_GENERATION] = request.generation;
  i32[at + O_KIND] = request.kind;
  region.f64[region.counterF + (slot << 3) + O_F64_VALUE] = request.value ?? 0;
  if (request.task !== 0) retainTask(region, request.task);
  push(s, owner, { first: slot, last: slot });
}

/** Whoever has opened a counter elsewhere has taken the slot of the request that closes it, too. */
function reservedFor({ region, index }: CpuState, { kind, counter }: Request): number {
  if (kind !== DO_CLOSE || openerOf(packedOf(region, counter)) !== index + 1) return 0;
  const family = counterWordOf(region, counter, R_FAMILY);
  const slot = counterWordOf(region, family, F_CLOSING);
  setCounterWord(region, family, F_CLOSING, 0);
  return slot;
}

function perform(s: CpuState, request: Request): void {
  const { kind, task, value = 0 } = request;
  if (kind === DO_ENABLE_TASK) enableTask(s, task);
  else if (kind === DO_DISABLE_TASK) disableTask(s, task);
  else if (kind === DO_EXIT) exitTask(s, task);
  else if (kind === DO_REAP) {
    if (isThread(s, value, request.generation)) s.dead.push(value);
  } else performOnCounter(s, request);
}

function performOnCounter(s: CpuState, { kind, counter, task, group, value = 0 }: Request): void {
  if (kind === DO_INSTALL) install(s, counter, task);
  else if (kind === DO_ENABLE) operate(s, counter, 'enable', group);
  else if (kind === DO_DISABLE) operate(s, counter, 'disable', group);
  else if (kind === DO_RESET) operate(s, counter, 'reset', group);
  else if (kind === DO_CLOSE) closeCounter(s, counter);
  else if (kind === DO_REFRESH) refreshLimit(s, counter, value);
  else if (kind === DO_PERIOD) changePeriod(s, counter, value);
}

/** The task may have exited, or have been given another context, between the request and now. */
function install(s: CpuState, counter: CounterHandle, task: TaskHandle): void {
  const { region } = s;
  const context = counterWordOf(region, counter, R_CONTEXT);
  // Before: whoever closes it must not unpin it again.
  setPacked(region, counter, packedOf(region, counter) & ~UNDER_WAY);
  unpinContext(region, context);
  if (!isLive(region, task)) {
    setState(region, counter, STATE_EXIT);
    setPacked(region, counter, packedOf(region, counter) & ~ON_START); // there is none, and no pin for it
    // It is on no chain, by which it would learn that its leader is closed and the slot another's (H34).
    setCounterWord(region, counter, R_LEADER, counter);
    return;
  }
  if (taskWordOf(region, task, K_CONTEXT) !== context) {
    setCounterWord(region, counter, R_CONTEXT, findContext(s, task));
    putContext(s, context);
  }
  installCounter(s, counter);
  arrives(s, counter);
}

/** The thread is gone: what it had opened on tasks of others is closed. */
export function closeOpened(s: CpuState, thread: number): void {
  for (const counter of openedBy(s.region, thread)) {
    const generation = counterWordOf(s.region, counter, R_GENERATION);
    if (openerOf(packedOf(s.region, counter)) !== thread + 1) continue; // closed since, and another's
    closeLeft(s, { counter, generation });
  }
}

/** Closes it unless somebody has. Without room for the request it stays open, and the loss is counted. */
export function closeLeft(s: CpuState, { counter, generation }: Opened): void {
  if (counterWordOf(s.region, counter, R_GENERATION) !== generation) return;
  try {
    submit(s, { kind: DO_CLOSE, counter, generation, task: 0, group: false });
  } catch (error) {
    if (!(error instanceof TaskperfError)) throw error;
  }
}
