/**
 * What counters mean, said slowly and obviously: maps, loops over everything, big integers. Nothing is shared with the
 * core but the numbers of the events. Time passes for whom it passes; whoever took no reading of it shows it to nobody
 * (`Odometer`); what is asked of another thread's counters waits in a list until that thread comes to a safepoint.
 */
import { type CounterOptions, Member, ModelCounter, type Observed } from './model-counter.ts';
import {
  type ModelCpu,
  type ModelRequest,
  ModelTask,
  type Owner,
  type RequestKind,
  liveAncestor,
} from './model-owner.ts';
import { ModelTime } from './model-time.ts';

/** What a thread leaves behind. */
export interface Estate {
  readonly tasks: readonly ModelTask[];
  /** Counters that it has open on tasks of other threads. */
  readonly opened: readonly ModelCounter[];
}

export class Model extends ModelTime {
  readonly counters: Set<ModelCounter> = new Set();
  /** Living tasks, the threads' own included. */
  readonly tasks: Set<ModelTask> = new Set();
  /** Tasks that have ended since somebody last looked. */
  readonly ended: ModelTask[] = [];
  /** Threads that died in a slice. */
  lostSlices = 0;
  /** Counters that take a slot have been opened. */
  hasSlots = false;
  /** Bumped when a counter is opened, installed or closed. */
  structure = 0;
  /** Tasks with counters that wait for their start, or once did. */
  readonly #waiting: Set<Owner> = new Set();
  readonly #samples: Set<ModelCounter> = new Set();
  /** Members to settle when their thread has taken its next reading. */
  readonly #deferred: Map<Member, ModelCounter> = new Map();

  addCpu(index: number): ModelCpu {
    const cpu = this.addSlot(index);
    this.tasks.add(cpu.root);
    return cpu;
  }

  override book(cpu: ModelCpu): void {
    super.book(cpu);
    if (this.#samples.size > 0) this.#sample();
    if (this.#deferred.size === 0) return;
    for (const [member, counter] of this.#deferred) {
      if (member.owner.odometer.stagedRan > 0) continue; // another thread's
      this.#deferred.delete(member);
      this.#settle(counter, member);
    }
  }

  override switchTo(cpu: ModelCpu, task: ModelTask, isLazy: boolean): void {
    if (cpu.running === task) return;
    super.switchTo(cpu, task, isLazy);
    this.#start(task);
  }

  /** Looks for overflows; a counter whose limit is used up is disabled at the end of the reading. */
  #sample(): void {
    const spent = [...this.#samples].filter((counter) =>
      counter.sampling!.advance(counter.total(this.now, this.rates)),
    );
    for (const counter of spent) {
      this.#want(counter.own, false);
      this.refreshGroup(counter);
    }
  }

  /** Counters that waited for the task to be given the thread are enabled. */
  #start(task: ModelTask): void {
    if (!this.#waiting.delete(task)) return;
    for (const counter of this.counters) {
      const member = counter.members.get(task);
      if (member === undefined || !member.isWaiting || !counter.isInstalled) continue;
      member.isWaiting = false;
      if (!member.isFailed) member.wants = true;
      this.refreshGroup(counter);
    }
  }

  /** What the core decided: it is on the PMU or not, or could not go on. */
  observe(counter: ModelCounter, member: Member, { isActive, isFailed }: Observed): void {
    if (member.isSeenActive === isActive && member.isFailed === isFailed) return;
    member.isSeenActive = isActive;
    member.isFailed = isFailed;
    // At a lazy switch no reading is taken: what the outgoing task did shows only later, and was counted until now.
    if (member.owner.odometer.stagedRan > 0) this.#deferred.set(member, counter);
    else this.#settle(counter, member);
  }

  #settle(counter: ModelCounter, member: Member): void {
    member.isActive = member.isSeenActive;
    this.refreshGroup(counter);
  }

  /** Does the member's group take slots, so that it counts only while it is on the PMU? */
  isGated(counter: ModelCounter, member: Member): boolean {
    if (!this.hasSlots) return false;
    for (const other of this.counters) {
      if (other.leader !== counter.leader || !other.options.slotted || !other.isInstalled) continue;
      if (other.members.get(member.owner)?.isFrozen === false) return true;
    }
    return false;
  }

  fork(cpu: ModelCpu, parent: ModelTask, name: string): ModelTask {
    const from = liveAncestor(parent) ?? cpu.root;
    const child = new ModelTask(cpu, from, { name, now: this.now });
    this.tasks.add(child);
    this.names.started(cpu.index, name);
    if (from.cpu !== cpu) return child; // a family lives on one thread
    const line = from === cpu.root ? cpu.lines.own : cpu.lines.tasks;
    for (const odometer of [from.odometer, line, cpu.odometer]) odometer.forks += 1;
    for (const counter of this.counters) {
      const member = counter.members.get(from);
      if (!counter.inherit || !counter.isInstalled || member === undefined) continue;
      counter.members.set(child, new Member(child, member.isWanted, member.isWaiting));
      child.isCounted = true;
      if (member.isWaiting) this.#waiting.add(child);
    }
    for (const counter of this.counters) if (counter.members.has(child)) this.#refresh(counter);
    this.#sample();
    return child;
  }

  /** `by`: the thread that does it, and writes it down. */
  exit(by: ModelCpu, task: ModelTask, booksOf: ModelCpu = by): void {
    if (!task.isLive) return;
    if (by.running === task || by.lateFor === task) {
      const name = by.running === task ? task.name : by.lateName;
      const heir = liveAncestor(task.parent) ?? by.root;
      this.switchLate(by, heir.cpu === by ? heir : by.root, name);
    }
    task.isLive = false;
    this.tasks.delete(task);
    // A line of dead tasks is shortened; one that ends in a dead thread goes to whoever ended the task.
    if (task.parent?.isLive === false) task.parent = liveAncestor(task.parent) ?? by.root;
    this.ended.push(task);
    this.#noteEnd(booksOf, task);
    this.#freeze(task);
  }

  #noteEnd(booksOf: ModelCpu, task: ModelTask): void {
    if (task.isCounted && task.parent !== undefined) this.names.ended(booksOf.index, task.name);
  }

  open(target: Owner, options: CounterOptions, leader: ModelCounter | undefined): ModelCounter {
    const counter = new ModelCounter(target, options);
    if (leader !== undefined) counter.leader = leader;
    this.counters.add(counter);
    this.structure++;
    this.hasSlots ||= options.slotted;
    if (options.onStart) this.#waiting.add(target);
    if (options.period > 0) this.#samples.add(counter);
    if (target instanceof ModelTask) target.isCounted = true;
    else this.#install(counter);
    return counter;
  }

  /** Performs a request if the thread may, else leaves it with the one that may. */
  submit(from: ModelCpu, request: ModelRequest): void {
    const owner = this.responsible(from, request);
    if (owner === from) this.perform(from, request);
    else owner.pending.push(request);
  }

  responsible(from: ModelCpu, request: ModelRequest): ModelCpu {
    const target = request.task ?? request.counter!.target;
    const owner = this.cpus[target instanceof ModelTask ? target.cpu.index : target.index]!;
    if (owner === from || owner.isLive) return owner;
    return this.cpus[0]!.isLive ? this.cpus[0]! : from;
  }

  safepoint(cpu: ModelCpu): ModelRequest[] {
    const requests = cpu.pending;
    if (requests.length === 0) return requests;
    cpu.pending = [];
    for (const request of requests) this.perform(cpu, request);
    return requests;
  }

  perform(by: ModelCpu, request: ModelRequest): void {
    const { kind, counter, task } = request;
    if (counter?.isClosed === true) return;
    if (kind === 'install') this.#install(counter!);
    else if (kind === 'close') this.#close(counter!);
    else if (kind === 'period') counter!.sampling!.setPeriod(request.value!);
    else if (kind === 'refresh') this.#refreshLimit(counter!, request.value!);
    else if (kind === 'exit') this.exit(by, task!);
    else if (kind === 'enableTask' || kind === 'disableTask') this.#prctl(task!, kind === 'enableTask');
    else for (const member of this.groupOf(counter!, request.group)) this.#operate(member, kind);
  }

  /** The counter alone, or all members of its group. */
  groupOf(counter: ModelCounter, group: boolean): ModelCounter[] {
    if (!group) return [counter];
    return [...this.counters].filter(
      (other) => other.leader === counter.leader && (other.isInstalled || other === counter),
    );
  }

  /** The thread ends in good order, and so do its tasks, in the order given. */
  shutdown(cpu: ModelCpu, tasks: readonly ModelTask[], opened: readonly ModelCounter[]): void {
    this.#closeAll(cpu, opened);
    cpu.isLive = false;
    for (const task of tasks) this.exit(cpu, task);
    this.#freeze(cpu);
  }

  /** `by` ends what a dead thread left behind, and then does what others had asked of it. */
  reap(by: ModelCpu, dead: ModelCpu, left: Estate): void {
    this.#closeAll(by, left.opened);
    this.lostSlices++;
    this.lose(dead);
    for (const task of left.tasks) this.exit(by, task, dead);
    this.#freeze(dead);
    dead.isLive = false;
    for (const request of dead.pending) this.perform(by, request);
    dead.pending = [];
  }

  /** As its owner would, in this order. */
  #closeAll(by: ModelCpu, opened: readonly ModelCounter[]): void {
    for (const counter of opened) this.submit(by, { kind: 'close', counter, group: false });
  }

  #install(counter: ModelCounter): void {
    this.structure++;
    const { target } = counter;
    if (!target.isLive) {
      counter.own.isFrozen = true;
      counter.own.isWaiting = false;
      counter.leader = counter;
      return;
    }
    counter.isInstalled = true;
    if (counter.leader.isClosed) counter.leader = counter;
    this.refreshGroup(counter);
  }

  #close(counter: ModelCounter): void {
    this.structure++;
    counter.isClosed = true;
    this.counters.delete(counter);
    this.#samples.delete(counter);
    for (const other of this.counters) {
      if (other.leader !== counter) continue;
      other.leader = other;
      this.#refresh(other);
    }
    if (counter.leader !== counter) this.refreshGroup(counter.leader);
  }

  #refreshLimit(counter: ModelCounter, overflows: number): void {
    counter.sampling!.limit += BigInt(overflows);
    this.#want(counter.own, true);
    this.refreshGroup(counter);
  }

  #operate(counter: ModelCounter, kind: RequestKind): void {
    for (const member of counter.members.values()) {
      if (kind === 'reset') member.value.clear(counter.lookAt(member.owner, this.now, this.rates));
      else this.#want(member, kind === 'enable');
    }
    if (kind === 'reset') counter.folded = { ...counter.folded, value: 0n };
    else this.refreshGroup(counter);
  }

  /** A disabled one waits for no start any more. A pinned one that failed is tried again when it is enabled, and stays failed when it is disabled. */
  #want(member: Member, on: boolean): void {
    if (member.isFrozen) return;
    if (!on) member.isWaiting = false;
    if (member.isFailed && !on) return;
    member.wants = on;
    member.isFailed = false;
  }

  refreshGroup(counter: ModelCounter): void {
    this.#refresh(counter.leader);
    for (const other of this.counters) if (other.leader === counter.leader) this.#refresh(other);
  }

  /** Of what is attached to the task, the leaders. */
  #prctl(task: ModelTask, on: boolean): void {
    for (const counter of this.counters) {
      const member = counter.members.get(task);
      if (member === undefined || member.isFrozen || !counter.isInstalled) continue;
      if (counter.leader === counter || !counter.leader.members.has(task)) this.#want(member, on);
    }
    for (const counter of this.counters) if (counter.members.has(task)) this.#refresh(counter);
  }

  /** Looks at the odometers of all members that begin or stop counting now. */
  #refresh(counter: ModelCounter): void {
    for (const member of counter.members.values()) {
      const on = counter.isOn(member);
      const runs = on && (member.isActive || !this.isGated(counter, member));
      if (member.enabled.isOn === on && member.running.isOn === runs) continue;
      const ran = BigInt(member.owner.odometer.ran);
      const at = counter.lookAt(member.owner, this.now, this.rates);
      member.value.turn(runs, at);
      member.counted.turn(runs, at);
      member.enabled.turn(on, ran);
      member.running.turn(runs, ran);
    }
  }

  /** The end of a task or thread: originals keep their values for ever, children leave them to their family. */
  #freeze(owner: Owner): void {
    for (const counter of this.counters) {
      const member = counter.members.get(owner);
      if (member === undefined || !counter.isInstalled) continue;
      const before = counter.read(this.now, this.rates);
      member.isFrozen = true;
      member.isWaiting = false;
      this.#refresh(counter);
      if (member === counter.own) continue;
      counter.countedByEnded += member.counted.read(0n); // it is off
      counter.members.delete(owner);
      const left = counter.read(this.now, this.rates);
      counter.folded = {
        value: counter.folded.value + before.value - left.value,
        enabled: counter.folded.enabled + before.enabled - left.enabled,
        running: counter.folded.running + before.running - left.running,
      };
    }
  }
}
