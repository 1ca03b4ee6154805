/** A hand-driven machine over any copy of the core (cores.ts): threads with one clock, and the questions scenarios ask. */
import assert from 'node:assert/strict';
import { HandPmu } from '../core/hand-pmu.ts';
import type { Core } from './cores.ts';

type Cpu = Core['Cpu']['prototype'];
type Region = Core['Region']['prototype'];

const CAPACITIES = { threads: 4, names: 8, tasks: 32, contexts: 32, counters: 96, ring: 8 };

export interface Thread {
  readonly cpu: Cpu;
  readonly pmu: HandPmu;
}

export class Bench {
  readonly core: Core;
  readonly region: Region;
  readonly threads: Thread[] = [];
  readonly #slots: number;

  /** With `slots` each thread's PMU has so many for hardware events. */
  constructor(core: Core, { slots = 0, capacities = CAPACITIES } = {}) {
    this.core = core;
    this.#slots = slots;
    const buffer = new SharedArrayBuffer(core.layoutOf(capacities).bytes);
    const header = { pid: 1, session: 0, nodeVersion: 'v20', startEpochMs: 0, startMono: 0 };
    this.region = core.Region.format(buffer, capacities, header);
    this.addThread();
  }

  get main(): Thread {
    return this.threads[0]!;
  }

  addThread(): Thread {
    const pmu = new HandPmu(this.#slots);
    pmu.now = this.threads[0]?.pmu.now ?? 0;
    const cpu = new this.core.Cpu(this.region, pmu, { threadId: 0, tid: 0, name: 'thread' });
    const thread = { cpu, pmu };
    this.threads.push(thread);
    return thread;
  }

  /** The thread works for `ns`; time passes for all. */
  advance(thread: Thread, ns: number): void {
    thread.pmu.advance(ns);
    for (const { pmu } of this.threads) if (pmu !== thread.pmu) pmu.sleep(ns);
  }

  /** A task has the thread for `ns`. */
  run(thread: Thread, task: number, ns: number): void {
    thread.cpu.switchTo(task);
    this.advance(thread, ns);
  }

  contextWord(context: number, word: number): number {
    return this.region.i32[this.region.contextW + (context << 4) + word]!;
  }

  counterWord(counter: number, word: number): number {
    return this.region.i32[this.region.counterW + (counter << 4) + word]!;
  }

  contextOf(task: number): number {
    return this.region.i32[this.region.taskW + (task << 4) + this.core.K_CONTEXT]!;
  }

  stateOf(counter: number): number {
    return ((this.counterWord(counter, this.core.R_PACKED) & 0xf00) >>> 8) - 4;
  }

  /** Slots of the three kinds that are in use: those ever taken, less the free ones. */
  liveSlots(): number[] {
    const { core, region } = this;
    const { i32 } = region;
    const kinds = [
      [core.H_TASKS_USED, region.taskW + core.K_NEXT],
      [core.H_CONTEXTS_USED, region.contextW + core.C_NEXT],
      [core.H_COUNTERS_USED, region.counterW + core.R_NEXT],
    ] as const;
    return kinds.map(([used, next], kind) => {
      let free = 0;
      for (let thread = 0; thread < region.layout.threads; thread++) {
        for (const head of [core.T_FREE_TASK, core.T_REMOTE_TASK]) {
          let slot = i32[core.threadWord(region.layout, thread) + head + kind]!;
          for (; slot !== 0; slot = i32[next + (slot << 4)]!) free++;
        }
      }
      return i32[used]! - free;
    });
  }

  /** I6: nothing is left but the threads' own tasks, of which some may have a context. */
  assertQuiet({ threads = this.threads.length, contexts = 0 } = {}): void {
    assert.deepEqual(this.liveSlots(), [threads, contexts, 0], 'tasks, contexts and counters in use');
  }

  /** What the main thread's last exit event says of an event. */
  lastExit(event: number): number {
    const { core, region } = this;
    const head = region.f64[core.threadF64(region.layout, 0) + core.T_F64_RING_HEAD]!;
    return region.f64[
      core.ringF64(region.layout, 0, (head - 1) % region.layout.ring) + core.E_F64_VALUES + event
    ]!;
  }
}
