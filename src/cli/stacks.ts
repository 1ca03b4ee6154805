/**
 * The JavaScript stack of a blocked thread, asked for from outside: one word is written into its region, and a thread of
 * ours in that process is woken (native/stack.c). The answer is there some milliseconds later: ask at one look, take it at
 * the next.
 *
 * Right: `stacks.of(reader, index, slot, running)` at every look at a thread that is blocked.
 */
import { H_STACK_WANTED, HEADER_BYTES } from '../core/index.ts';
import { STACK_LACKING, STACK_UNWATCHED, stackOf } from '../core/stack-text.ts';
import type { Running } from '../core/blockages.ts';
import type { Addon } from '../node/addon.ts';
import type { RegionReader, Words } from './reader.ts';

export interface Stack {
  /** "function (file:line:column)", innermost first. */
  readonly frames: readonly string[];
  /** Frames that found no room. */
  readonly cut: number;
  /** Why there are none, as the end of a sentence; undefined: not yet known, or there are some. */
  readonly missing: string | undefined;
}

/** A section is asked again so that what is shown is where it is now. */
const AGAIN_NS = 2.5e8;
/** So long an answer may take: a thread on a busy machine has to be given a core first. */
const PATIENCE_NS = 5e8;

interface Request {
  readonly beginNs: number;
  readonly firstNs: number;
  lastNs: number;
}

export class Stacks {
  readonly #addon: Addon | null;
  readonly #headers: WeakMap<RegionReader, Int32Array | null> = new WeakMap();
  readonly #requests: WeakMap<RegionReader, Map<number, Request>> = new WeakMap();

  constructor(addon: Addon | null) {
    this.#addon = addon;
  }

  /** The stack of the section that goes on, as far as it is known; asks for it. `slot` is a copy just made. */
  of(reader: RegionReader, index: number, slot: Words, running: Running): Stack {
    const nowNs = Number(process.hrtime.bigint());
    const stack = stackOf(slot);
    const isCurrent = stack.sectionNs === running.beginNs;
    const request = this.#requestOf(reader, index, running, nowNs);
    const isDue = request.lastNs === 0 || nowNs - request.lastNs > AGAIN_NS;
    const isAsked = !isDue || this.#ask(reader, index);
    if (isDue && isAsked) request.lastNs = nowNs;
    if (isCurrent) return { frames: stack.frames, cut: stack.cut, missing: undefined };
    return { frames: [], cut: 0, missing: this.#missing(stack.state, isAsked, nowNs - request.firstNs) };
  }

  #missing(state: number, isAsked: boolean, waitedNs: number): string | undefined {
    if (!isAsked) return 'taskperf has no native addon here, which asks for it';
    if (state === STACK_LACKING) return 'this Node.js cannot tell it from within (v8::StackTrace is missing)';
    if (waitedNs < PATIENCE_NS) return undefined;
    if (state === STACK_UNWATCHED)
      return 'the program was started without --stack, and has run nothing since it was asked';
    return 'the thread is in no JavaScript: parked in a system call, or in native code';
  }

  #requestOf(reader: RegionReader, index: number, { beginNs }: Running, nowNs: number): Request {
    let requests = this.#requests.get(reader);
    if (requests === undefined) {
      requests = new Map();
      this.#requests.set(reader, requests);
    }
    let request = requests.get(index);
    if (request?.beginNs !== beginNs) {
      request = { beginNs, firstNs: nowNs, lastNs: 0 };
      requests.set(index, request);
    }
    return request;
  }

  #ask(reader: RegionReader, index: number): boolean {
    const header = this.#headerOf(reader);
    if (header === null) return false;
    Atomics.store(header, H_STACK_WANTED, index + 1);
    this.#addon!.wake(header.buffer, H_STACK_WANTED * 4);
    return true;
  }

  /** The header of the region, mapped to write into it; null where that is impossible. */
  #headerOf(reader: RegionReader): Int32Array | null {
    const known = this.#headers.get(reader);
    if (known !== undefined) return known;
    const mapped = this.#addon?.map(reader.path, HEADER_BYTES, false) ?? null;
    const header = mapped === null || typeof mapped === 'number' ? null : new Int32Array(mapped);
    this.#headers.set(reader, header);
    return header;
  }
}
