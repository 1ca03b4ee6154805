/** Where the result goes: a stream (stderr where a command runs, whose stdout stays its own), or the file of -o. */
import fs from 'node:fs';
import { messageOf } from './directory.ts';
import { UsageError } from './options.ts';
import type { Style } from './table.ts';

const WIDTH_DEFAULT = 80;
const WIDTH_MIN = 40;

export class Output {
  readonly style: Style;
  readonly #fd: number | undefined;
  readonly #file: string | undefined;
  readonly #stream: NodeJS.WriteStream;
  #begun = false;

  /** Opens the file at once, so that a file that cannot be written stops us before anything is started. */
  constructor(
    file: string | undefined,
    color: boolean,
    { env, stream }: { env: NodeJS.ProcessEnv; stream: NodeJS.WriteStream },
  ) {
    this.#file = file;
    this.#stream = stream;
    this.#fd = file === undefined ? undefined : openForWriting(file);
    const terminal = file === undefined && stream.isTTY;
    const noColor = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '';
    this.style = {
      width: widthOf(terminal ? stream.columns : undefined, env['COLUMNS']),
      color: color && terminal && !noColor && env['TERM'] !== 'dumb',
    };
  }

  /** Throws what the file system says. */
  write(text: string): void {
    if (this.#fd === undefined) {
      this.#stream.write(text);
      return;
    }
    // What an earlier run left is kept until there is something to put in its place.
    if (!this.#begun && fs.fstatSync(this.#fd).isFile()) fs.ftruncateSync(this.#fd);
    this.#begun = true;
    fs.writeFileSync(this.#fd, text);
  }

  close(): void {
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
  }

  get name(): string {
    return this.#file ?? (this.#stream === process.stdout ? 'stdout' : 'stderr');
  }
}

/** The terminal's columns, else COLUMNS, else 80. */
export function widthOf(columns: number | undefined, variable: string | undefined): number {
  const width = columns !== undefined && columns > 0 ? columns : Number(variable);
  return Number.isInteger(width) && width > 0 ? Math.max(width, WIDTH_MIN) : WIDTH_DEFAULT;
}

function openForWriting(file: string): number {
  try {
    return fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o666);
  } catch (error) {
    throw unwritable(file, error);
  }
}

/** Of the file of -o, before anything is started. */
export function unwritable(file: string, error: unknown): UsageError {
  return new UsageError(`cannot write to '${file}' (${messageOf(error)}); give -o a file you may write`);
}
