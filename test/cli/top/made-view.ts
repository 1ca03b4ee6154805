/** Views made by hand: what pages and sorting are tested on. */
import { TASK_CLOCK } from '#core/events.js';
import { emptyRow } from '#cli/top/view.js';
import type { NameView, ThreadView, View } from '#cli/top/view.js';

export function nameView(name: string, given: Partial<NameView> = {}): NameView {
  return { ...emptyRow(name, name, undefined), ...given };
}

export function threadView(given: Partial<ThreadView> = {}): ThreadView {
  return {
    pid: 4711,
    name: 'main',
    share: { tasks: 0.5, other: 0, loop: 0.1, gc: 0, idle: 0.4 },
    holder: { kind: 'idle', task: '', forNs: 0, blockedForNs: 0, isOnCpu: false },
    stack: [],
    blocked: undefined,
    ...given,
  };
}

export function madeView(names: readonly NameView[], given: Partial<View> = {}): View {
  return {
    title: 'node server.js',
    atNs: 5e9,
    windowNs: 1e9,
    byProcess: false,
    processes: [{ pid: 4711, command: 'node server.js', node: 'v20.20.2', hasEnded: false, off: '' }],
    threads: [threadView()],
    names,
    total: nameView('total', { live: 3 }),
    events: [{ id: TASK_CLOCK, name: 'task-clock', unit: 'ns' }],
    eventBits: 1 << TASK_CLOCK,
    isPartial: false,
    lostExits: 0,
    costs: new Map(),
    notes: [],
    ...given,
  };
}
