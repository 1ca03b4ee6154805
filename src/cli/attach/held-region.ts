/** The region of a process that is attached to, also when its file has been removed: the process is let go through it. */
import fs from 'node:fs';
import { H_STATE, PROCESS_EXITED, THREAD_LIVE, T_STATE, T_TID } from '../../core/layout.ts';
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
    const staying = this.staying();
    return reader.header.i32[H_STATE] === PROCESS_EXITED && staying.length === 0;
  }

  /** Ids of the threads that have not; 0: it does not know its own. */
  staying(): number[] {
    const reader = this.#reader;
    reader.refresh();
    return Array.from({ length: reader.threadsUsed }, (_, index) => reader.thread(index)?.i32).flatMap(
      (thread) => (thread?.[T_STATE] === THREAD_LIVE ? [thread[T_TID]!] : []),
    );
  }

  close(): void {
    this.#reader.close();
    fs.closeSync(this.#fd);
  }
}
