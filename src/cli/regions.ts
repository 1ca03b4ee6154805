/**
 * The regions of one session: found as the command's Node.js processes make them, drained while they run, read for the
 * last time when their process is gone, and removed at the end.
 */
import fs from 'node:fs';
import path from 'node:path';
import { EVENT_GIVEN_FIRST } from '../core/events.ts';
import {
  E_F64_ID,
  E_NAME,
  EVENT_LINES,
  H_PID,
  H_STATE,
  PROCESS_EXITED,
  T_F64_TOTAL,
  T_ID,
  T_TID,
} from '../core/layout.ts';
import type { EventInfo } from '../core/events.ts';
import { ownerIn } from '../core/owner.ts';
import type { Owner } from '../core/owner.ts';
import { TaskperfError } from '../core/errors.ts';
import { BlockedLog } from './blocked.ts';
import { Collector } from './collector.ts';
import { PrivateDirectory, isAlive, isRegionFile, messageOf, pidOfFile, removeFile } from './directory.ts';
import type { RegionThread } from './os-threads.ts';
import { runsStill, startTicksOf } from '../node/identity.ts';
import type { Identity } from '../node/identity.ts';
import { visitLiveTasks } from './live.ts';
import { RegionReader } from './reader.ts';
import { RingReader } from './ring.ts';
import type { Scaling } from './scaling.ts';
import type { ExitPlace, ExitSink, OnExit } from './ring.ts';
import { printable } from './printable.ts';
import { factsOf } from './process-facts.ts';
import type { ProcessFacts } from './process-facts.ts';
import { isRunning, ownersOf, ownersOfFile } from './stale.ts';
import type { Stacks } from './stacks.ts';
import { sweep } from './sweep.ts';
import { keyOf, Tally } from './tally.ts';
import type { Grouping } from './tally.ts';
import { TaskLog } from './task-log.ts';
import type { LoggedTask } from './task-log.ts';
import { TaskNames } from './task-names.ts';

export interface SessionOptions {
  readonly directory: string;
  /** The tool's pid: regions of other sessions are not touched. */
  readonly session: number;
  readonly events: readonly EventInfo[];
  readonly by: Grouping;
  /** Is told of every task that has ended, as it is read. */
  readonly onExit?: OnExit | undefined;
  /** Also keep the spread of the current interval. */
  readonly intervals: boolean;
  /** From how long on a loop is said to be blocked; undefined: it is not looked at. */
  readonly blockedNs?: number;
  /** Also ask for the stacks of blocked threads. */
  readonly stacks?: Stacks | undefined;
  /** The process that calls itself `inner`: see OsThreads. Undefined: it is not known, or not yet. */
  readonly hostPid?: (inner: number) => number | undefined;
  /** Tasks that own a process without a region, found since it was last asked. */
  readonly takeOwners?: () => readonly Owner[];
}

/** A process in another pid namespace is seen a look or two after its region; what it wrote until then can wait. */
const UNKNOWN_LOOKS_MAX = 10;

interface OpenRegion {
  readonly key: string;
  readonly reader: RegionReader;
  /** What its process calls itself: in a pid namespace of its own that is another one here. */
  readonly innerPid: number;
  /** What we call it, once that is known. */
  pid: number | undefined;
  readonly rings: { readonly ring: RingReader; readonly sink: ExitSink }[];
  /** While it was not known what we call its process. */
  looks: number;
  /** By index of the thread, as of this drain: another one may come in its place. */
  places: (ExitPlace | undefined)[];
  readonly log: TaskLog | undefined;
  readonly taskNames: TaskNames;
}

export class RegionSession {
  readonly collector: Collector;
  readonly intervalCollector: Collector | undefined;
  /** One sentence per thing the user should know. */
  readonly notes: string[] = [];
  readonly blocked: BlockedLog | undefined;
  readonly #options: SessionOptions;
  readonly #directory: PrivateDirectory;
  readonly #open: Map<string, OpenRegion> = new Map();
  /** Files looked at that are not ours, by name and inode. */
  readonly #others: Set<string> = new Set();
  readonly #ended: Tally = new Tally();
  readonly #tasks: LoggedTask[] = [];
  /** By what the process calls itself. */
  readonly #taskNames: Map<number, TaskNames> = new Map();
  readonly #scaling: Map<number, number> = new Map();

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#directory = PrivateDirectory.open(options.directory);
    this.blocked =
      options.blockedNs === undefined ? undefined : new BlockedLog(options.blockedNs, options.stacks);
    const events = options.events.map((event) => event.id);
    // Of parts nobody wants the spread.
    this.collector = new Collector(options.by === 'part' ? [] : events, this.#scaling);
    this.intervalCollector = options.intervals ? new Collector(events, this.#scaling) : undefined;
  }

  /** Which events take turns on the PMU, as the processes that have been found say. */
  get scaling(): Scaling {
    return this.#scaling;
  }

  /** Finds new regions and drains all rings. Returns how full the fullest ring was, 0 to 1. */
  poll(): number {
    this.#discover();
    for (const owner of this.#options.takeOwners?.() ?? []) this.#want(owner);
    let fullest = 0;
    for (const region of this.#open.values()) {
      // Asked before the drain: what a process wrote before it died is then surely seen.
      const alive = !this.#hasEnded(region);
      if (alive && region.pid === undefined && region.looks++ < UNKNOWN_LOOKS_MAX) continue;
      if (alive) this.blocked?.look(region.reader, region.pid ?? region.innerPid);
      fullest = Math.max(fullest, this.#drain(region));
      if (!alive) this.#close(region);
    }
    return fullest;
  }

  /** Pids of processes whose regions are being read: they are killed too when the user forces the end. */
  pids(): number[] {
    return [...this.#open.values()].flatMap((region) => this.#pidOf(region) ?? []);
  }

  /** The JavaScript threads that run now, and their totals so far. */
  threads(): RegionThread[] {
    return [...this.#open.values()].flatMap((region) => {
      const pid = this.#pidOf(region);
      if (pid === undefined) return [];
      const { reader, innerPid } = region;
      reader.refresh();
      const slots = Array.from({ length: reader.threadsUsed }, (_, index) => reader.thread(index));
      return slots.flatMap((slot) => {
        if (slot === undefined) return [];
        const total = slot.f64.subarray(T_F64_TOTAL, T_F64_TOTAL + EVENT_LINES);
        // Without the addon it does not know its tid: the main thread's is the pid.
        return [{ pid, tid: slot.i32[T_TID]! || innerPid, total }];
      });
    });
  }

  /** What the processes say of themselves whose regions are being read, as of the last drain; by region. */
  facts(): Map<string, ProcessFacts> {
    const facts = new Map<string, ProcessFacts>();
    for (const region of this.#open.values())
      facts.set(region.key, factsOf(region.reader, this.#pidOf(region) ?? region.innerPid));
    return facts;
  }

  /** The books as they are now. */
  tally(): Tally {
    const tally = new Tally();
    tally.merge(this.#ended);
    for (const region of this.#open.values()) this.#addTo(tally, region);
    return tally;
  }

  /** Exited tasks, kept with `by: 'task'` only. */
  tasks(): readonly LoggedTask[] {
    return this.#tasks;
  }

  /** What the task is called, after `finish`: as it ended, or else as it was when it started a process. */
  nameOf({ pid, task, name }: Owner): string {
    return this.#taskNames.get(pid)?.get(task) ?? name;
  }

  #want({ pid, task }: Owner): void {
    this.#taskNames.get(pid)?.want(task);
  }

  /** Reads everything for the last time and removes this session's files. */
  finish(): Tally {
    this.poll();
    for (const region of this.#open.values()) this.#close(region);
    this.notes.push(...sweep(this.#directory, this.#options.session));
    this.#directory.close();
    return this.#ended;
  }

  #discover(): void {
    for (const name of this.#directory.names()) {
      if (!isRegionFile(name)) continue;
      const file = this.#directory.at(name);
      const inode = fs.lstatSync(file, { throwIfNoEntry: false })?.ino;
      const key = `${file}:${inode}`;
      if (inode === undefined || this.#open.has(key) || this.#others.has(key)) continue;
      if (this.#isOurs(ownersOfFile(file)?.session)) this.#openRegion(key, name);
      else this.#others.add(key);
    }
  }

  /** One of a tool that had our pid before us is not. */
  #isOurs(session: Identity | undefined): boolean {
    if (session?.pid !== this.#options.session) return false;
    const { pid, startTicks } = session;
    return startTicksOf(pid) === undefined || runsStill(pid, startTicks);
  }

  #openRegion(key: string, name: string): void {
    const file = this.#directory.shown(name);
    try {
      const reader = RegionReader.open(this.#directory.at(name), 'private', file);
      const log = this.#options.by === 'task' ? new TaskLog() : undefined;
      const innerPid = reader.header.i32[H_PID]!;
      // Its end would be another's, and so would be who is killed with the command.
      if (innerPid !== pidOfFile(name)) reader.damage.note(`it says that it is of process ${innerPid}`);
      const taskNames = new TaskNames();
      this.#open.set(key, {
        key,
        reader,
        innerPid,
        pid: undefined,
        looks: 0,
        rings: [],
        places: [],
        log,
        taskNames,
      });
      this.#noteScaling(reader);
      // Without the addon each worker has a region and numbers its tasks by itself.
      if (name === String(innerPid)) this.#taskNames.set(innerPid, taskNames);
      const owner = ownerIn(reader.header);
      if (owner !== null) this.#want(owner);
    } catch (error) {
      this.#others.add(key);
      this.notes.push(
        error instanceof TaskperfError
          ? error.message
          : `cannot read ${printable(file)}: ${messageOf(error)}`,
      );
      removeFile(this.#directory.at(name));
    }
  }

  #pidOf(region: OpenRegion): number | undefined {
    const { hostPid = (inner) => inner } = this.#options;
    region.pid ??= hostPid(region.innerPid);
    return region.pid;
  }

  #hasEnded(region: OpenRegion): boolean {
    const pid = this.#pidOf(region);
    const { header } = region.reader;
    const hasSaidSo = header.i32[H_STATE] === PROCESS_EXITED;
    // A process that was never seen: that there is none of its number here says nothing by itself.
    if (pid === undefined) return hasSaidSo && !isAlive(region.innerPid);
    // Its pid may be another's by now.
    return !isAlive(pid) || (hasSaidSo && !isRunning({ ...ownersOf(header).process, pid, namespace: 0 }));
  }

  #noteScaling(reader: RegionReader): void {
    for (let line = EVENT_GIVEN_FIRST; line < EVENT_LINES; line++) {
      const missed = reader.eventRow(line)?.missedLine;
      if (missed !== undefined) this.#scaling.set(line, missed);
    }
  }

  #drain(region: OpenRegion): number {
    const { reader, rings } = region;
    reader.refresh();
    if (rings.length < reader.threadsUsed) this.#noteScaling(reader);
    while (rings.length < reader.threadsUsed) {
      const thread = rings.length;
      rings.push({ ring: new RingReader(reader, thread), sink: this.#sink(region, thread) });
    }
    region.places = [];
    let most = 0;
    for (const { ring, sink } of rings) most = Math.max(most, ring.drain(sink));
    return most / reader.layout.ring;
  }

  #sink(region: OpenRegion, thread: number): ExitSink {
    const { reader, log, taskNames } = region;
    const { onExit } = this.#options;
    const key = (name: number): string => keyOf(reader, this.#options.by, name, reader.thread(thread));
    const total = this.collector.sink(thread, key, log);
    const interval = this.intervalCollector?.sink(thread, key);
    return {
      exit: (words, word) => {
        total.exit(words, word);
        interval?.exit(words, word);
        onExit?.(words, word, (region.places[thread] ??= this.#placeOf(region, thread)));
        taskNames.note(words.f64[word / 2 + E_F64_ID]!, words.i32[word + E_NAME]!);
      },
    };
  }

  #placeOf(region: OpenRegion, index: number): ExitPlace {
    const { reader, innerPid } = region;
    const thread = reader.thread(index)?.i32[T_ID] ?? 0;
    const pid = this.#pidOf(region) ?? innerPid;
    return { region: region.key, pid, thread, nameOf: (name) => reader.name(name) };
  }

  #addTo(tally: Tally, region: OpenRegion): void {
    const pid = this.#pidOf(region) ?? region.innerPid;
    tally.addRegion(region.reader, this.#options.by, Number(process.hrtime.bigint()), pid);
    for (const { ring } of region.rings) tally.lost.events += ring.lost;
  }

  #close(region: OpenRegion): void {
    const { key, reader, log } = region;
    reader.isFinal = this.#hasEnded(region);
    this.#drain(region);
    this.#addTo(this.#ended, region);
    this.#seal(region);
    const pid = this.#pidOf(region) ?? region.innerPid;
    this.blocked?.close(reader, pid);
    if (log !== undefined) this.#tasks.push(...log.tasks(pid, (name) => reader.name(name)));
    const off = this.#ended.processes.at(-1)?.off;
    if (off !== undefined)
      this.notes.push(`taskperf switched itself off in process ${region.pid ?? region.innerPid}: ${off}`);
    this.notes.push(...reader.damage.notes());
    this.#open.delete(key);
    this.#others.add(key);
    removeFile(this.#directory.at(path.basename(reader.path)));
    reader.close();
  }

  #seal({ reader, taskNames }: OpenRegion): void {
    if (taskNames.isWanted)
      visitLiveTasks(reader, Number(process.hrtime.bigint()), (task) => {
        taskNames.note(task.id, task.name);
      });
    taskNames.seal(reader);
  }
}
