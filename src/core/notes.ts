/**
 * What a thread has noted in its slot of work that takes more than a few writes, so that who reaps it can finish that: a
 * context that is being made, one that is being taken from its task, a task that is being buried. A note is made before
 * the work and taken back just before its last step, after which the slot is anybody's: who dies between those two loses
 * it, and nothing is done twice.
 */
import { putContext, unclone } from './context.ts';
import type { ContextHandle, CpuState, TaskHandle } from './cpu-state.ts';
import { C_REFS, K_STATE, TASK_EXITED, threadWord } from './layout.ts';
import { T_BURYING, T_LEAVING, T_LEAVING_CHILDREN, T_MAKING } from './outside.ts';
import { KIND_CONTEXT, giveSlot } from './slab.ts';
import { taskWordOf } from './task.ts';

/** The task whose end the dead had begun and not completed; 0: none. Of one that is live still nothing was done. */
export function buriedBy(s: CpuState, thread: number): TaskHandle {
  const task = s.i32[threadWord(s.region.layout, thread) + T_BURYING]!;
  return task !== 0 && taskWordOf(s.region, task, K_STATE) === TASK_EXITED ? task : 0;
}

/** The context that the dead had taken from a task, and the references to it that are in nobody's hands now. */
export function leavingOf(
  s: CpuState,
  thread: number,
): readonly [context: ContextHandle, references: number] {
  const at = threadWord(s.region.layout, thread);
  return [s.i32[at + T_LEAVING]!, 1 + s.i32[at + T_LEAVING_CHILDREN]!];
}

/** A context that the dead had made and nobody else has seen. Its children are free by now, and did not refer to it yet. */
export function freeUnpublished(
  s: CpuState,
  thread: number,
  published: ReadonlyMap<ContextHandle, unknown>,
): void {
  const { i32, region } = s;
  const context = i32[threadWord(region.layout, thread) + T_MAKING]!;
  if (context === 0 || published.has(context)) return;
  const references = i32[region.contextW + (context << 4) + C_REFS]!;
  if (references === 0) {
    giveSlot(s, KIND_CONTEXT, context, thread); // its words are of its last life
    return;
  }
  unclone(s, context);
  putContext(s, context, references);
}

export function forgetNotes(s: CpuState, thread: number): void {
  const at = threadWord(s.region.layout, thread);
  for (const word of [T_MAKING, T_LEAVING, T_LEAVING_CHILDREN, T_BURYING]) s.i32[at + word] = 0;
}
