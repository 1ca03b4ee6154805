/** The file that is being recorded. As perf does, what was recorded before is kept as FILE.old. */
import fs from 'node:fs';
import { messageOf } from '../directory.ts';
import { unwritable } from '../output.ts';
import { printable } from '../printable.ts';

export const FILE_DEFAULT = 'taskperf.jsonl';

/** It tells what the program does: names of tasks, and of files on stacks. */
const MODE = 0o600;

export class RecordingFile {
  readonly path: string;
  /** Not a terminal, a pipe, /dev/null, or a link to whatever: that is written to as it is. */
  readonly isPlain: boolean;
  /** Bytes in it. */
  bytes = 0;
  readonly #fd: number;
  /** What was there before. */
  readonly #before: Before;
  #hasBegun = false;
  #hasFailed = false;

  /**
   * Throws UsageError where it cannot be written: before anything is started. Nor can it be made later, by root, who becomes
   * the user of the process that is attached to.
   */
  constructor(path: string) {
    this.path = path;
    this.#before = new Before(path);
    try {
      this.#before.keep();
      this.#fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT, MODE);
      this.isPlain = fs.lstatSync(path).isFile();
      if (this.isPlain) fs.fchmodSync(this.#fd, MODE);
    } catch (error) {
      this.#before.restore();
      throw unwritable(path, error);
    }
  }

  /** Something has been started. */
  begin(): void {
    this.#hasBegun = true;
    this.#before.forget();
    if (fs.fstatSync(this.#fd).isFile()) fs.ftruncateSync(this.#fd);
  }

  /** The program runs: what cannot be written is said once, and its run is not disturbed. */
  write(text: string): void {
    if (this.#hasFailed) return;
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.#fd, bytes, at);
      this.bytes += bytes.length;
    } catch (error) {
      this.#hasFailed = true;
      process.stderr.write(
        `taskperf: cannot write to '${printable(this.path)}' (${messageOf(error)}); the recording ends here\n`,
      );
    }
  }

  /** Nothing of it is missing. */
  get isWhole(): boolean {
    return !this.#hasFailed;
  }

  close(): void {
    fs.closeSync(this.#fd);
    if (!this.#hasBegun) this.#before.restore();
  }
}

/** What was recorded under the name before: it becomes FILE.old, unless nothing is started. */
class Before {
  readonly #path: string;
  readonly #old: string;
  /** Where an older FILE.old is until something is started. */
  readonly #older: string;
  readonly #isThere: boolean;
  #undo: (() => void)[] = [];

  constructor(path: string) {
    this.#path = path;
    this.#old = `${path}.old`;
    this.#older = `${path}.old~`;
    this.#isThere = fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  }

  /** Throws what the file system says. */
  keep(): void {
    if (!this.#isThere) this.#undo.push(() => fs.rmSync(this.#path, { force: true }));
    const found = fs.lstatSync(this.#path, { throwIfNoEntry: false });
    if (found?.isFile() !== true || found.size === 0) return;
    const old = fs.lstatSync(this.#old, { throwIfNoEntry: false });
    if (old?.isFile() === true) this.#move(this.#old, this.#older);
    this.#move(this.#path, this.#old);
  }

  forget(): void {
    try {
      fs.rmSync(this.#older, { force: true });
    } catch {
      // Root is another user by now: the next recording writes over it.
    }
  }

  restore(): void {
    try {
      for (const undo of this.#undo.reverse()) undo();
    } catch (error) {
      process.stderr.write(
        `taskperf: what was recorded before is in '${printable(this.#old)}' now (${messageOf(error)})\n`,
      );
    }
    this.#undo = [];
  }

  #move(from: string, to: string): void {
    fs.renameSync(from, to);
    this.#undo.push(() => fs.renameSync(to, from));
  }
}
