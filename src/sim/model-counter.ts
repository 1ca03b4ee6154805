/**
 * What a counter means, as plainly as it can be said: for each task (or thread) of its family it looks at the odometer
 * when it begins to count and when it stops, and adds up the differences.
 *
 * Who gets the few slots of a PMU is a policy of the core's, which the checkers judge (I21-I28). Here it is only observed
 * (`Observed`); what follows for values and times is the model's.
 */
import { WALL } from '../core/index.ts';
import type { ModelCpu, ModelTask, Owner } from './model-owner.ts';
import { Sampling } from './model-sampling.ts';
import type { Rates } from './odometer.ts';

/** The sum of what an odometer showed more at each stop than at the start before it. */
export class Interval {
  isOn = false;
  #sum = 0n;
  #since = 0n;

  turn(on: boolean, at: bigint): void {
    if (on === this.isOn) return;
    this.#sum = on ? this.#sum : this.read(at);
    this.#since = at;
    this.isOn = on;
  }

  read(at: bigint): bigint {
    return this.isOn ? this.#sum + at - this.#since : this.#sum;
  }

  clear(at: bigint): void {
    this.#sum = 0n;
    this.#since = at;
  }
}

/** What the core decided about a member. */
export interface Observed {
  /** It is on the PMU, with its group. */
  readonly isActive: boolean;
  /** Pinned, and could not go on. */
  readonly isFailed: boolean;
}

/** A family's member on one task or thread. */
export class Member implements Observed {
  readonly owner: Owner;
  /** What was asked for. */
  wants: boolean;
  /** Off until its task is next given the thread. */
  isWaiting: boolean;
  isActive = false;
  /** The same, as last looked at. */
  isSeenActive = false;
  isFailed = false;
  /** Its task has exited: the values are final, the state is EXIT. */
  isFrozen = false;
  readonly value: Interval = new Interval();
  /** The same, untouched by RESET. */
  readonly counted: Interval = new Interval();
  readonly enabled: Interval = new Interval();
  readonly running: Interval = new Interval();

  constructor(owner: Owner, wants: boolean, isWaiting: boolean) {
    this.owner = owner;
    this.wants = wants;
    this.isWaiting = isWaiting;
  }

  get isWanted(): boolean {
    return this.wants && !this.isFailed;
  }
}

export interface Reading {
  readonly value: bigint;
  readonly enabled: bigint;
  readonly running: bigint;
}

export interface CounterOptions {
  readonly event: number;
  readonly inherit: boolean;
  readonly stat: boolean;
  readonly disabled: boolean;
  readonly slotted: boolean;
  readonly pinned: boolean;
  readonly exclusive: boolean;
  readonly onStart: boolean;
  /** Counts to an overflow; 0: it does not sample. */
  readonly period: number;
}

export class ModelCounter {
  /** The thread that opened it on another's task: when that ends it is closed. */
  opener: ModelCpu | undefined = undefined;
  readonly options: CounterOptions;
  readonly event: number;
  readonly inherit: boolean;
  readonly stat: boolean;
  /** What it was opened on. */
  readonly target: Owner;
  readonly own: Member;
  /** Of all tasks it counts; the own one first. */
  readonly members: Map<Owner, Member>;
  leader: ModelCounter = this;
  isClosed = false;
  /** Its thread has put it on its context. Before that it is open, but counts nothing. */
  isInstalled = false;
  /** Sums of children that have exited. */
  folded: Reading = { value: 0n, enabled: 0n, running: 0n };
  countedByEnded = 0n;
  readonly sampling: Sampling | undefined;

  constructor(target: Owner, options: CounterOptions) {
    this.target = target;
    this.options = options;
    this.event = options.event;
    this.inherit = options.inherit;
    this.stat = options.stat;
    this.own = new Member(target, !options.disabled && !options.onStart, options.onStart);
    this.members = new Map([[target, this.own]]);
    this.sampling = options.period === 0 ? undefined : new Sampling(options.period);
  }

  /** Is enabled time passing? A leader that is off, or was never there, decides for its siblings. */
  isOn(member: Member): boolean {
    if (!this.isInstalled || member.isFrozen || !member.isWanted) return false;
    const gate = this.leader.members.get(member.owner);
    return gate === undefined || gate.isWanted;
  }

  read(now: number, rates: Rates): Reading {
    let { value, enabled, running } = this.folded;
    for (const member of this.members.values()) {
      const one = this.readMember(member, now, rates);
      value += one.value;
      enabled += one.enabled;
      running += one.running;
    }
    return { value, enabled, running };
  }

  readMember(member: Member, now: number, rates: Rates): Reading {
    const ran = BigInt(member.owner.odometer.ran);
    return {
      value: member.value.read(this.lookAt(member.owner, now, rates)),
      enabled: member.enabled.read(ran),
      running: member.running.read(ran),
    };
  }

  /** All that the family ever counted. */
  total(now: number, rates: Rates): bigint {
    let total = this.countedByEnded;
    for (const { counted, owner } of this.members.values())
      total += counted.read(this.lookAt(owner, now, rates));
    return total;
  }

  /** What the member's odometer shows now. */
  lookAt(owner: ModelTask | ModelCpu, now: number, rates: Rates): bigint {
    return BigInt(this.event === WALL ? now : owner.odometer.of(this.event, rates));
  }
}
