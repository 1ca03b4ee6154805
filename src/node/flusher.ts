/** Copies the used parts of a region in plain memory to the file that the tool reads: every 100 ms and at the end. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import {
  CONTEXT_BYTES,
  COUNTER_BYTES,
  H_CONTEXTS_USED,
  H_COUNTERS_USED,
  H_TASKS_USED,
  RING_BYTES,
  TASK_BYTES,
  T_F64_RING_HEAD,
  threadF64,
} from '../core/index.ts';
import type { Region } from '../core/index.ts';

const EVERY_MS = 100;

export class Flusher {
  readonly #region: Region;
  readonly #fd: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #ringFlushed = 0;
  #failed = false;

  constructor(region: Region, file: string) {
    this.#region = region;
    // A name that nobody can have taken before: what a process of the same pid left half made, or planted.
    const temporary = `${file}.${randomBytes(6).toString('hex')}`;
    this.#fd = fs.openSync(temporary, 'wx', 0o600);
    fs.ftruncateSync(this.#fd, region.layout.bytes);
    this.#writeAll(); // what fails here is told: the program has not begun
    fs.renameSync(temporary, file);
    this.#timer = setInterval(() => this.flush(), EVERY_MS);
    this.#timer.unref(); // never keeps the program alive
  }

  /** Never throws: a full file system must not reach the program. From then on the file is as of the last flush. */
  flush(): void {
    if (this.#failed) return;
    try {
      this.#writeAll();
    } catch {
      this.#failed = true;
      clearInterval(this.#timer);
    }
  }

  #writeAll(): void {
    const { layout, i32 } = this.#region;
    this.#flushRing();
    this.#write(layout.contextsAt, i32[H_CONTEXTS_USED]! * CONTEXT_BYTES);
    this.#write(layout.countersAt, i32[H_COUNTERS_USED]! * COUNTER_BYTES);
    this.#write(layout.tasksAt, i32[H_TASKS_USED]! * TASK_BYTES);
    this.#write(layout.namesAt, layout.tasksAt - layout.namesAt);
    // Last: the ring's head and the totals never run ahead of what they speak of.
    this.#write(0, layout.namesAt);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.flush();
    try {
      fs.closeSync(this.#fd);
    } catch {
      // The program has closed it: nothing is left to do.
    }
  }

  /** Only the one thread of this process writes here, so its ring is ring 0. */
  #flushRing(): void {
    const { layout, f64 } = this.#region;
    const head = f64[threadF64(layout, 0) + T_F64_RING_HEAD]!;
    for (let event = Math.max(this.#ringFlushed, head - layout.ring); event < head; ) {
      const slot = event % layout.ring;
      const run = Math.min(layout.ring - slot, head - event);
      this.#write(layout.ringsAt + slot * RING_BYTES, run * RING_BYTES);
      event += run;
    }
    this.#ringFlushed = head;
  }

  #write(offset: number, bytes: number): void {
    if (bytes > 0) fs.writeSync(this.#fd, this.#region.u8, offset, bytes, offset);
  }
}
