/** The name of a place in the region, by its layout: "context 3 refs", "thread 1 total[task-clock]". */
import { EVENTS } from '../core/events.ts';
import * as layouts from '../core/layout.ts';
import type { View } from './memory.ts';

type Layout = layouts.Layout;

/** What the layout calls the words and doubles of each part, by its prefixes. */
const WORDS = {
  header: namesOf(/^H_(?!F64_|BYTE_)/),
  headerF64: namesOf(/^H_F64_/),
  thread: namesOf(/^T_(?!F64_|BYTE_)/),
  threadF64: namesOf(/^T_F64_/),
  name: namesOf(/^N_(?!BYTE_)/),
  task: namesOf(/^K_(?!F64_)/),
  taskF64: namesOf(/^K_F64_/),
  context: namesOf(/^C_(?!F64_)/),
  contextF64: namesOf(/^C_F64_/),
  counter: namesOf(/^R_(?!F64_)/),
  counterF64: namesOf(/^R_F64_/),
  ring: namesOf(/^E_(?!F64_)/),
  ringF64: namesOf(/^E_F64_/),
};

export function nameOfPlace(layout: Layout, view: View, index: number): string {
  const byte = index * (view === 'i32' ? 4 : view === 'f64' ? 8 : 1);
  const { threadsAt, namesAt, totalsAt, tasksAt, contextsAt, countersAt, ringsAt } = layout;
  if (byte < threadsAt) return `header ${named('header', view, byte)}`;
  if (byte < namesAt) return slot('thread', view, byte - threadsAt, { size: layouts.THREAD_BYTES, first: 0 });
  if (byte < totalsAt) return slot('name', view, byte - namesAt, { size: layouts.NAME_BYTES, first: 0 });
  if (byte < tasksAt) return total(layout, byte - totalsAt);
  if (byte < contextsAt) return slot('task', view, byte - tasksAt, { size: layouts.TASK_BYTES, first: 1 });
  if (byte < countersAt)
    return slot('context', view, byte - contextsAt, { size: layouts.CONTEXT_BYTES, first: 1 });
  if (byte < ringsAt)
    return slot('counter', view, byte - countersAt, { size: layouts.COUNTER_BYTES, first: 1 });
  const number = Math.floor((byte - ringsAt) / layouts.RING_BYTES);
  const inSlot = (byte - ringsAt) % layouts.RING_BYTES;
  const thread = Math.floor(number / layout.ring);
  return `thread ${thread} ring[${number % layout.ring}] ${named('ring', view, inSlot)}`;
}

function slot(
  part: keyof typeof WORDS,
  view: View,
  byte: number,
  { size, first }: { size: number; first: number },
): string {
  const number = Math.floor(byte / size) + first;
  return `${part} ${number} ${named(part, view, byte % size)}`;
}

function total(layout: Layout, byte: number): string {
  const number = Math.floor(byte / layouts.NAME_TOTAL_BYTES);
  const double = (byte % layouts.NAME_TOTAL_BYTES) / 8;
  const what =
    double < layouts.NT_F64_SUM
      ? ['exits', 'starts'][double]!
      : `sum[${eventName(double - layouts.NT_F64_SUM)}]`;
  return `thread ${Math.floor(number / layout.names)} name ${number % layout.names} ${what}`;
}

function named(part: string, view: View, byte: number): string {
  if (view === 'u8') return `byte ${byte}`;
  const words = WORDS[(view === 'f64' ? `${part}F64` : part) as keyof typeof WORDS] as
    | Map<number, string>
    | undefined;
  const at = byte / (view === 'f64' ? 8 : 4);
  const exact = words?.get(at);
  if (exact !== undefined) return exact;
  // An array of one double per event begins at the last name before.
  for (let first = at; view === 'f64' && first > at - layouts.EVENT_LINES; first--) {
    const array = words?.get(first);
    if (array !== undefined) return `${array}[${eventName(at - first)}]`;
  }
  return `word ${at}`;
}

function eventName(event: number): string {
  return EVENTS[event]?.name ?? String(event);
}

/** `C_PARENT_GENERATION` → "parent generation" at its offset. */
function namesOf(prefix: RegExp): Map<number, string> {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(layouts)) {
    if (typeof value !== 'number' || !prefix.test(name) || names.has(value)) continue;
    names.set(
      value,
      name
        .replace(/^[A-Z]+_(F64_)?/, '')
        .toLowerCase()
        .replaceAll('_', ' '),
    );
  }
  return names;
}
