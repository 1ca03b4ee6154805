/**
 * What tasks were called in the end. A request that starts a process has no name yet when it does, so who started the process
 * is told as a number. Of the tasks that have ended the last 65,536 are remembered, and every one that was asked for in
 * time: mostly the process is seen before the request has ended.
 */
import { NO_TASK } from '../core/owner.ts';
import type { RegionReader } from './reader.ts';

/** A power of two: a task's place is its number in the lowest bits. */
const REMEMBERED = 1 << 16;
/** More than there are processes in a session. */
const WANTED_MAX = 1 << 16;
const NO_NAME = -1;

export class TaskNames {
  #ids: Float64Array | undefined;
  #names: Int32Array | undefined;
  /** Name by task, NO_NAME while it is not known. */
  readonly #wanted: Map<number, number> = new Map();
  #texts: readonly string[] = [];

  /** A task had this name when it ended. */
  note(id: number, name: number): void {
    // Most processes of a session have no tasks.
    this.#ids ??= new Float64Array(REMEMBERED).fill(NO_TASK);
    this.#names ??= new Int32Array(REMEMBERED);
    this.#ids[id % REMEMBERED] = id;
    this.#names[id % REMEMBERED] = name;
    if (this.#wanted.size > 0 && this.#wanted.has(id)) this.#wanted.set(id, name);
  }

  /** The name of this task will be asked for. */
  want(id: number): void {
    if (this.#wanted.has(id) || this.#wanted.size === WANTED_MAX) return;
    this.#wanted.set(id, this.#remembered(id));
  }

  get isWanted(): boolean {
    return this.#wanted.size > 0;
  }

  /** The process has ended: its names are read while they can be. */
  seal(reader: RegionReader): void {
    if (this.#ids === undefined) return;
    this.#texts = Array.from({ length: reader.namesUsed }, (_, index) => reader.name(index));
  }

  /** After `seal`; undefined: it is not known. */
  get(id: number): string | undefined {
    const name = this.#wanted.get(id) ?? NO_NAME;
    return this.#texts[name === NO_NAME ? this.#remembered(id) : name];
  }

  #remembered(id: number): number {
    return this.#ids?.[id % REMEMBERED] === id ? this.#names![id % REMEMBERED]! : NO_NAME;
  }
}
