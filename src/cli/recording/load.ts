/**
 * Reading a recording: its first line, and the others one by one, however many there are. Only what was written whole is
 * read: a line without its end is that of a tool that was killed while it wrote.
 */
import fs from 'node:fs';
import { messageOf } from '../directory.ts';
import { UsageError } from '../options.ts';
import { printable } from '../printable.ts';
import type { ProcessFacts } from '../process-facts.ts';
import { endIn, processIn } from './end.ts';
import type { End } from './end.ts';
import { SCHEMA, SCHEMA_START, headerIn, lineIn, scaledIn, taskIn } from './format.ts';
import type { Header, Task } from './format.ts';
import { LineError, Lines } from './lines.ts';
import type { Scaling } from '../scaling.ts';

const CHUNK_BYTES = 1 << 20;
/** What is longer is no line of a recording. */
const LINE_BYTES_MAX = 1 << 28;
const NEWLINE = 10;

export type Entry =
  | { readonly kind: 'task'; readonly task: Task; readonly values: Float64Array }
  | { readonly kind: 'scaled'; readonly lines: Scaling }
  | { readonly kind: 'process'; readonly process: ProcessFacts }
  | { readonly kind: 'end'; readonly end: End };

export class Recording {
  readonly header: Header;
  readonly #lines: Lines;
  readonly #path: string;
  readonly #fd: number;

  /** Throws UsageError: there is none, or it is damaged. */
  static open(path: string): Recording {
    const fd = openForReading(path);
    try {
      return new Recording(path, fd);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  private constructor(path: string, fd: number) {
    this.#path = path;
    this.#fd = fd;
    const first = this.#lineTexts().next().value ?? '';
    if (!first.startsWith(SCHEMA_START))
      throw new UsageError(`'${path}' is no recording; make one with \`taskperf record -- node app.js\``);
    const version = /^\d+(?=")/.exec(first.slice(SCHEMA_START.length))?.[0];
    if (version !== undefined && SCHEMA_START + version !== `{"schema":"${SCHEMA}`)
      throw new UsageError(
        `'${path}' is of another version of taskperf (taskperf.record/${version}); this one reads ${SCHEMA}`,
      );
    this.header = this.#checked(1, () => headerIn(JSON.parse(first)));
    this.#lines = new Lines(this.header.events);
  }

  /** What stands in it after the first line. */
  *entries(): Generator<Entry, undefined> {
    let number = 0;
    for (const line of this.#lineTexts()) {
      const entry = this.#checked(++number, () => this.#entryIn(line));
      if (entry !== undefined) yield entry;
    }
  }

  /** Undefined: the first line, or one that this version does not know. */
  #entryIn(text: string): Entry | undefined {
    const lines = this.#lines;
    const { task, scaled, process, end } = lineIn(JSON.parse(text));
    if (task !== undefined) {
      const found = taskIn(task);
      return { kind: 'task', task: found, values: lines.values(found.counters) };
    }
    if (scaled !== undefined) return { kind: 'scaled', lines: scaledIn(scaled, lines) };
    if (process !== undefined) return { kind: 'process', process: processIn(process) };
    return end === undefined ? undefined : { kind: 'end', end: endIn(end, lines, this.header.events) };
  }

  *#lineTexts(): Generator<string, undefined> {
    try {
      yield* linesOf(this.#fd);
    } catch (error) {
      if (error instanceof LineError) throw new UsageError(`'${this.#path}' is damaged: ${error.message}`);
      if ((error as NodeJS.ErrnoException).syscall !== 'read') throw error;
      throw new UsageError(`cannot read '${this.#path}': ${messageOf(error)}`);
    }
    return undefined;
  }

  close(): void {
    fs.closeSync(this.#fd);
  }

  #checked<T>(line: number, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof LineError || error instanceof SyntaxError)) throw error;
      throw new UsageError(`'${this.#path}' is damaged: line ${line}: ${printable(error.message)}`);
    }
  }
}

function openForReading(path: string): number {
  try {
    const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    if (fs.fstatSync(fd).isFile()) return fd;
    fs.closeSync(fd);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new UsageError(
        `there is no recording '${path}'; make one with \`taskperf record -o ${path} -- node app.js\``,
      );
    throw new UsageError(`cannot read '${path}': ${messageOf(error)}`);
  }
  throw new UsageError(`'${path}' is not a plain file; a recording is`);
}

/** From the beginning. */
function* linesOf(fd: number): Generator<string, undefined> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest: Buffer[] = [];
  let length = 0;
  for (let position = 0; ; ) {
    const bytes = fs.readSync(fd, chunk, 0, CHUNK_BYTES, position);
    if (bytes === 0) return undefined;
    position += bytes;
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to !== -1 && to < bytes; to = chunk.indexOf(NEWLINE, from)) {
      yield Buffer.concat([...rest, chunk.subarray(from, to)]).toString();
      rest = [];
      length = 0;
      from = to + 1;
    }
    rest.push(Buffer.from(chunk.subarray(from, bytes)));
    length += bytes - from;
    if (length > LINE_BYTES_MAX) throw new LineError('a line is longer than any of a recording');
  }
}
