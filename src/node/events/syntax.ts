/**
 * The grammar of `-e`, which is perf's: events with commas between them, groups in braces, modifiers behind a colon, terms
 * of a PMU between slashes. What the names mean is not known here.
 *
 *     cycles,{instructions:u,cpu/event=0x3c,umask=0x1/k}:u,r1a2
 */
import { TaskperfError } from '../../core/index.ts';

export interface WrittenEvent {
  /** As it was written, for messages. */
  readonly text: string;
  /** Of the event, or of the PMU that has `terms`. */
  readonly name: string;
  /** What is between the slashes, null where there are none. */
  readonly terms: string | null;
  /** Letters, those of the group behind those of the event. */
  readonly modifiers: string;
}

export type WrittenGroup = readonly WrittenEvent[];

interface Cursor {
  readonly list: string;
  at: number;
}

/** One group per event outside of braces. Throws EINVAL. */
export function parseSyntax(list: string): WrittenGroup[] {
  const cursor: Cursor = { list, at: 0 };
  const groups: WrittenGroup[] = [];
  do {
    skipSpace(cursor);
    if (peek(cursor) === '{') groups.push(parseGroup(cursor));
    else groups.push([parseEvent(cursor)]);
    skipSpace(cursor);
  } while (accept(cursor, ','));
  if (cursor.at < list.length) throw unexpected(cursor, 'a comma goes between events');
  return groups;
}

function parseGroup(cursor: Cursor): WrittenGroup {
  const start = cursor.at++;
  const events: WrittenEvent[] = [];
  do {
    skipSpace(cursor);
    if (peek(cursor) === '{') throw unexpected(cursor, 'a group cannot hold another');
    events.push(parseEvent(cursor));
    skipSpace(cursor);
  } while (accept(cursor, ','));
  if (!accept(cursor, '}')) {
    const group = cursor.list.slice(start);
    throw new TaskperfError(
      'EINVAL',
      `the group '${group}' has no end; write '}' behind its last event`,
      group,
    );
  }
  const modifiers = accept(cursor, ':') ? take(cursor, /[^,{}\s]*/y) : '';
  return events.map((event) => ({ ...event, modifiers: event.modifiers + modifiers }));
}

function parseEvent(cursor: Cursor): WrittenEvent {
  const start = cursor.at;
  const name = take(cursor, /[^,{}:/\s]*/y);
  if (name === '') throw missingEvent(cursor);
  let terms: string | null = null;
  if (accept(cursor, '/')) {
    terms = take(cursor, /[^/{}]*/y).trim();
    if (!accept(cursor, '/')) {
      const text = cursor.list.slice(start);
      throw new TaskperfError(
        'EINVAL',
        `the event '${text}' has no end; write '/' behind its last term`,
        text,
      );
    }
  }
  const hasModifiers = accept(cursor, ':') || terms !== null;
  const modifiers = hasModifiers ? take(cursor, /[^,{}/\s]*/y) : '';
  return { text: cursor.list.slice(start, cursor.at), name, terms, modifiers };
}

function missingEvent(cursor: Cursor): TaskperfError {
  const found = peek(cursor);
  if (found === ':' || found === '/') return unexpected(cursor, 'a name goes before it');
  const place = found === '' ? 'at the end' : `before '${found}'`;
  const where = cursor.list.trim() === '' ? '' : ` ${place} of '${cursor.list}'`;
  return new TaskperfError(
    'EINVAL',
    `an event is missing${where}; write names as in \`-e task-clock,instructions\``,
    cursor.list,
  );
}

function unexpected(cursor: Cursor, remedy: string): TaskperfError {
  const rest = cursor.list.slice(cursor.at);
  return new TaskperfError('EINVAL', `'${rest}' is not understood in '${cursor.list}'; ${remedy}`, rest);
}

function peek(cursor: Cursor): string {
  return cursor.list.charAt(cursor.at);
}

function accept(cursor: Cursor, character: string): boolean {
  if (peek(cursor) !== character) return false;
  cursor.at++;
  return true;
}

/** What a sticky pattern matches from here on, perhaps nothing. */
function take(cursor: Cursor, pattern: RegExp): string {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.list)?.[0] ?? '';
  cursor.at += found.length;
  return found;
}

function skipSpace(cursor: Cursor): void {
  take(cursor, /\s*/y);
}
