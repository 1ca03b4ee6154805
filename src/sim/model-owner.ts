/** Who has counters: tasks and threads, as the model sees them; and what threads ask of each other. */
import type { ModelCounter } from './model-counter.ts';
import { Odometer } from './odometer.ts';

export type Owner = ModelTask | ModelCpu;

export class ModelTask {
  readonly cpu: ModelCpu;
  parent: ModelTask | undefined;
  name: string;
  readonly odometer: Odometer = new Odometer();
  isLive = true;
  /** It has, or had, a context: its exit is written down. */
  isCounted = false;
  /** When it last left the thread, or began. */
  left: number;

  constructor(cpu: ModelCpu, parent: ModelTask | undefined, at: { name: string; now: number }) {
    this.cpu = cpu;
    this.parent = parent;
    this.name = at.name;
    this.left = at.now;
  }
}

/** The parts into which a thread's time is divided; they add up to its total. */
export class Lines {
  readonly tasks: Odometer = new Odometer();
  readonly own: Odometer = new Odometer();
  readonly late: Odometer = new Odometer();
}

export class ModelCpu {
  readonly index: number;
  readonly lines: Lines;
  readonly root: ModelTask;
  isLive = true;
  /** undefined: late work runs. */
  running: ModelTask | undefined;
  lateFor: ModelTask | undefined;
  lateName = '';
  readySince = 0;
  readonly odometer: Odometer = new Odometer();
  /** Odometers that have moved since the last reading. */
  staged: Odometer[] = [];
  pending: ModelRequest[] = [];

  constructor(index: number, lines: Lines, now: number) {
    this.index = index;
    this.lines = lines;
    this.root = new ModelTask(this, undefined, { name: '', now });
    this.running = this.root;
  }
}

export type RequestKind =
  | 'install'
  | 'enable'
  | 'disable'
  | 'reset'
  | 'close'
  | 'refresh'
  | 'period'
  | 'enableTask'
  | 'disableTask'
  | 'exit';

export interface ModelRequest {
  readonly kind: RequestKind;
  readonly counter?: ModelCounter;
  readonly task?: ModelTask;
  readonly group: boolean;
  /** How many overflows, or which period. */
  readonly value?: number;
}

/** The task itself if it lives, else the nearest ancestor that does. */
export function liveAncestor(task: ModelTask | undefined): ModelTask | undefined {
  let next = task;
  while (next !== undefined && !next.isLive) next = next.parent;
  return next;
}
