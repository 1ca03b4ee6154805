/**
 * The file that is being recorded. As perf does, what was recorded before is kept as FILE.old; it is touched only when there
 * is something to put in its place.
 */
import fs from 'node:fs';
import { messageOf } from '../directory.ts';
import { UsageError } from '../options.ts';
import { printable } from '../printable.ts';

/** It tells what the program does: names of tasks, and of files on stacks. */
const MODE = 0o600;

export class RecordingFile {
  readonly path: string;
  /** Bytes in it. */
  bytes = 0;
  readonly #isNew: boolean;
  #fd: number;
  #hasBegun = false;
  #hasFailed = false;

  /** Throws UsageError where it cannot be written: before anything is started. */
  constructor(path: string) {
    this.path = path;
    this.#isNew = !fs.existsSync(path);
    try {
      this.#fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT, MODE);
    } catch (error) {
      throw new UsageError(`cannot write to '${path}' (${messageOf(error)}); give -o a file you may write`);
    }
  }

  begin(): void {
    this.#hasBegun = true;
    const { size } = fs.fstatSync(this.#fd);
    // Not so a terminal, a pipe, /dev/null.
    if (!fs.fstatSync(this.#fd).isFile() || size === 0) return;
    try {
      fs.renameSync(this.path, `${this.path}.old`);
      fs.closeSync(this.#fd);
      this.#fd = fs.openSync(this.path, 'wx', MODE);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The program runs: what cannot be written is said once, and its run is not disturbed. */
  write(text: string): void {
    if (this.#hasFailed) return;
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(this.#fd, bytes, at);
      this.bytes += bytes.length;
    } catch (error) {
      this.#fail(error);
    }
  }

  get isWhole(): boolean {
    return !this.#hasFailed;
  }

  close(): void {
    if (!this.#hasFailed) fs.closeSync(this.#fd);
    if (!this.#hasBegun && this.#isNew) fs.rmSync(this.path, { force: true });
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    process.stderr.write(
      `taskperf: cannot write to '${printable(this.path)}' (${messageOf(error)}); the recording ends here\n`,
    );
  }
}
