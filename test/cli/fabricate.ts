/** Regions made by hand, byte by byte from the layout: what the tool must be able to read, and what it must refuse. */
import fs from 'node:fs';
import { RegionSession } from '#cli/regions.js';
import { TASK_CLOCK, TASK_SWITCHES } from '#core/events.js';
import {
  DEFAULT_CAPACITIES,
  E_F64_VALUES,
  E_NAME,
  E_SEQUENCE,
  E_TYPE,
  H_EVENTS,
  H_F64_SWITCH_COST,
  H_BYTE_NODE,
  H_CONTEXTS,
  H_COUNTERS,
  H_MAGIC,
  H_NAMES,
  H_NAMES_USED,
  H_PID,
  H_RING,
  H_SESSION,
  H_STATE,
  H_TASKS,
  H_THREADS,
  H_THREADS_USED,
  H_VERSION,
  LAYOUT_VERSION,
  layoutOf,
  MAGIC,
  N_BYTE_TEXT,
  N_LENGTH,
  N_STATE,
  NT_F64_EXITS,
  NT_F64_STARTS,
  NT_F64_SUM,
  PROCESS_EXITED,
  RING_EXIT,
  T_BYTE_NAME,
  T_F64_LOOP,
  T_F64_RING_HEAD,
  T_F64_SWITCHES,
  T_F64_TASKS,
  T_F64_TOTAL,
  T_F64_UNATTRIBUTED,
  T_STATE,
  THREAD_LIVE,
  nameTotalF64,
  nameWord,
  ringF64,
  ringWord,
  threadF64,
  threadWord,
} from '#core/layout.js';
import type { Layout } from '#core/layout.js';

const SMALL = {
  ...DEFAULT_CAPACITIES,
  threads: 2,
  names: 16,
  tasks: 64,
  contexts: 64,
  counters: 256,
  ring: 16,
};

/** A region of one thread, "main", that counts task-clock and task-switches. */
export class Fabricated {
  readonly layout: Layout = layoutOf(SMALL);
  readonly bytes: Uint8Array = new Uint8Array(this.layout.bytes);
  readonly i32: Int32Array = new Int32Array(this.bytes.buffer);
  readonly f64: Float64Array = new Float64Array(this.bytes.buffer);
  #names = 0;

  constructor(pid: number, session: number) {
    const header: [number, number][] = [
      [H_MAGIC, MAGIC],
      [H_VERSION, LAYOUT_VERSION],
      [H_PID, pid],
      [H_SESSION, session],
      [H_STATE, PROCESS_EXITED],
      [H_THREADS, SMALL.threads],
      [H_NAMES, SMALL.names],
      [H_TASKS, SMALL.tasks],
      [H_CONTEXTS, SMALL.contexts],
      [H_COUNTERS, SMALL.counters],
      [H_RING, SMALL.ring],
      [H_EVENTS, (1 << TASK_CLOCK) | (1 << TASK_SWITCHES)],
      [H_THREADS_USED, 1],
    ];
    for (const [word, value] of header) this.i32[word] = value;
    this.f64[H_F64_SWITCH_COST] = 100;
    this.#text(H_BYTE_NODE, 'v24.0.0');
    const thread = threadWord(this.layout, 0);
    this.i32[thread + T_STATE] = THREAD_LIVE;
    this.#text(thread * 4 + T_BYTE_NAME, 'main');
    this.name('(other)');
  }

  name(text: string): number {
    const index = this.#names++;
    const word = nameWord(this.layout, index);
    this.i32[word + N_LENGTH] = Buffer.byteLength(text);
    this.#text(word * 4 + N_BYTE_TEXT, text);
    this.i32[word + N_STATE] = 1;
    this.i32[H_NAMES_USED] = this.#names;
    return index;
  }

  /** A task of this name ends having used `ns` in two slices. */
  exit(name: number, ns: number): void {
    const thread = threadF64(this.layout, 0);
    const number = this.f64[thread + T_F64_RING_HEAD]!;
    const slot = number % this.layout.ring;
    const word = ringWord(this.layout, 0, slot);
    const double = ringF64(this.layout, 0, slot);
    this.i32[word + E_SEQUENCE] = number + 1;
    this.i32[word + E_TYPE] = RING_EXIT;
    this.i32[word + E_NAME] = name;
    this.f64[double + E_F64_VALUES + TASK_CLOCK] = ns;
    this.f64[double + E_F64_VALUES + TASK_SWITCHES] = 2;
    this.f64[thread + T_F64_RING_HEAD] = number + 1;
    const totals = nameTotalF64(this.layout, 0, name);
    this.f64[totals + NT_F64_EXITS]! += 1;
    this.f64[totals + NT_F64_STARTS]! += 1;
    this.f64[totals + NT_F64_SUM + TASK_CLOCK]! += ns;
    this.f64[totals + NT_F64_SUM + TASK_SWITCHES]! += 2;
    this.line(T_F64_TASKS, TASK_CLOCK, ns);
    this.line(T_F64_TASKS, TASK_SWITCHES, 2);
    this.f64[thread + T_F64_SWITCHES]! += 2;
  }

  loop(ns: number): void {
    this.line(T_F64_LOOP, TASK_CLOCK, ns);
  }

  unattributed(ns: number): void {
    this.line(T_F64_UNATTRIBUTED, TASK_CLOCK, ns);
  }

  /** Under another name and renamed when complete, as a program's region is: the tool may look at any moment. */
  save(file: string): string {
    fs.writeFileSync(`${file}.new`, this.bytes, { mode: 0o600 });
    fs.renameSync(`${file}.new`, file);
    return file;
  }

  /** Books on one of the thread's lines, and on its total. */
  line(line: number, event: number, value: number): void {
    const thread = threadF64(this.layout, 0);
    this.f64[thread + line + event]! += value;
    this.f64[thread + T_F64_TOTAL + event]! += value;
  }

  #text(at: number, text: string): void {
    this.bytes.set(new TextEncoder().encode(text), at);
  }
}

/** Two routes and their thread's books. */
export function twoRoutes(pid: number, session: number): Fabricated {
  const region = new Fabricated(pid, session);
  const users = region.name('GET /users/:id');
  const report = region.name('POST /reports/quarterly/:year/:department/export-as-spreadsheet');
  for (let i = 1; i <= 8; i++) region.exit(users, i * 100_000);
  for (let i = 1; i <= 4; i++) region.exit(report, i * 10_000_000);
  region.loop(2_500_000);
  region.unattributed(7_000_000);
  return region;
}

/** A session of that directory that counts nothing beside the clocks, by name. */
export function sessionIn(directory: string, session: number): RegionSession {
  return new RegionSession({ directory, session, events: [], by: 'name', intervals: false });
}
