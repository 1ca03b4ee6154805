/** What the programs of one boot left behind: main.mjs has put it into a folder of TASKPERF_GUEST. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

const work = process.env['TASKPERF_GUEST'];

/** false, or why nothing can be judged. */
export const skipGuest: false | string =
  work === undefined ? 'needs an emulated machine: npm run guest' : false;

export class LeftBehind {
  readonly #folder: string;

  constructor(boot: 'with-pmu' | 'without-pmu') {
    assert.ok(work !== undefined);
    this.#folder = path.join(work, boot);
  }

  has(file: string): boolean {
    return fs.existsSync(path.join(this.#folder, file));
  }

  text(file: string): string {
    return fs.readFileSync(path.join(this.#folder, file), 'utf8');
  }

  status(name: string): number {
    return Number(this.text(`${name}.status`));
  }

  /** What the program printed, after asserting that it ended well. */
  printed<T>(name: string): T {
    assert.equal(this.status(name), 0, `${name}: ${this.text(`${name}.stderr`)}`);
    return JSON.parse(this.text(`${name}.stdout`)) as T;
  }

  /** The document it wrote. */
  json<T>(name: string): T {
    const text = this.text(`${name}.json`);
    assert.notEqual(text, '', `${name} wrote nothing; it said: ${this.text(`${name}.stderr`)}`);
    return JSON.parse(text) as T;
  }
}
