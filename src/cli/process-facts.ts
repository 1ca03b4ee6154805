/** What a Node.js process says of itself in its region. */
import { EVENT_GIVEN_FIRST } from '../core/events.ts';
import {
  EVENT_LINES,
  H_ESTIMATED,
  H_EVENTS,
  H_OFF,
  H_PID,
  H_REASON,
  H_STATE,
  PROCESS_EXITED,
} from '../core/layout.ts';
import { ownerIn, scriptIn } from '../core/owner.ts';
import type { Owner } from '../core/owner.ts';
import type { EventRow, RegionReader } from './reader.ts';

/** One Node.js process of the command. */
export interface ProcessFacts {
  readonly pid: number;
  /** What it calls itself, in its own pid namespace. */
  readonly innerPid: number;
  /** What it runs, as it says. */
  readonly script: string;
  /** The task that started it. */
  readonly owner: Owner | null;
  readonly node: string;
  readonly exited: boolean;
  /** Bit per event: counted, estimated. */
  readonly eventBits: number;
  readonly estimatedBits: number;
  readonly reason: number;
  /** By line, what it says of the events that were given one. */
  readonly events: ReadonlyMap<number, EventRow>;
  /** Why taskperf switched itself off there, undefined when it did not. */
  readonly off: string | undefined;
}

/** As of the last `refresh()`; `pid` is what we call the process. */
export function factsOf(reader: RegionReader, pid: number): ProcessFacts {
  const words = reader.header.i32;
  return {
    pid,
    innerPid: words[H_PID]!,
    script: scriptIn(reader.header),
    owner: ownerIn(reader.header),
    node: reader.nodeVersion,
    exited: words[H_STATE] === PROCESS_EXITED,
    eventBits: words[H_EVENTS]!,
    estimatedBits: words[H_ESTIMATED]!,
    reason: words[H_REASON]!,
    events: eventRows(reader),
    off: words[H_OFF] === 1 ? reader.offMessage : undefined,
  };
}

function eventRows(reader: RegionReader): Map<number, EventRow> {
  const rows = new Map<number, EventRow>();
  for (let line = EVENT_GIVEN_FIRST; line < EVENT_LINES; line++) {
    const row = reader.eventRow(line);
    if (row !== undefined) rows.set(line, row);
  }
  return rows;
}
