/** The region of a process that is attached to, also when its file has been removed: the process is let go through it. */
import fs from 'node:fs';
import { H_STATE, PROCESS_EXITED, THREAD_LIVE, T_STATE } from '../../core/layout.ts';
import { CONTROL_DETACH, H_CONTROL } from '../../core/outside.ts';
import { RegionReader } from '../reader.ts';

export class HeldRegion {
  readonly #reader: RegionReader;
  readonly #fd: number;

  private constructor(reader: RegionReader, fd: number) {
    this.#reader = reader;
    this.#fd = fd;
  }

  /** @throws TaskperfError when it is no region: nothing else is ever written to. */
  static open(file: string): HeldRegion {
    const reader = RegionReader.open(file);
    return new HeldRegion(reader, fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW));
  }

  sayDetach(): void {
    fs.writeSync(this.#fd, Int32Array.of(CONTROL_DETACH), 0, 4, H_CONTROL * 4);
  }

  /** Have all of its threads put taskperf out? */
  isLetGo(): boolean {
    const reader = this.#reader;
    reader.refresh();
    if (reader.header.i32[H_STATE] !== PROCESS_EXITED) return false;
    const threads = Array.from({ length: reader.threadsUsed }, (_, index) => reader.thread(index));
    return threads.every((thread) => thread?.i32[T_STATE] !== THREAD_LIVE);
  }

  close(): void {
    this.#reader.close();
    fs.closeSync(this.#fd);
  }
}
