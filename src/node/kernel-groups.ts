/**
 * How events are put into kernel groups. A group is read at once, in user space or by one read(2), and is on the PMU as
 * a whole or not at all: the fewer there are the cheaper a switch is, but what does not fit together takes turns. So
 * events that the user did not group share as few groups as the PMU allows, found by trying.
 *
 * Right: groups of the user first, then the others. Wrong: to open the events of one thread twice.
 */
import { constants } from 'node:os';
import type { Addon } from './addon.ts';
import type { PerfSource, PerfSpec } from './events/event.ts';
import { PERF_TYPE_SOFTWARE } from './events/known.ts';

const { EACCES, EINVAL, ENOSPC, EPERM } = constants.errno;

/** addGroup's answer (native/addon_sources.c). */
const IS_ON = 1;
const IS_USER_READABLE = 2;
const SPEC_WORDS = 5;
const EXCLUDE_USER = 1n;
const EXCLUDE_KERNEL = 2n;

/** One event on its way into a group. */
export interface Candidate {
  readonly line: number;
  readonly spec: PerfSpec;
  /** Counted by the kernel's own code, not by registers: it never has to wait for one. */
  readonly isSoftware: boolean;
  /** Of no use without the kernel's part: it happens there, or something else counts it whole. */
  readonly needsKernel: boolean;
}

/** What became of an event: `errno` 0, or why it is not counted. */
export interface Outcome {
  readonly errno: number;
  readonly isUserOnly: boolean;
  readonly isUserRead: boolean;
  /** The line of the ns in which its group was not on the PMU, 0 where that cannot be. */
  readonly missedLine: number;
}

/** Of a group: `refused` is the index of the event that made it fail; `isOn`: it is on the PMU now. */
interface Attempt {
  readonly errno: number;
  readonly refused: number;
  readonly isOn: boolean;
}

/** The candidate of an event that perf_event_open counts. */
export function candidateOf({ spec, instead, kernelOnly }: PerfSource, line: number): Candidate {
  const isSoftware = spec.type === PERF_TYPE_SOFTWARE;
  // Of `:k` nothing would be left without the kernel.
  return { line, spec, isSoftware, needsKernel: instead !== null || kernelOnly || spec.excludeUser };
}

export class KernelGroups {
  readonly outcomes: Map<Candidate, Outcome> = new Map();
  readonly #addon: Pick<Addon, 'addGroup' | 'removeGroup'>;
  readonly #missedLine: (group: number) => number;
  #groups = 0;
  #hardwareGroups = 0;
  /** So many events got on the PMU together, where fewer registers are free than the kernel lets a group ask for. */
  #fits = Number.POSITIVE_INFINITY;
  /** The kernel's part may not be counted: known after the first refusal. */
  #isUserOnly = false;

  /** `missedLine` gives the line for the ns in which kernel group number `group` was not on the PMU, 0: no room. */
  constructor(addon: Pick<Addon, 'addGroup' | 'removeGroup'>, missedLine: (group: number) => number) {
    this.#addon = addon;
    this.#missedLine = missedLine;
  }

  /** Only to see how the kernel answers: every group is closed again, and counts on no line. */
  static onTrial({ tryGroup }: Pick<Addon, 'tryGroup'>): KernelGroups {
    return new KernelGroups({ addGroup: (_, specs) => tryGroup(specs), removeGroup: () => {} }, () => 1);
  }

  /** As the user grouped them: all or none. The member that was refused, null when none was. */
  openGroup(events: readonly Candidate[]): Candidate | null {
    const members = events.filter((event) => !this.outcomes.has(event));
    if (members.length === 0) return null;
    const { errno, refused } = this.#tryWithLess(members);
    if (errno === 0) return null;
    const culprit = members[refused]!;
    if (culprit.needsKernel) {
      this.#refuse(culprit, errno);
      this.openGroup(members);
    } else {
      for (const event of members) this.#refuse(event, errno);
    }
    return culprit;
  }

  /** Each counts by itself: in as few groups as it takes. */
  openLoose(events: readonly Candidate[]): void {
    const hardware = events.filter((event) => !event.isSoftware);
    const software = events.filter((event) => event.isSoftware);
    // Software events last: the group's leader is what decides whether it has to wait.
    const all = [...hardware, ...software];
    if (hardware.length > 0 && software.length > 0 && this.#isOneGroup(all)) return;
    this.#openInTurn(hardware);
    this.#openInTurn(software);
  }

  #isOneGroup(events: readonly Candidate[]): boolean {
    const { errno, isOn } = this.#tryWithLess(events);
    if (errno !== 0) return false;
    if (isOn) return true;
    this.#undo(events);
    return false;
  }

  /** From the front, as many at a time as fit. */
  #openInTurn(events: readonly Candidate[]): void {
    let rest = [...events];
    while (rest.length > 0) {
      const opened = this.#openPrefix(rest);
      rest = rest.filter((event) => !opened.includes(event) && !this.outcomes.has(event));
    }
  }

  /** Opens some of the first events as one group; a refused one has an outcome then. At least one is dealt with. */
  #openPrefix(events: readonly Candidate[]): readonly Candidate[] {
    let wanted = events.slice(0, this.#fits);
    for (;;) {
      const { errno, refused, isOn } = this.#tryWithLess(wanted);
      if (errno === 0) {
        if (isOn || wanted.length === 1) return wanted;
        this.#undo(wanted);
        wanted = wanted.slice(0, Math.ceil(wanted.length / 2));
        this.#fits = wanted.length;
      } else if (refused > 0 && (errno === EINVAL || errno === ENOSPC)) {
        wanted = wanted.slice(0, refused); // so many fit together; that one is first in the next group
      } else {
        this.#refuse(wanted[refused]!, errno);
        wanted = wanted.filter((_, index) => index !== refused);
        if (wanted.length === 0) return wanted;
      }
    }
  }

  /** Without the kernel's part if that is not permitted; what is of no use so is refused then. */
  #tryWithLess(events: readonly Candidate[]): Attempt {
    if (!this.#isUserOnly) {
      const attempt = this.#try(events);
      if (attempt.errno !== EACCES && attempt.errno !== EPERM) return attempt;
      this.#isUserOnly = true;
    }
    const spared = events.findIndex(({ needsKernel, spec }) => needsKernel && !spec.excludeKernel);
    if (spared >= 0) return { errno: EACCES, refused: spared, isOn: false };
    return this.#try(events);
  }

  #try(events: readonly Candidate[]): Attempt {
    const group = this.#groups;
    const hasHardware = events.some((event) => !event.isSoftware);
    const lines = Int32Array.from(events, (event) => event.line);
    const missed = hasHardware ? this.#missedLine(group) : 0;
    // Without that time nobody could tell a count from a part of one.
    if (hasHardware && missed === 0) return { errno: ENOSPC, refused: 0, isOn: false };
    const [errno, refused, bits] = this.#addon.addGroup(lines, this.#words(events), missed);
    if (errno !== 0) return { errno, refused, isOn: false };
    this.#groups++;
    // While a group of ours holds registers the next cannot tell whether it would get on without it.
    const isOn = (bits & IS_ON) !== 0 || this.#hardwareGroups > 0;
    if (hasHardware) this.#hardwareGroups++;
    for (const event of events) {
      const isUserOnly = this.#isUserOnly && !event.spec.excludeKernel;
      const isUserRead = (bits & IS_USER_READABLE) !== 0;
      this.outcomes.set(event, { errno: 0, isUserOnly, isUserRead, missedLine: missed });
    }
    return { errno: 0, refused: 0, isOn };
  }

  #words(events: readonly Candidate[]): BigUint64Array {
    const words = new BigUint64Array(events.length * SPEC_WORDS);
    events.forEach(({ spec }, index) => {
      const userBit = spec.excludeUser ? EXCLUDE_USER : 0n;
      const kernelBit = spec.excludeKernel || this.#isUserOnly ? EXCLUDE_KERNEL : 0n;
      words.set(
        [BigInt(spec.type), spec.config, spec.config1, spec.config2, userBit | kernelBit],
        index * SPEC_WORDS,
      );
    });
    return words;
  }

  #undo(events: readonly Candidate[]): void {
    this.#addon.removeGroup();
    this.#groups--;
    if (events.some((event) => !event.isSoftware)) this.#hardwareGroups--;
    for (const event of events) this.outcomes.delete(event);
  }

  #refuse(event: Candidate, errno: number): void {
    this.outcomes.set(event, { errno, isUserOnly: false, isUserRead: false, missedLine: 0 });
  }
}
