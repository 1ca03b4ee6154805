/** The file that is being recorded. As perf does, what was recorded before is kept as FILE.old. */
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
  readonly #fd: number;
  /** What to do when nothing has been started. */
  readonly #undo: () => void;
  #hasBegun = false;
  #hasFailed = false;

  /**
   * Throws UsageError where it cannot be written: before anything is started. Nor can it be later, for root, who becomes
   * the user of the process that is attached to.
   */
  constructor(path: string) {
    this.path = path;
    const old = `${path}.old`;
    let before: fs.Stats | undefined;
    let isKept: boolean;
    try {
      before = fs.statSync(path, { throwIfNoEntry: false });
      isKept = before?.isFile() === true && before.size > 0;
      if (isKept) fs.renameSync(path, old);
      this.#fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT, MODE);
    } catch (error) {
      throw new UsageError(`cannot write to '${path}' (${messageOf(error)}); give -o a file you may write`);
    }
    this.#undo = () => {
      if (isKept) fs.renameSync(old, path);
      else if (before === undefined) fs.rmSync(path, { force: true });
    };
  }

  begin(): void {
    this.#hasBegun = true;
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
    fs.closeSync(this.#fd);
    if (this.#hasBegun) return;
    try {
      this.#undo();
    } catch {
      // We are another user by now: it stays in FILE.old.
    }
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    process.stderr.write(
      `taskperf: cannot write to '${printable(this.path)}' (${messageOf(error)}); the recording ends here\n`,
    );
  }
}
