/**
 * Time, as the model sees it: for whom it passes, and when a thread takes a reading of it. What passed since shows to
 * nobody else (`Odometer`).
 */
import { NameBook } from './model-names.ts';
import { Lines, ModelCpu, type ModelTask } from './model-owner.ts';
import type { Odometer, Rates } from './odometer.ts';

export class ModelTime {
  now = 0;
  readonly rates: Rates;
  /** By slot: the present thread, or the last one that had it. */
  readonly cpus: ModelCpu[] = [];
  readonly names: NameBook;

  constructor(rates: Rates, names: number) {
    this.rates = rates;
    this.names = new NameBook(names);
  }

  /** Whoever runs on the thread used it for `ns`, of which `stolen` the operating system took. */
  advance(cpu: ModelCpu, ns: number, stolen: number): void {
    this.now += ns;
    const { running } = cpu;
    if (running !== undefined) {
      this.#spend(cpu, running.odometer, ns, stolen);
      this.#spend(cpu, running === cpu.root ? cpu.lines.own : cpu.lines.tasks, ns, stolen);
    } else {
      this.#spend(cpu, cpu.lines.late, ns, stolen);
      const late = ns - stolen;
      if (cpu.lateFor !== undefined) this.#stage(cpu, cpu.lateFor.odometer).stagedLate += late;
      this.#stage(cpu, cpu.odometer).stagedLate += late;
      this.names.addLate(cpu, late);
    }
    this.#spend(cpu, cpu.odometer, ns, stolen);
  }

  /** Time that belongs to nobody. */
  sleep(ns: number): void {
    this.now += ns;
  }

  /** The thread takes a reading: what it did up to now becomes visible. */
  book(cpu: ModelCpu): void {
    for (const odometer of cpu.staged) odometer.book();
    cpu.staged.length = 0;
    this.names.book(cpu);
  }

  /** What was not booked is gone with its thread. */
  lose(cpu: ModelCpu): void {
    for (const odometer of cpu.staged) odometer.lose();
    cpu.staged.length = 0;
    this.names.lose(cpu);
  }

  /** `isLazy`: no reading was taken, so nobody knows when the outgoing task left. */
  switchTo(cpu: ModelCpu, task: ModelTask, isLazy: boolean): void {
    const before = cpu.running;
    const line = task === cpu.root ? cpu.lines.own : cpu.lines.tasks;
    if (!isLazy) {
      if (before !== undefined) before.left = this.now;
      const wait = Math.max(0, this.now - Math.max(task.left, cpu.readySince));
      this.#stage(cpu, task.odometer).stagedWait += wait;
      this.#stage(cpu, line).stagedWait += wait;
      this.#stage(cpu, cpu.odometer).stagedWait += wait;
    }
    this.#stage(cpu, task.odometer).stagedSwitches += 1;
    this.#stage(cpu, line).stagedSwitches += 1;
    this.#stage(cpu, cpu.odometer).stagedSwitches += 1;
    cpu.running = task;
    cpu.lateFor = undefined;
  }

  switchLate(cpu: ModelCpu, task: ModelTask, name: string): void {
    if (cpu.running !== undefined) cpu.running.left = this.now;
    cpu.running = undefined;
    cpu.lateFor = task;
    cpu.lateName = name;
  }

  addSlot(index: number): ModelCpu {
    const cpu = new ModelCpu(index, this.cpus[index]?.lines ?? new Lines(), this.now);
    this.cpus[index] = cpu;
    return cpu;
  }

  #spend(cpu: ModelCpu, odometer: Odometer, ns: number, stolen: number): void {
    this.#stage(cpu, odometer);
    odometer.stagedRan += ns;
    odometer.stagedStolen += stolen;
  }

  #stage(cpu: ModelCpu, odometer: Odometer): Odometer {
    if (!odometer.isStaged) {
      odometer.isStaged = true;
      cpu.staged.push(odometer);
    }
    return odometer;
  }
}
