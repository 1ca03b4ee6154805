/**
 * What can be counted beside the clocks without the addon: V8's collections, from Node's performance entries, heap
 * growth, and what the kernel says of the process as a whole. All of it is estimated. A pause is charged to the task that had the thread, when its entry comes; if the task
 * has ended by then, to its nearest living ancestor.
 */
import { constants } from 'node:os';
import { EVENT_ESTIMATED, V_ERRNO, V_FLAGS, addLine, credit, eventRowWord, lineOf } from '../core/index.ts';
import type { Cpu, Region } from '../core/index.ts';
import type { EventGroup, EventSource, ResolvedEvent, RusageField, V8Count } from './events/event.ts';
import { GcObserver, SliceLog } from './gc-observer.ts';
import type { GcPause } from './gc-observer.ts';
import { HeapGrowth } from './heap-growth.ts';
import type { JsClockPmu } from './js-clock-pmu.ts';
import type { Counted } from './sources.ts';
import { livingAncestor } from './task.ts';
import type { Task } from './task.ts';

const { ENOSPC, ENOSYS } = constants.errno;

type OfPause = (pause: GcPause) => number;

/** What one pause adds to each of these. */
const OF_PAUSE: ReadonlyMap<V8Count, OfPause> = new Map<V8Count, OfPause>([
  ['gc-time', ({ durationNs }) => durationNs],
  ['gc-count', () => 1],
  ['gc-minor', ({ isMinor }) => Number(isMinor)],
  ['gc-major', ({ isMajor }) => Number(isMajor)],
]);

/** Of the whole process: other threads' are charged to whoever runs here. */
const OF_USAGE: Readonly<Record<RusageField, (usage: NodeJS.ResourceUsage) => number>> = {
  'page-faults': ({ minorPageFault, majorPageFault }) => minorPageFault + majorPageFault,
  'minor-faults': ({ minorPageFault }) => minorPageFault,
  'major-faults': ({ majorPageFault }) => majorPageFault,
  'context-switches': (usage) => usage.voluntaryContextSwitches + usage.involuntaryContextSwitches,
  'voluntary-switches': ({ voluntaryContextSwitches }) => voluntaryContextSwitches,
  'involuntary-switches': ({ involuntaryContextSwitches }) => involuntaryContextSwitches,
};

/** A turn of a busy loop has some thousand slices. */
const SLICES = 4096;

export class JsSources {
  readonly #region: Region;
  readonly #pmu: JsClockPmu;
  readonly #cpu: Cpu;
  #counted: Map<string, Counted> = new Map();
  /** Lines of pauses, and what a pause adds to each. */
  #pauseLines: [number, OfPause][] = [];
  #observer: GcObserver | null = null;
  /** Null is the event loop. */
  #slices: SliceLog<Task | null> | null = null;

  constructor(host: { region: Region; pmu: JsClockPmu; cpu: Cpu }) {
    this.#region = host.region;
    this.#pmu = host.pmu;
    this.#cpu = host.cpu;
  }

  /** Counts these from now on; those that are counted already stay as they are. */
  open(groups: readonly EventGroup[]): null {
    for (const event of groups.flat())
      if (event.source.kind !== 'fixed' && !this.#counted.has(event.name)) this.#open(event);
    return null; // there are no groups of the kernel that could fail
  }

  /** Without the addon no other thread counts in this region. */
  offer(event: ResolvedEvent): Counted {
    return this.find(event) ?? { line: -1, errno: constants.errno.ENOSYS };
  }

  /** Undefined for what was never asked for. */
  find(event: ResolvedEvent): Counted | undefined {
    if (event.source.kind === 'fixed') return undefined;
    return this.#counted.get(event.name);
  }

  /** No group takes turns with another here. */
  missedLines(): number[] {
    return [];
  }

  missedLineOf(): number {
    return 0;
  }

  /** Counts only the clocks again. */
  close(): void {
    this.#observer?.stop();
    this.#observer = null;
    this.#slices = null;
    this.#pauseLines = [];
    this.#pmu.forgetSources();
    this.#counted = new Map();
  }

  /** The thread is this task's since the last reading. */
  entered(task: Task): void {
    this.#slices?.begin(task, this.#pmu.now);
  }

  /** The outermost callback has returned to the event loop. */
  left(): void {
    this.#pmu.leave();
    this.#slices?.begin(null, this.#pmu.now);
  }

  #open(event: ResolvedEvent): void {
    const line = lineOf(this.#region, event.name);
    if (line < 0) {
      this.#counted.set(event.name, { line, errno: ENOSPC });
      return;
    }
    const isOpen = this.#openSource(event.source, line);
    const errno = isOpen ? 0 : ENOSYS;
    this.#counted.set(event.name, { line, errno });
    const row = eventRowWord(line);
    this.#region.i32[row + V_ERRNO] = errno;
    if (!isOpen) return;
    Atomics.or(this.#region.i32, row + V_FLAGS, EVENT_ESTIMATED);
    addLine(this.#cpu, line);
  }

  #openSource(source: EventSource, line: number): boolean {
    if (source.kind === 'v8') return this.#openCount(source.count, line);
    const field = source.kind === 'rusage' ? source.field : source.kind === 'perf' ? source.instead : null;
    if (field === null) return false;
    const read = OF_USAGE[field];
    this.#pmu.addSource(line, () => read(process.resourceUsage()));
    return true;
  }

  #openCount(count: V8Count, line: number): boolean {
    const ofPause = OF_PAUSE.get(count);
    if (ofPause !== undefined) {
      this.#pmu.addSource(line, null);
      this.#pauseLines.push([line, ofPause]);
      this.#observe();
      return true;
    }
    if (count !== 'alloc-bytes') return false;
    const growth = new HeapGrowth();
    this.#pmu.addSource(line, () => growth.read());
    return true;
  }

  #observe(): void {
    if (this.#observer !== null) return;
    this.#slices = new SliceLog(SLICES);
    this.#observer = new GcObserver((pause) => this.#charge(pause));
    this.#observer.start();
  }

  #charge(pause: GcPause): void {
    const owner = this.#slices?.ownerAt(pause.startNs);
    for (const [line, ofPause] of this.#pauseLines) {
      const amount = ofPause(pause);
      if (owner === null) this.#pmu.addToLoop(line, amount);
      else credit(this.#cpu, owner === undefined ? this.#cpu.root : livingAncestor(owner).slot, line, amount);
    }
  }
}
