/** One process that is watched: its region, its rings, and the last look at it. It is only ever read. */
import fs from 'node:fs';
import path from 'node:path';
import { H_PID, H_SESSION } from '../../core/layout.ts';
import type { Collector } from '../collector.ts';
import type { Damage } from '../damage.ts';
import { RegionReader } from '../reader.ts';
import { RingReader } from '../ring.ts';
import type { ExitSink } from '../ring.ts';
import { isRunning, ownersOf } from '../stale.ts';
import { BlockedStacks } from './blocked-stacks.ts';
import type { StackWish } from './blocked-stacks.ts';
import { commandOf } from './command.ts';
import type { CostBuckets } from './cost-buckets.ts';
import { addLiveTasks } from './live-tasks.ts';
import type { ListedTask } from './live-tasks.ts';
import { Running } from './running.ts';
import { takeSnapshot } from './snapshot.ts';
import type { Snapshot } from './snapshot.ts';

export interface Sinks {
  readonly collectors: readonly Collector[];
  readonly costs: CostBuckets;
  /** What a name's tasks are sorted under. */
  readonly keyOf: (name: string) => string;
}

export class WatchedProcess {
  readonly file: string;
  readonly pid: number;
  /** The tool that asked for the region, 0 = the program itself. */
  readonly session: number;
  readonly command: string;
  /** What is impossible in its region. */
  readonly damage: Damage;
  /** Undefined once the process has ended: what it said last is in `last`. */
  #reader: RegionReader | undefined;
  readonly #running: Running;
  #rings: { readonly ring: RingReader; readonly sinks: readonly ExitSink[] }[] = [];
  #lost = 0;
  #last: Snapshot | undefined;

  /** With --stack. */
  readonly #stacks: BlockedStacks | undefined;
  #isAlive = true;

  /** Throws TaskperfError EINVAL for a damaged region, and what the file system says. */
  constructor(file: string, wish: StackWish | undefined) {
    this.file = file;
    this.#stacks = wish && new BlockedStacks(wish);
    this.#reader = RegionReader.open(file);
    this.damage = this.#reader.damage;
    const { i32 } = this.#reader.header;
    this.pid = i32[H_PID]!;
    this.session = i32[H_SESSION]!;
    this.command = commandOf(this.pid);
    this.#running = new Running(this.pid);
  }

  /** Hands the exits since the last call to the collectors; how full the fullest ring was, 0 to 1. */
  drain({ collectors, costs, keyOf }: Sinks): number {
    const reader = this.#reader;
    if (reader === undefined) return 0;
    reader.refresh();
    this.#stacks?.ask(reader);
    while (this.#rings.length < reader.threadsUsed) {
      const thread = this.#rings.length;
      const key = (name: number): string => keyOf(reader.name(name));
      const spreads = collectors.map((collector) => collector.sink(thread, key));
      this.#rings.push({ ring: new RingReader(reader, thread), sinks: [...spreads, costs.sink(key)] });
    }
    let most = 0;
    for (const { ring, sinks } of this.#rings) {
      const slots = ring.drain({
        exit: (words, word) => {
          for (const sink of sinks) sink.exit(words, word);
        },
      });
      most = Math.max(most, slots);
    }
    return most / reader.layout.ring;
  }

  /** The rings are read from their oldest event again: the collectors have been emptied. */
  rewind(): void {
    this.#rings = [];
  }

  /** To be asked before the rings are drained for a look: what a process wrote before it died is then surely seen. */
  checkAlive(): void {
    if (this.#reader !== undefined) this.#isAlive = isRunning(ownersOf(this.#reader.header).process);
  }

  /** The books as they are now; of a process that has ended, as they were last. */
  look(atNs: number): Snapshot {
    const reader = this.#reader;
    if (reader === undefined) return this.#last!;
    reader.isFinal = !this.#isAlive;
    this.#last = takeSnapshot(reader, atNs, this.#isAlive ? this.#running : undefined);
    if (!this.#isAlive) this.close();
    return this.#last;
  }

  /** Of one that has ended, while others of its session run: only its sums are still wanted. */
  forgetThreads(): void {
    if (this.hasEnded && this.#last !== undefined && this.#last.threads.length > 0)
      this.#last = { ...this.#last, threads: [] };
  }

  /** Of a thread that is blocked, where stacks are asked for. */
  stackOf(thread: number): string[] {
    return this.hasEnded ? [] : (this.#stacks?.linesOf(thread) ?? []);
  }

  /** Adds the live tasks called `name` to `found`; how many there are, undefined when they are too many to look at. */
  listLive(name: string, atNs: number, found: ListedTask[]): number | undefined {
    if (this.#reader === undefined) return 0;
    if (this.#last?.isPartial === true) return undefined;
    return addLiveTasks(this.#reader, { pid: this.pid, name, atNs }, found);
  }

  get hasEnded(): boolean {
    return this.#reader === undefined;
  }

  /** Exits that came too fast to be read: they miss in the quantiles, not in the sums. */
  get lostExits(): number {
    return this.#lost + this.#rings.reduce((sum, { ring }) => sum + ring.lost, 0);
  }

  close(): void {
    this.#lost = this.lostExits;
    this.#rings = [];
    this.#reader?.close();
    this.#reader = undefined;
  }
}

/** Tells apart the files that come one after the other under one name. */
export function identityOf(file: string): string | undefined {
  const found = fs.lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true ? `${path.resolve(file)}:${found.ino}` : undefined;
}
